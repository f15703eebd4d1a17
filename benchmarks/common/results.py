"""One CSV of results that grows row by row and from which a stopped benchmark goes on."""

import csv
import fcntl
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path


def number(text: str) -> int | float | str:
    """The number that a field holds, or the field itself; an empty one is NaN."""
    if text == "":
        return float("nan")
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def read(path: str | os.PathLike, **fixed: object) -> list[dict]:
    """All rows of a results file as dicts; with `fixed`, those alone whose columns have these values."""
    with open(path, newline="") as file:
        rows = [{name: number(value) for name, value in row.items()} for row in csv.DictReader(file)]
    return [row for row in rows if all(row[name] == value for name, value in fixed.items())]


def forget(path: str | os.PathLike, unwanted: Callable[[dict], bool]) -> int:
    """Removes the rows for which `unwanted(row)` is true, so that they run again; returns how many they were."""
    path = Path(path)
    if not path.exists():
        return 0
    lines = path.read_text().splitlines(keepends=True)
    with open(path, newline="") as file:
        names = next(csv.reader(file))
    kept = [
        line
        for line in lines[1:]
        if not unwanted(dict(zip(names, map(number, next(csv.reader([line]))))))
    ]
    new = path.with_suffix(path.suffix + ".new")
    new.write_text("".join(lines[:1] + kept))
    new.replace(path)
    return len(lines) - 1 - len(kept)


def field(value: object) -> str:
    """Floats with nine digits, which a reader gets back to 1e-9; NaN is empty."""
    if isinstance(value, float) or hasattr(value, "dtype") and value.dtype.kind == "f":
        return "" if value != value else f"{float(value):.9g}"
    return str(value)


class Results:
    """The results file as a writer holds it.

    Args:
        path: Of the CSV; made if it is absent.
        columns: Of the CSV, in their order.
        key: The columns that name a row. A row whose key the file has is not written again.

    `keys` is the set of the keys that the file holds, each a tuple of numbers and strings in the
    order of `key`. A last line that a killed writer left incomplete is cut off at opening.

    Raises:
        ValueError: The file has other columns.
        BlockingIOError: Another process writes to it.
    """

    def __init__(self, path: str | os.PathLike, columns: Sequence[str], key: Sequence[str]):
        self.path, self.columns, self.key = Path(path), tuple(columns), tuple(key)
        if not set(key) <= set(columns):
            raise ValueError(f"key {key} is no part of the columns {columns}")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.keys = self._mend()
        except BaseException:
            self._file.close()
            raise

    def _mend(self) -> set[tuple]:
        self._file.seek(0)
        data = self._file.read()
        end = data.rfind(b"\n") + 1  # what follows the last line break was not finished
        if end < len(data):
            self._file.truncate(end)
        lines = list(csv.reader(io.StringIO(data[:end].decode())))
        if not lines:
            self._write([self.columns])
            return set()
        if tuple(lines[0]) != self.columns:
            raise ValueError(f"{self.path} has the columns {lines[0]}; expected {list(self.columns)}")
        places = [self.columns.index(name) for name in self.key]
        for count, line in enumerate(lines[1:], start=2):
            if len(line) != len(self.columns):
                raise ValueError(f"{self.path}, line {count}: {len(line)} fields instead of {len(self.columns)}")
        return {tuple(number(line[place]) for place in places) for line in lines[1:]}

    def _write(self, lines: Iterable[Sequence[str]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        self._file.write(text.getvalue().encode())
        self._file.flush()

    def key_of(self, row: Mapping) -> tuple:
        """The key of a row, as `keys` holds it."""
        return tuple(number(field(row[name])) for name in self.key)

    def append(self, rows: Iterable[Mapping]) -> int:
        """Writes the rows that are new, at once, and returns how many they were."""
        lines = []
        for row in rows:
            unknown = set(row) - set(self.columns)
            if unknown:
                raise ValueError(f"unknown columns {sorted(unknown)}; allowed: {list(self.columns)}")
            key = self.key_of(row)
            if key not in self.keys:
                self.keys.add(key)
                lines.append([field(row.get(name, float("nan"))) for name in self.columns])
        if lines:
            self._write(lines)
        return len(lines)

    def close(self) -> None:
        self._file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
