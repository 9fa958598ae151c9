"""Downloading a file over HTTP, so that a file with the target's name is always complete and verified."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from filelock import FileLock, Timeout

from cnn_tui.engine.control import RateLimiter, ShouldStop, Stopped
from cnn_tui.errors import DataError
from cnn_tui.events import Event, Progress

SOCKET_TIMEOUT = 20.0
"""Seconds without a byte after which a connection counts as lost."""

_CHUNK = 1 << 18
_EVENTS_PER_SECOND = 10
_HTTP_OK = 200
_HTTP_PARTIAL = 206
_HTTP_RANGE_NOT_SATISFIABLE = 416


class DownloadError(DataError):
    """A file that could not be downloaded."""


class _ChecksumMismatchError(DownloadError):
    """A complete file with a wrong checksum."""


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    sha256_prefix: str | None = None,
    should_stop: ShouldStop,
) -> Iterator[Event]:
    """Download ``url`` to ``target`` unless it exists; emits progress in bytes at most ten times a second.

    The bytes go to ``<target>.part``, which is renamed once it is complete and its checksum (hex digits;
    ``sha256_prefix`` are the first of them) is right. A partial file of an earlier attempt is resumed if there is a
    checksum to verify the result and the server supports it. A lock keeps two processes from downloading at once.

    Raises:
        DownloadError: the file is not available, has a wrong checksum, or cannot be written.
        Stopped: ``should_stop`` returned True; it is called for every chunk.
    """
    if target.exists():
        return
    checksums = _Checksums(sha256 or sha256_prefix, md5)
    transfer = _Transfer(url, target, target.with_name(target.name + ".part"), checksums, should_stop)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target, should_stop):
            if not target.exists():
                yield from transfer.run()
    except OSError as error:
        raise transfer.write_error(error) from error


@dataclass(frozen=True)
class _Checksums:
    sha256: str | None
    md5: str | None

    def mismatch(self, path: Path, should_stop: ShouldStop) -> str | None:
        """A description of a wrong checksum of a file; None if all are right."""
        for name, expected in (("sha256", self.sha256), ("md5", self.md5)):
            found = _digest(path, name, should_stop) if expected else ""
            if expected and not found.startswith(expected.lower()):
                return f"its {name} is {found}, {expected} was expected"
        return None


@dataclass
class _Transfer:
    url: str
    target: Path
    part: Path
    checksums: _Checksums
    should_stop: ShouldStop

    def run(self) -> Iterator[Event]:
        resumed = self._offset() > 0
        yield from self._fetch()
        try:
            self._verify()
        except _ChecksumMismatchError:
            if not resumed:
                raise
            yield from self._fetch()
            self._verify()
        self.part.replace(self.target)

    def write_error(self, error: OSError) -> DownloadError:
        """The error for a failed write; on a full disk the partial file is removed."""
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return self._error(f"{self.target.parent} cannot be written: {error.strerror or error}")
        with contextlib.suppress(OSError):
            self.part.unlink(missing_ok=True)
        return self._no_room("it is full")

    def _no_room(self, reason: str) -> DownloadError:
        return DownloadError(
            f"There is not enough disk space for {self.target.name}",
            f"The disk of {self.target.parent}: {reason}.",
            "Free some space there, or set CNN_TUI_HOME to a folder on another disk, and start again.",
        )

    def _fetch(self) -> Iterator[Event]:
        try:
            response = self._open(self._offset())
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise self._error(_reason(error)) from error
        with response:
            resumes = response.status == _HTTP_PARTIAL
            start = self._offset() if resumes else 0
            total = _total(response, start)
            self._require_room(total, start)
            with self.part.open("ab" if resumes else "wb") as file:
                yield from self._copy(response, file, start, total)
                file.flush()
                os.fsync(file.fileno())

    def _open(self, offset: int) -> http.client.HTTPResponse:
        headers = {"User-Agent": "cnn-tui", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        try:
            answer = urllib.request.urlopen(urllib.request.Request(self.url, headers=headers), timeout=SOCKET_TIMEOUT)
        except urllib.error.HTTPError as error:
            if error.code != _HTTP_RANGE_NOT_SATISFIABLE or not offset:
                raise
            error.close()
            return self._open(0)
        response = cast(http.client.HTTPResponse, answer)
        if response.status == _HTTP_PARTIAL and not _continues(response, offset):
            response.close()
            return self._open(0)
        return response

    def _copy(
        self, response: http.client.HTTPResponse, file: BinaryIO, start: int, total: int | None
    ) -> Iterator[Event]:
        done, began, limiter = start, time.monotonic(), RateLimiter(_EVENTS_PER_SECOND)
        while chunk := self._read(response):
            file.write(chunk)
            done += len(chunk)
            if limiter.due():
                yield _progress(done, total, start, time.monotonic() - began)
        if total is not None and done != total:
            raise self._error(f"the connection ended after {done:,} of {total:,} bytes")
        yield _progress(done, total, start, time.monotonic() - began)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        if self.should_stop():
            raise Stopped
        try:
            return response.read1(_CHUNK)
        except (http.client.HTTPException, OSError) as error:
            raise self._error(_reason(error)) from error

    def _offset(self) -> int:
        """The byte to resume at; 0 without a checksum, as nothing would verify that the two parts belong together."""
        if not (self.checksums.sha256 or self.checksums.md5):
            return 0
        return self.part.stat().st_size if self.part.exists() else 0

    def _require_room(self, total: int | None, start: int) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if total is not None and free < total - start:
            raise self._no_room(f"{total - start:,} bytes are needed, {free:,} are free")

    def _verify(self) -> None:
        mismatch = self.checksums.mismatch(self.part, self.should_stop)
        if mismatch:
            self.part.unlink()
            raise self._error(mismatch, _ChecksumMismatchError)

    def _error(self, reason: str, kind: type[DownloadError] = DownloadError) -> DownloadError:
        return kind(
            f"{self.target.name} could not be downloaded",
            f"{self.url}: {reason}",
            f"Try again later, or fetch the file by hand and put it at {self.target}.",
        )


@contextlib.contextmanager
def locked(target: Path, should_stop: ShouldStop) -> Iterator[None]:
    """Keep other processes from creating the same file; its folder must exist.

    Raises:
        Stopped: ``should_stop`` returned True while another process held the lock.
    """
    lock = FileLock(target.with_name(target.name + ".lock"))
    while True:
        if should_stop():
            raise Stopped
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            continue
        break
    try:
        yield
    finally:
        lock.release()


def _digest(path: Path, name: str, should_stop: ShouldStop) -> str:
    digest = hashlib.new(name, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            if should_stop():
                raise Stopped
            digest.update(chunk)
    return digest.hexdigest()


def _continues(response: http.client.HTTPResponse, offset: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")


def _total(response: http.client.HTTPResponse, start: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return start + int(length) if length.isascii() and length.isdigit() else None


def _progress(done: int, total: int | None, start: int, seconds: float) -> Progress:
    rate = (done - start) / seconds if seconds > 0 else None
    return Progress(done=done, total=total, unit="bytes", rate=rate)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    if isinstance(error, TimeoutError):
        return f"no data for {SOCKET_TIMEOUT:.0f} seconds"
    return str(error) or type(error).__name__
