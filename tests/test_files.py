"""Atomic writes."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from cnn_tui.errors import StorageError
from cnn_tui.store.files import ensure_writable, replace_atomic, sha256_of, write_atomic


def test_bytes_and_text_are_written(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"\x00\xff")
    write_atomic(tmp_path / "b", "grün\n")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b").read_bytes() == "grün\n".encode()


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.json", "1")
    write_atomic(tmp_path / "a.json", "2")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_an_open_reader_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomic(path, "old")
    with path.open() as reader:
        write_atomic(path, "new and longer")
        assert reader.read() == "old"
    assert path.read_text() == "new and longer"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomic(tmp_path / "a", "1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StorageError) as caught:
        replace_atomic(path, write)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert caught.value.title == "The disk is full"
    assert str(path) in caught.value.detail
    assert "CNN_TUI_HOME" in caught.value.hint


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_read_only_disk_is_reported_with_a_hint(tmp_path: Path, number: int) -> None:
    def write(temporary: Path) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(StorageError) as caught:
        replace_atomic(tmp_path / "a.json", write)
    assert caught.value.title == "Cannot write a.json"
    assert os.strerror(number).lower() in caught.value.detail
    assert "CNN_TUI_HOME" in caught.value.hint


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(StorageError, match="Cannot write x"):
        write_atomic(tmp_path / "home" / "x", "1")
    with pytest.raises(StorageError, match="sessions"):
        ensure_writable(tmp_path / "home" / "sessions")


def test_ensure_writable_creates_an_empty_folder(tmp_path: Path) -> None:
    ensure_writable(tmp_path / "a" / "b", free_bytes=1)
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_nearly_full_disk_is_detected(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        ensure_writable(tmp_path, free_bytes=2**62)
    assert caught.value.title == "The disk is nearly full"
    assert str(tmp_path) in caught.value.detail


def test_sha256(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 100_000)
    assert sha256_of(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()
    with pytest.raises(StorageError, match="Cannot read missing"):
        sha256_of(tmp_path / "missing")
