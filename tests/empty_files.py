"""Folders of files without content, for what only looks at names."""

from __future__ import annotations

from pathlib import Path


def write_empty(root: Path, *names: str) -> Path:
    """Files below a folder, which is returned."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root
