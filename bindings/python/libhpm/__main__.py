"""``python -m libhpm`` is the command ``libhpm``."""

from .runs.command import main

if __name__ == "__main__":
    main()
