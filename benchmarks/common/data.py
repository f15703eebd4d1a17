"""Where data are that are no part of the project."""

import os
from pathlib import Path


def data_folder() -> Path:
    """HPM_DATA, or ../shared/data beside the repository."""
    return Path(os.environ.get("HPM_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
