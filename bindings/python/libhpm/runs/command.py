"""The command ``libhpm``."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command. Its exit status is 0, 1 where ``doctor`` found a fault, or 2 for bad input."""
    try:
        from .application import application
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "click"):
            raise
        print("libhpm: the command needs typer; install it: pip install 'libhpm[command]'", file=sys.stderr)
        sys.exit(2)
    application()
