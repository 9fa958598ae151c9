"""Extracting selected files from an archive, and nothing else."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from cnn_tui.engine.control import RateLimiter, ShouldStop, Stopped
from cnn_tui.events import Event, Progress
from cnn_tui.store.files import storage_error

_DAMAGE = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)
_CHUNK = 1 << 20


class DamagedArchiveError(Exception):
    """An archive that cannot be read, or lacks a wanted file."""


def unpack(archive: Path, names: Collection[str], folder: Path, should_stop: ShouldStop) -> Iterator[Event]:
    """Extract the files called ``names``, from any folder of a ``.tar.gz``, into ``folder``.

    Paths in the archive are ignored, links and devices skipped, so that nothing can be written elsewhere. A file is
    renamed to its own name once it is complete. Progress is in bytes of the archive.

    Raises:
        DamagedArchiveError: the archive is damaged or lacks one of the files.
        StorageError: the archive cannot be opened, or a file cannot be written.
        Stopped: ``should_stop`` returned True; it is called for every mebibyte.
    """
    try:
        yield from _unpack(archive, set(names), folder, should_stop)
    except _DAMAGE as error:
        raise DamagedArchiveError(str(error) or "it ends early") from error
    except OSError as error:
        raise storage_error(folder, error) from error


def _unpack(archive: Path, left: set[str], folder: Path, should_stop: ShouldStop) -> Iterator[Event]:
    limiter, total = RateLimiter(10), archive.stat().st_size
    with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r|gz") as members:
        for member in members:
            name = PurePosixPath(member.name).name
            content = members.extractfile(member) if name in left and member.isreg() else None
            if content is None:
                continue
            for _ in _write(content, member.size, folder / name, should_stop):
                if limiter.due():
                    yield Progress(done=file.tell(), total=total, unit="bytes")
            left.remove(name)
            if not left:
                return
    raise DamagedArchiveError(f"it lacks {', '.join(sorted(left))}")


def _write(content: IO[bytes], size: int, target: Path, should_stop: ShouldStop) -> Iterator[None]:
    """Copy ``content`` in chunks to a temporary name, and rename it once all ``size`` bytes are written."""
    part = target.with_name(target.name + ".part")
    with part.open("wb") as file:
        while chunk := content.read(_CHUNK):
            if should_stop():
                raise Stopped
            file.write(chunk)
            yield
        if file.tell() != size:
            raise EOFError(f"{target.name} is not complete in it")
    part.replace(target)
