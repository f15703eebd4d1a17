"""Looks at the file of a run: what the command ``libhpm`` is made of.

A run's file is an SQLite database (docs/runs.md has its tables). All here reads it without the library, while the run
goes on in another process or afterwards, and never writes it:

* :class:`~libhpm.runs.run_file.RunFile` reads its tables, :class:`~libhpm.runs.lineage.Lineage` says who descends from
  whom, :class:`~libhpm.runs.schedule.BestSchedule` what trained the best student's weights.
* :func:`~libhpm.runs.page.write_page` makes the HTML page, :func:`~libhpm.runs.export.export` the tables for other
  programs.
* ``watch``, ``compare`` and ``doctor`` are behind the commands of these names.
"""

from .run_file import RunFile, RunFileError

__all__ = ["RunFile", "RunFileError"]
