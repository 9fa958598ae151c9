"""Checkpoints of unfinished sessions on disk: the newest two, of which a damaged one is skipped.

A checkpoint is a file of tensors and a description, which is written last and has the checksum of the file: without it
the checkpoint does not count. Both are written atomically.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import Field, ValidationError

from cnn_tui import paths
from cnn_tui.config.experiment import FrozenModel
from cnn_tui.errors import StorageError
from cnn_tui.events import EpochFinished
from cnn_tui.store.files import ensure_writable, replace_atomic, sha256_of, write_atomic
from cnn_tui.store.sessions import read_record

CHECKPOINT_FOLDER = "checkpoint"
_KEPT = 2
_FINISHED_BYTES = 4 * 2**30  # of the checkpoints of all finished sessions together
_NAME = re.compile(r"(?P<number>[0-9]{6})\.json")


class CheckpointInfo(FrozenModel):
    """The description of a checkpoint: everything but the tensors.

    Attributes:
        epoch: the epoch in progress; ``step`` of its steps were taken, on ``images`` images.
        epochs: the complete epochs.
        seconds: of training so far; ``images_seen`` likewise.
        train_images: how many images the run is trained on; ``data`` identifies them.
        events: the number of events that the run had emitted.
        sha256: of the file of tensors.
    """

    format: int = 1
    epoch: int = Field(ge=1)
    step: int = Field(ge=0)
    images: int = Field(ge=0)
    epochs: tuple[EpochFinished, ...]
    seconds: float = Field(ge=0)
    images_seen: int = Field(ge=0)
    train_images: int = Field(ge=0)
    data: str
    events: int = Field(ge=0)
    sha256: str = ""


def save_checkpoint(session: Path, info: CheckpointInfo, write: Callable[[Path], None], size: int) -> None:
    """Add a checkpoint to a session, and remove all but the newest two.

    Args:
        write: creates the file of tensors at a path; it has about ``size`` bytes.

    Raises:
        StorageError: it cannot be written; the earlier ones are kept.
    """
    folder = session / CHECKPOINT_FOLDER
    ensure_writable(folder, size)
    earlier = _numbers(folder)
    tensors, description = _files(folder, max(earlier, default=0) + 1)
    replace_atomic(tensors, write)
    write_atomic(description, info.model_copy(update={"sha256": sha256_of(tensors)}).model_dump_json() + "\n")
    for number in earlier[: -(_KEPT - 1)]:
        _remove(folder, number)


def newest_checkpoint(session: Path) -> tuple[CheckpointInfo, Path] | None:
    """The newest undamaged checkpoint of a session and its file of tensors; None if there is none."""
    folder = session / CHECKPOINT_FOLDER
    for number in reversed(_numbers(folder)):
        tensors, description = _files(folder, number)
        with contextlib.suppress(OSError, StorageError, ValidationError):
            info = CheckpointInfo.model_validate_json(description.read_bytes())
            if info.format == 1 and sha256_of(tensors) == info.sha256:
                return info, tensors
    return None


def has_checkpoint(session: Path) -> bool:
    """Whether a session has a checkpoint, damaged or not."""
    return bool(_numbers(session / CHECKPOINT_FOLDER))


def keep_newest(session: Path) -> None:
    """Remove all checkpoints of a finished session but the newest, from which it can be continued.

    Those of all sessions take at most 4 GiB: beyond that, the ones of the sessions that finished first are removed.
    """
    folder = session / CHECKPOINT_FOLDER
    for number in _numbers(folder)[:-1]:
        _remove(folder, number)
    total = 0
    for other in sorted(_finished(session), key=lambda path: path.stat().st_mtime, reverse=True):
        total += sum(file.stat().st_size for file in other.iterdir())
        if total > _FINISHED_BYTES:
            shutil.rmtree(other, ignore_errors=True)


def _finished(session: Path) -> Iterator[Path]:
    """The checkpoint folders of this session and of all others whose run is done."""
    for folder in paths.sessions_folder().glob(f"*/{CHECKPOINT_FOLDER}"):
        with contextlib.suppress(StorageError):
            if folder.parent == session or read_record(folder.parent).status == "done":
                yield folder


def _numbers(folder: Path) -> list[int]:
    """The numbers of the checkpoints with a description, ascending."""
    if not folder.is_dir():
        return []
    return sorted(int(found["number"]) for file in folder.iterdir() if (found := _NAME.fullmatch(file.name)))


def _files(folder: Path, number: int) -> tuple[Path, Path]:
    """The file of tensors and the description of a checkpoint."""
    return folder / f"{number:06}.safetensors", folder / f"{number:06}.json"


def _remove(folder: Path, number: int) -> None:
    tensors, description = _files(folder, number)
    for path in (description, tensors):  # in this order: no description may be left without its tensors
        with contextlib.suppress(OSError):
            path.unlink()
