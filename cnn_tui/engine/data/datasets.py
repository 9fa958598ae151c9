"""The datasets of the catalogue: downloaded on first use, unpacked and read.

Not by ``torchvision.datasets``: its downloads cannot be stopped or resumed and report no progress; it hashes every file
again at each start, reads CIFAR by ``pickle``, and calls a damaged file "not found or corrupted" without naming it.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Collection, Generator, Hashable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from cnn_tui import paths
from cnn_tui.catalog.datasets import DATASETS, RemoteFile
from cnn_tui.engine.cache_slot import file_stamp
from cnn_tui.engine.control import RateLimiter, ShouldStop, Stopped
from cnn_tui.engine.data.dataset_readers import READERS, DatasetFiles, DatasetSplits, damaged
from cnn_tui.engine.download import DownloadError, download, locked
from cnn_tui.events import Event, Phase, Progress
from cnn_tui.store.files import storage_error

_DAMAGE = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)
_CHUNK = 1 << 20


def load_dataset(name: str, should_stop: ShouldStop) -> Generator[Event, None, DatasetSplits]:
    """Download the missing files of a dataset and read it.

    A damaged file is renamed, so that the next attempt downloads it again.

    Raises:
        DataError: it cannot be downloaded or is damaged.
        StorageError: it cannot be unpacked.
        Stopped: ``should_stop`` returned True.
    """
    dataset = DATASETS[name]
    folder = paths.datasets_folder() / name
    missing = dataset.missing(folder)
    if missing:
        yield Phase(name="downloading", detail=f"{dataset.title}, {sum(file.bytes for file in missing) / 1e6:,.0f} MB")
    for file in missing:
        yield from _fetch(file, folder, should_stop)
    yield Phase(name="loading", detail=dataset.title)
    for file in dataset.files:
        if file.members and (folder / file.name).exists():
            yield from _unpack(file, folder, should_stop)
    return READERS[name](DatasetFiles(dataset, folder))


def dataset_identity(name: str) -> str:
    """A hash of a dataset's name and the checksums of its files."""
    parts = (name, *(file.md5 for file in DATASETS[name].files))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def dataset_stamp(name: str) -> tuple[str, tuple[Hashable, ...]]:
    """The stamps of a dataset's files, None for missing ones: they differ once a file has changed."""
    folder = paths.datasets_folder() / name
    needed = [part for file in DATASETS[name].files for part in (file.members or (file.name,))]
    return name, tuple(file_stamp(folder / part) for part in needed)


def _fetch(file: RemoteFile, folder: Path, should_stop: ShouldStop) -> Iterator[Event]:
    failures: list[DownloadError] = []
    for url in file.urls:
        try:
            yield from download(url, folder / file.name, md5=file.md5, should_stop=should_stop)
        except DownloadError as error:
            failures.append(error)
        else:
            return
    last = failures[-1]
    raise DownloadError(last.title, "\n".join(failure.detail for failure in failures), last.hint)


def _unpack(file: RemoteFile, folder: Path, should_stop: ShouldStop) -> Iterator[Event]:
    """Replace an archive by its files."""
    archive = folder / file.name
    try:
        with locked(archive, should_stop):
            if archive.exists():
                yield from unpack(archive, file.members, folder, should_stop)
                archive.unlink()
    except DamagedArchiveError as error:
        raise damaged(archive, str(error)) from error


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
        yield from _extract(archive, set(names), folder, should_stop)
    except _DAMAGE as error:
        raise DamagedArchiveError(str(error) or "it ends early") from error
    except OSError as error:
        raise storage_error(folder, error) from error


def _extract(archive: Path, left: set[str], folder: Path, should_stop: ShouldStop) -> Iterator[Event]:
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
