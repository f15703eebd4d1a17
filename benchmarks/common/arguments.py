"""Arguments that the command lines share."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Mapping


def seeds(text: str) -> list[int]:
    """`0-9`, `3`, `0-4,100-104`."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def names(parser: ArgumentParser, text: str, known: Iterable[str], groups: Mapping[str, Iterable[str]]) -> list[str]:
    """Methods of a group, or by name: separated by semicolons or, where no name has one, by commas. A name that is not
    known ends the program with a sentence."""
    known = list(known)
    if text in groups:
        return list(groups[text])
    separator = ";" if ";" in text or text in known else ","
    found = [name.strip() for name in text.split(separator)]
    for name in found:
        if name not in known:
            parser.error(f"unknown method '{name}'; there are {'; '.join(known)}")
    return found
