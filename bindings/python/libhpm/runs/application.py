"""What the command ``libhpm`` does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Optional, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from .compare import compare as comparison
from .doctor import examine
from .export import export as write_tables
from .export import schedule_table, write_csv
from .page import write_page
from .run_file import RunFile, RunFileError
from .schedule import StudentSchedule, json_lines
from .watch import watch as show

application = typer.Typer(
    name="libhpm",
    help="Looks at runs of hpm.Population.open and hpm.tune(run=...), while they go on or afterwards.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Run = Annotated[Path, typer.Argument(metavar="RUN.DB", help="The file of the run.", show_default=False)]
_Command = TypeVar("_Command", bound=Callable[..., Any])


class TableFormat(str, Enum):
    csv = "csv"
    json = "json"
    parquet = "parquet"


class TextFormat(str, Enum):
    csv = "csv"
    json = "json"


def _answering(command: _Command) -> _Command:
    """What can't be read is a sentence and the exit status 2."""

    @wraps(command)
    def answer(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except RunFileError as error:
            print(f"libhpm: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return answer  # type: ignore[return-value]


@application.command()
@_answering
def watch(
    run: Run,
    interval: Annotated[float, typer.Option(min=0.05, help="Seconds between frames.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print one frame.")] = False,
) -> None:
    """Shows a run in the terminal until it is over: students, losses, hyperparameters, time left."""
    with RunFile(run) as file:
        show(file, Console(), interval, once)


@application.command()
@_answering
def report(
    run: Run,
    output: Annotated[
        Optional[Path], typer.Option("--output", "-o", help="The page; RUN.html beside the file if left out.")
    ] = None,
) -> None:
    """Makes one HTML page of a run, with all in it: losses, schedules, lineage, mutations, budget."""
    target = run.with_suffix(".html") if output is None else output
    if target.resolve() == run.resolve():
        raise RunFileError(f"{target} is the run itself; give another name for the page")
    print(write_page(run, target))


@application.command()
@_answering
def export(
    run: Run,
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder; it is made.", show_default=False)],
    format: Annotated[TableFormat, typer.Option(help="Of the tables.")] = TableFormat.csv,
) -> None:
    """Writes reports, events, clones, metrics and the best schedule as tables, a file each."""
    with RunFile(run) as file:
        for target in write_tables(file, output, format.value):
            print(target)


@application.command()
@_answering
def replay(
    run: Run,
    student: Annotated[
        Optional[int], typer.Option(min=0, help="Whose weights; the best student's if left out.", show_default=False)
    ] = None,
    format: Annotated[TextFormat, typer.Option(help="Of the schedule.")] = TextFormat.csv,
) -> None:
    """Prints the hyperparameters that trained a student's weights, a report a line, through all its clones."""
    with RunFile(run) as file, file.snapshot():
        schedule = StudentSchedule.of(file, student)
        if format is TextFormat.json:
            for part in json_lines(schedule.steps()):
                sys.stdout.write(part)
        else:
            write_csv(schedule_table(file, schedule), sys.stdout)
        sys.stdout.flush()


@application.command()
@_answering
def compare(
    run: Run,
    other: Annotated[Path, typer.Argument(metavar="OTHER.DB", help="The file of another run.", show_default=False)],
) -> None:
    """Shows two runs beside each other: options, losses at equal reports and at equal cost (* marks the better)."""
    with RunFile(run) as first, RunFile(other) as second:
        Console().print(comparison(first, second))


@application.command()
@_answering
def doctor(
    run: Run,
    checkpoints: Annotated[
        Optional[Path], typer.Option(help="The folder of the run's hpm.Checkpoints.", show_default=False)
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Don't replay the log.")] = False,
) -> None:
    """Checks a run's file; the exit status is 1 where it found a fault."""
    console, failed = Console(), False
    styles = {"ok": "green", "warning": "yellow", "fault": "bold red"}
    for finding in examine(run, checkpoints, not quick):
        line = Text(f"{finding.level:8}", styles[finding.level])
        line.append(finding.text, "default")
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(f"        {finding.advice}", "dim"), soft_wrap=True)
        failed = failed or finding.level == "fault"
    raise typer.Exit(1 if failed else 0)
