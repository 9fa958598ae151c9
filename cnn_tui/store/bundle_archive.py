"""The zip file of a bundle, which is not trusted: nothing in it decides a path, and every size is limited.

It contains files of a session under their own names, and a manifest with their sizes and checksums.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import Field, ValidationError

from cnn_tui.config.experiment import FrozenModel
from cnn_tui.config.validation_errors import error_text
from cnn_tui.errors import BundleError, PresetError
from cnn_tui.formatting import quantity
from cnn_tui.store.files import reason, replace_atomic
from cnn_tui.store.notes import NOTE_FILE
from cnn_tui.store.predictions import PREDICTIONS_FILE, THUMBNAILS_FILE
from cnn_tui.store.presets import SESSION_BYTES, SESSION_FILE
from cnn_tui.store.session_writer import WEIGHTS_FILE
from cnn_tui.store.sessions import EVENTS_FILE
from cnn_tui.store.strict_json import parse_object

LIMITS = {
    SESSION_FILE: SESSION_BYTES,
    EVENTS_FILE: 2**30,
    WEIGHTS_FILE: 2**33,
    PREDICTIONS_FILE: 2**31,
    THUMBNAILS_FILE: 2**26,
    NOTE_FILE: 2**16,
}
"""The files of a bundle, and the most bytes that each may have."""

_MANIFEST, _MANIFEST_BYTES = "manifest.json", 2**16
_VERSION = 1
_COMPRESSED = frozenset({SESSION_FILE, EVENTS_FILE})
_LONGEST_READ = 2**17  # more than the list of as many files takes
_CHUNK = 2**16
_DAMAGED = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)


class FileEntry(FrozenModel):
    """The size and the checksum of a file."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(FrozenModel):
    """What a bundle contains. The id of the session becomes the name of a folder, so only generated ones are valid."""

    format: Literal["cnn-tui session"] = "cnn-tui session"
    version: Annotated[int, Field(ge=1)] = _VERSION
    session: str = Field(pattern="^[0-9]{8}T[0-9]{6}Z-[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)
    files: dict[str, FileEntry]


@dataclass(frozen=True)
class BundleArchive:
    """An opened bundle whose list of files and manifest have been checked."""

    manifest: Manifest
    _source: Path
    _zip: zipfile.ZipFile

    def extract(self, name: str, target: Path) -> None:
        """Write a file of the manifest to ``target``.

        Raises:
            BundleError: it is damaged, or its size or checksum is not that of the manifest.
            StorageError: it cannot be written.
        """
        replace_atomic(target, lambda path: self._extract(name, path))

    def _extract(self, name: str, target: Path) -> None:
        entry, digest, size = self.manifest.files[name], hashlib.sha256(), 0
        with target.open("xb") as file:
            for chunk in self._chunks(name):
                size += len(chunk)
                if size > entry.bytes:
                    break
                digest.update(chunk)
                file.write(chunk)
        if size != entry.bytes or digest.hexdigest() != entry.sha256:
            raise refused(self._source, f"{name} is damaged: its size or checksum is not that of the manifest")

    def _chunks(self, name: str) -> Iterator[bytes]:
        try:
            with self._zip.open(name) as member:
                while chunk := member.read(_CHUNK):
                    yield chunk
        except _DAMAGED as error:
            raise refused(self._source, f"{name} is damaged: {error}") from error


def refused(source: Path, why: str) -> BundleError:
    """The error for a bundle that is not imported."""
    return BundleError(f"{source.name} is not a valid bundle", f"{source}: {why}.", "Ask for a new copy of it.")


@contextmanager
def open_bundle(source: Path) -> Iterator[BundleArchive]:
    """Open a bundle and check everything that can be checked without extracting it.

    Raises:
        BundleError: it is missing, no bundle, damaged, or contains anything but files of a session.
    """
    if not source.is_file():
        raise BundleError(
            f"There is no file {source}", "", "'cnn-tui sessions export ID --bundle FILE' writes bundles."
        )
    with _opened(source) as archive:
        members = _checked_members(archive, source)
        yield BundleArchive(_manifest(archive, members, source), source, archive)


@contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    try:
        file = _CautiousFile(source)
    except OSError as error:
        raise BundleError(f"Cannot read {source.name}", f"{source}: {reason(error)}.") from error
    with file:
        try:
            archive = zipfile.ZipFile(file)
        except _DAMAGED as error:
            raise refused(source, f"it cannot be read as a zip file: {error}") from error
        with archive:
            yield archive


def _checked_members(archive: zipfile.ZipFile, source: Path) -> dict[str, zipfile.ZipInfo]:
    """The members of a zip file by name.

    Raises:
        BundleError: one is no file of a session, too large, there twice, encrypted, a link or another special file, or
            compressed in an unusual way.
    """
    limits = {**LIMITS, _MANIFEST: _MANIFEST_BYTES}
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.orig_filename  # zipfile's own name ends at the first NUL
        if name not in limits:
            raise refused(source, f"it contains {name[:100]!r}, which is no file of a session")
        if name in members:
            raise refused(source, f"it contains {name} twice")
        if info.flag_bits & 1:
            raise refused(source, f"{name} is encrypted")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise refused(source, f"{name} is a link or another special file")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refused(source, f"{name} is compressed by an unknown method")
        if info.file_size > limits[name]:
            raise refused(source, f"{name} is larger than {quantity(limits[name], 'bytes')}")
        members[name] = info
    return members


def write_archive(target: Path, session: str, files: Sequence[Path]) -> Manifest:
    """Write a bundle of a session's files. The same files give the same bundle.

    Raises:
        OSError: a file cannot be read or the bundle cannot be written.
    """
    entries: dict[str, FileEntry] = {}
    with zipfile.ZipFile(target, "x") as archive:
        for path in files:
            info = _info(path.name)
            with path.open("rb") as file, archive.open(info, "w", force_zip64=path.stat().st_size > 2**31) as member:
                entries[path.name] = _copy(file, member)
        # The manifest comes last, because it describes exactly the bytes that were copied.
        manifest = Manifest(session=session, files=entries)
        archive.writestr(_info(_MANIFEST), manifest.model_dump_json(indent=2) + "\n")
    return manifest


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED if name in _COMPRESSED else zipfile.ZIP_STORED
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def _copy(source: IO[bytes], target: IO[bytes]) -> FileEntry:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        target.write(chunk)
    return FileEntry(bytes=size, sha256=digest.hexdigest())


def _manifest(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], source: Path) -> Manifest:
    if _MANIFEST not in members:
        raise refused(source, f"it has no {_MANIFEST}")
    try:
        with archive.open(_MANIFEST) as member:
            document = parse_object(member.read(_MANIFEST_BYTES + 1), _MANIFEST, _MANIFEST_BYTES)
        version = document.get("version")
        if type(version) is int and version > _VERSION:
            raise BundleError(f"{source.name} was written by a newer cnn-tui", "", "Update cnn-tui to import it.")
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        raise refused(source, f"its {_MANIFEST} is not valid: {error_text(error, Manifest)}") from error
    except PresetError as error:
        raise refused(source, f"{error.title}: {error.detail.rstrip('.')}") from error
    except _DAMAGED as error:
        raise refused(source, f"its {_MANIFEST} is damaged: {error}") from error
    sizes = {name: info.file_size for name, info in members.items() if name != _MANIFEST}
    if sizes != {name: entry.bytes for name, entry in manifest.files.items()}:
        raise refused(source, f"its files are not those of its {_MANIFEST}")
    if SESSION_FILE not in sizes:
        raise refused(source, f"it has no {SESSION_FILE}")
    return manifest


class _CautiousFile(io.FileIO):
    """A file that is only read in small pieces: zipfile reads the list of files at once, however long it is."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, or refuse to read so much."""
        limited = size is None or size < 0
        data = super().read(_LONGEST_READ + 1 if size is None or limited else min(size, _LONGEST_READ + 1))
        if len(data) > _LONGEST_READ:
            raise zipfile.BadZipFile("its list of files is too long")
        return data
