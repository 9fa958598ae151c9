"""Hidden folders among the sessions: of an import or a deletion in progress, or what an interrupted one left."""

from __future__ import annotations

import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from cnn_tui import paths

_PURPOSES = ("import", "deleted")
_ABANDONED_SECONDS = 3600.0  # imports and deletions change something more often


def hidden_folder(purpose: Literal["import", "deleted"]) -> Path:
    """An unused path among the sessions, which no list shows."""
    return paths.sessions_folder() / f".{purpose}-{secrets.token_hex(8)}"


def remove_abandoned_folders() -> None:
    """Remove hidden folders in which nothing has changed for an hour, as far as that is possible."""
    for purpose in _PURPOSES:
        for folder in paths.sessions_folder().glob(f".{purpose}-*"):
            with suppress(OSError):
                if time.time() - _last_change(folder) > _ABANDONED_SECONDS:
                    remove_folder(folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder with everything in it, or a link to one."""
    folder.unlink() if folder.is_symlink() else shutil.rmtree(folder)


def _last_change(folder: Path) -> float:
    """The time at which something in a folder was last written, added, removed or renamed, the folder included."""
    return max(path.lstat().st_ctime for path in (folder, *folder.rglob("*")))
