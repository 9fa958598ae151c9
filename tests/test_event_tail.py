"""Following a session that another process writes: pieces of lines, damage, replaced files, and runs without an end."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import StorageError
from cnn_tui.events import Event, Progress, RunFinished, to_line
from cnn_tui.history import MOST_BATCHES
from cnn_tui.store import session_follower
from cnn_tui.store.event_tail import EventTail
from cnn_tui.store.records import KILLED, SessionRecord
from cnn_tui.store.session_follower import SessionFollower, read_whole_run
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import EVENTS_FILE, lock_of, read_record, write_record
from samples import epoch, result, started, story


def encoded(*told: Event) -> bytes:
    return "".join(to_line(event) + "\n" for event in told).encode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_log_that_grows_by_pieces_of_lines_is_read_event_by_event(log: Path) -> None:
    tail, told = EventTail(log), story()
    read: list[Event] = []
    assert tail.read().events == ()  # there is no file yet
    data = encoded(*told)
    for start in range(0, len(data), 50):
        append(log, data[start : start + 50])
        new = tail.read()
        if new.events:
            assert new.restarted == (not read)
        read += new.events
        assert read == told[: data[: start + 50].count(b"\n")]
    assert read == told
    assert tail.read().events == ()


def test_damaged_lines_are_skipped(log: Path) -> None:
    tail = EventTail(log)
    append(log, encoded(epoch(1)) + b"<html>\n\xff\x00\n\n" + encoded(epoch(2)) + encoded(epoch(3))[:20])
    assert tail.read().events == (epoch(1), epoch(2))
    append(log, b"\n" + encoded(epoch(4)))
    assert tail.read().events == (epoch(4),)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_replaced_log_is_read_from_its_start(log: Path, count: int) -> None:
    tail, others = EventTail(log), [epoch(number) for number in range(11, 11 + count)]
    append(log, encoded(epoch(1), epoch(2)))
    tail.read()
    log.write_bytes(encoded(*others))
    assert tail.read() == (tuple(others), True)
    append(log, encoded(epoch(20)))
    assert tail.read() == ((epoch(20),), False)


def test_a_removed_log_has_no_news_and_a_new_one_starts_again(log: Path) -> None:
    tail = EventTail(log)
    append(log, encoded(epoch(1)))
    tail.read()
    log.unlink()
    assert tail.read().events == ()
    append(log, encoded(epoch(3), epoch(4)))
    assert tail.read() == ((epoch(3), epoch(4)), True)


def test_an_unreadable_log_is_reported(log: Path) -> None:
    log.mkdir()
    with pytest.raises(StorageError, match="Cannot read events"):
        EventTail(log).read()


@pytest.mark.parametrize(("sparse", "count"), [(True, MOST_BATCHES // 2 + 1), (False, MOST_BATCHES + 1)])
def test_progress_is_read_sparsely_if_asked_to(log: Path, sparse: bool, count: int) -> None:
    append(log, encoded(*(Progress(done=done, total=None, unit="images") for done in range(MOST_BATCHES + 1))))
    assert len(EventTail(log, sparse=sparse).read().events) == count


def queued() -> SessionWriter:
    session_id, folder = new_session_folder("a run")
    return SessionWriter(folder, new_record(session_id, RunPreset(name="a run")))


def never(seconds: float) -> bool:
    raise AssertionError("the run has ended, there is nothing to wait for")


def test_a_run_is_followed_from_its_first_event_to_its_result() -> None:
    told = story("a-run")
    read: list[Event] = []
    records: list[SessionRecord] = []
    with queued() as writer:
        for event in told[:2]:
            writer.record(event)
        rest = iter(told[2:])

        def write_next(seconds: float) -> bool:
            writer.record(next(rest))
            return False

        for new in SessionFollower(writer.folder).updates(write_next):
            read += new.events
            records.append(read_record(writer.folder))
    assert read == told
    assert records[-1].result == result()


def test_the_end_waits_until_the_record_has_the_result() -> None:
    told = story("a-run")
    with queued() as writer:
        append(writer.folder / EVENTS_FILE, encoded(*told))
        follower = SessionFollower(writer.folder)
        assert follower.read().events == tuple(told[:-1])
        assert follower.read().events == ()
        write_record(writer.folder, writer.session.model_copy(update={"status": "done", "result": result()}))
        assert follower.read().events == (told[-1],)
        assert follower.ended


def test_a_record_that_cannot_be_written_does_not_hide_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_follower, "_SAVING_SECONDS", 0.0)
    with queued() as writer:
        append(writer.folder / EVENTS_FILE, encoded(*story("a-run")))
        read = [event for new in SessionFollower(writer.folder).updates(never) for event in new.events]
    assert read == story("a-run")


def test_the_end_of_a_killed_run_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_follower, "_QUIET_SECONDS", 0.0)
    with queued() as writer:
        writer.record(started("a-run"))
    read = [event for new in SessionFollower(writer.folder).updates(never) for event in new.events]
    assert [event.type for event in read] == ["run_started", "run_finished"]
    assert isinstance(read[-1], RunFinished)
    assert (read[-1].status, read[-1].error) == ("failed", KILLED)


def test_an_end_that_is_only_in_the_record_is_reported() -> None:
    with queued() as writer:
        writer.record(started("a-run"))
    write_record(writer.folder, writer.session.model_copy(update={"status": "stopped", "result": result()}))
    last = read_whole_run(writer.folder)[-1]
    assert isinstance(last, RunFinished)
    assert (last.status, last.result, last.time) == ("stopped", result(), 100.0)


def test_a_deleted_session_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_follower, "_QUIET_SECONDS", 0.0)
    with queued() as writer:
        writer.record(started("a-run"))
        follower = SessionFollower(writer.folder)
        follower.read()
        for file in writer.folder.iterdir():
            file.unlink()
        writer.folder.rmdir()
        with pytest.raises(StorageError, match="The session was deleted"):
            follower.read()
        writer.folder.mkdir()  # for what the writer does at its end


def test_following_takes_no_lock_and_ends_when_asked_to() -> None:
    with queued() as writer:
        writer.record(started("a-run"))
        stopped = threading.Event()
        stopped.set()
        news = list(SessionFollower(writer.folder).updates(stopped.wait))
        assert [event.type for new in news for event in new.events] == ["run_started"]
    lock_of(writer.folder).acquire(timeout=0)


def test_a_session_without_events_cannot_be_replayed() -> None:
    with queued() as writer:
        pass
    (writer.folder / EVENTS_FILE).unlink()
    with pytest.raises(StorageError, match="has no events"):
        read_whole_run(writer.folder)
