"""The names of a pytree's leaves."""

from __future__ import annotations

from typing import Any

import jax


def joined(path: tuple[Any, ...], prefix: str = "") -> str:
    """Such as ``encoder.0.weight``: keys, indices and fields with points between, as torch has it."""
    parts = [prefix] if prefix else []
    for entry in path:
        for field in ("key", "idx", "name"):
            if hasattr(entry, field):
                parts.append(str(getattr(entry, field)))
                break
        else:
            parts.append(str(entry))
    return ".".join(parts)


def leaves_of(tree: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """(name, leaf) of each."""
    return [(joined(path, prefix), leaf) for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]]
