"""Downloads from a server on this machine, which cuts them off, lies and resumes."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

from cnn_tui.engine import download as module
from cnn_tui.engine.control import Stopped, never
from cnn_tui.engine.download import DownloadError, download
from cnn_tui.errors import DataError
from cnn_tui.events import Event, Progress
from local_server import LocalServer, serving

CONTENT = bytes(range(256)) * 8192
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with serving() as state:
        state.files["file.bin"] = CONTENT
        yield state


def fetch(server: LocalServer, target: Path, **checksums: str) -> list[Event]:
    return list(download(server.url + "file.bin", target, should_stop=never, **checksums))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize("checksum", [{}, {"md5": MD5}, {"sha256": SHA256.upper()}, {"sha256_prefix": SHA256[:8]}])
def test_it_arrives_whole_and_tells_how_far_it_is(
    server: LocalServer, tmp_path: Path, checksum: dict[str, str]
) -> None:
    target = tmp_path / "new" / "file.bin"
    events = fetch(server, target, **checksum)
    assert target.read_bytes() == CONTENT
    assert names(target.parent) == {"file.bin"}
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress == events
    assert all(event.total == len(CONTENT) and event.unit == "bytes" for event in progress)
    assert all(one.done <= other.done for one, other in itertools.pairwise(progress))
    assert progress[-1].done == len(CONTENT)
    assert progress[-1].rate


def test_what_is_there_is_not_fetched_again(server: LocalServer, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"mine")
    assert fetch(server, target, md5=MD5) == []
    assert target.read_bytes() == b"mine"
    assert server.asked == []


@pytest.mark.parametrize("checksum", [{"md5": "0" * 32}, {"sha256": "0" * 64}, {"sha256_prefix": "00000000"}])
def test_another_file_is_refused_and_removed(server: LocalServer, tmp_path: Path, checksum: dict[str, str]) -> None:
    with pytest.raises(DownloadError) as caught:
        fetch(server, tmp_path / "file.bin", **checksum)
    assert server.url in caught.value.detail
    assert "was expected" in caught.value.detail
    assert str(tmp_path / "file.bin") in caught.value.hint
    assert isinstance(caught.value, DataError)
    assert names(tmp_path) == set()


def test_a_connection_that_breaks_is_continued_next_time(server: LocalServer, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    server.break_after = 500_000
    with pytest.raises(DownloadError, match="could not be downloaded") as caught:
        fetch(server, target, md5=MD5)
    assert "500,000 of 2,097,152" in caught.value.detail
    assert not target.exists()
    server.break_after = None
    events = fetch(server, target, md5=MD5)
    assert target.read_bytes() == CONTENT
    assert server.asked[-1] == ("file.bin", "bytes=500000-")
    assert all(isinstance(event, Progress) and 500_000 < event.done <= len(CONTENT) for event in events)


def test_it_starts_again_where_the_server_cannot_resume(server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"x" * 1000)
    server.resumes = False
    fetch(server, tmp_path / "file.bin", md5=MD5)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 5)])
def test_a_part_of_something_else_is_given_up(server: LocalServer, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "file.bin.part").write_bytes(part)
    fetch(server, tmp_path / "file.bin", md5=MD5)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_without_a_checksum_nothing_is_continued(server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    fetch(server, tmp_path / "file.bin")
    assert server.asked == [("file.bin", None)]


def test_a_server_that_does_not_know_the_length_is_taken_at_its_word(server: LocalServer, tmp_path: Path) -> None:
    server.states_length = False
    events = fetch(server, tmp_path / "file.bin", md5=MD5)
    assert isinstance(events[-1], Progress)
    assert events[-1].total is None
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_refusal_names_address_and_reason(server: LocalServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        list(download(server.url + "nothing", tmp_path / "file.bin", should_stop=never))
    assert "404" in caught.value.detail
    assert server.url + "nothing" in caught.value.detail


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "nonsense", "http://[broken/x"])
def test_what_cannot_be_reached_is_an_error_in_words(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        list(download(url, tmp_path / "x", should_stop=never))
    assert caught.value.detail.startswith(url)


def test_a_stop_leaves_nothing_that_looks_complete(server: LocalServer, tmp_path: Path) -> None:
    answers = iter([False] * 4 + [True] * 100)
    with pytest.raises(Stopped):
        list(download(server.url + "file.bin", tmp_path / "file.bin", md5=MD5, should_stop=lambda: next(answers)))
    assert names(tmp_path) == {"file.bin.part"}
    assert 0 < (tmp_path / "file.bin.part").stat().st_size < len(CONTENT)


def test_a_stop_is_heard_while_another_process_downloads(server: LocalServer, tmp_path: Path) -> None:
    answers = iter([False, True])
    with FileLock(tmp_path / "file.bin.lock"), pytest.raises(Stopped):
        list(download(server.url + "file.bin", tmp_path / "file.bin", should_stop=lambda: next(answers)))
    assert server.asked == []


def test_too_little_room_is_noticed_before_anything_is_written(
    server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100, 90, 10))
    with pytest.raises(DownloadError, match="not enough disk space") as caught:
        fetch(server, tmp_path / "file.bin", md5=MD5)
    assert "2,096,152 bytes are needed, 10 are free" in caught.value.detail
    assert (tmp_path / "file.bin.part").stat().st_size == 1000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_is_named(server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="not enough disk space") as caught:
        fetch(server, tmp_path / "file.bin")
    assert "CNN_TUI_HOME" in caught.value.hint
    assert names(tmp_path) == set()


def test_a_place_that_is_no_folder_is_named(server: LocalServer, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(DownloadError, match="could not be downloaded") as caught:
        fetch(server, tmp_path / "taken" / "file.bin")
    assert "taken" in caught.value.detail


def test_events_are_few(server: LocalServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 256)
    assert len(fetch(server, tmp_path / "file.bin", md5=MD5)) < 60
