"""The event log: complete and incomplete lines, and full disks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnn_tui.errors import StorageError
from cnn_tui.events import BatchFinished, Event, Progress, WarningRaised, from_line, to_line
from cnn_tui.history import MOST_BATCHES
from cnn_tui.store.event_log import EventLog, read_events
from samples import batch, epoch, story
from strategies import events

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@given(events())
def test_events_round_trip_through_lines(event: Event) -> None:
    line = to_line(event)
    assert "\n" not in line
    assert from_line(line) == event


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(events(), max_size=5))
def test_events_round_trip_through_files(tmp_path: Path, expected: list[Event]) -> None:
    path = tmp_path / "events.jsonl"
    path.unlink(missing_ok=True)
    with EventLog(path) as log:
        for event in expected:
            log.append(event)
    assert list(read_events(path)) == expected
    assert log.problem is None


def test_an_appended_event_is_readable(tmp_path: Path) -> None:
    with EventLog(tmp_path / "log") as log:
        log.append(epoch(1))
        assert list(read_events(tmp_path / "log")) == [epoch(1)]


@pytest.mark.parametrize("torn", [b'{"type":"epo', b"\xff\xfe", to_line(epoch(3)).encode()])
def test_an_incomplete_last_line_is_skipped(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes("".join(to_line(event) + "\n" for event in story()).encode() + torn)
    assert list(read_events(path)) == story()


@pytest.mark.parametrize("size", [10, 70_000, 200_000])
def test_a_log_continues_after_an_incomplete_line(tmp_path: Path, size: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(to_line(epoch(1)).encode() + b"\n" + b"x" * size)
    with EventLog(path) as log:
        log.append(epoch(2))
    assert list(read_events(path)) == [epoch(1), epoch(2)]


def test_a_log_with_only_an_incomplete_line_starts_empty(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 100_000)
    with EventLog(path) as log:
        log.append(epoch(1))
    assert list(read_events(path)) == [epoch(1)]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(to_line(epoch(1)) + "\n" + '{"type": "nonsense"}\n')
    with pytest.raises(StorageError, match="line 2 is not an event"):
        list(read_events(path))


def test_a_missing_log_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="Cannot read log"):
        list(read_events(tmp_path / "log"))
    with pytest.raises(StorageError, match="Cannot write log"):
        EventLog(tmp_path / "nowhere" / "log")


@needs_dev_full
def test_a_full_disk_is_recorded_once_and_raises_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    log = EventLog(path)
    for event in story():
        log.append(event)
    problem = log.problem
    assert problem is not None
    assert problem.title == "The disk is full"
    assert not log.flush()
    assert log.problem is problem
    log.close()


def test_buffered_events_are_written_once_there_is_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "log"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    expected = story()
    log = EventLog(path)
    log.append(expected[0])
    try:
        # A limit in the middle of the next line: the system takes a part of it and refuses the rest.
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, limits[1]))
        for event in expected[1:]:
            log.append(event)
        during = list(read_events(path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert during == expected[:1]
    assert log.problem is not None
    assert log.flush()
    log.close()
    assert list(read_events(path)) == expected


def steps(count: int) -> list[Event]:
    """Steps, each with the progress that is reported after it."""
    reported: list[Event] = []
    for number in range(1, count + 1):
        reported.append(batch(step=number, steps=count))
        reported.append(Progress(done=number, total=count, unit="steps"))
    return reported


def test_a_short_log_is_read_completely(tmp_path: Path) -> None:
    told = [*steps(MOST_BATCHES - 1), WarningRaised(title='"batch_finished"'), *story()]
    write(tmp_path / "log", told)
    assert list(read_events(tmp_path / "log", sparse=True)) == told


def test_of_a_long_log_evenly_spaced_steps_are_read_and_everything_else(tmp_path: Path) -> None:
    count = 3 * MOST_BATCHES + 2
    warning = WarningRaised(title='a "batch_finished" in "progress"')
    before, after = steps(count), [warning, *story()]
    write(tmp_path / "log", [*before, *after])
    read = list(read_events(tmp_path / "log", sparse=True))
    others = [event for event in after if not isinstance(event, BatchFinished)]
    assert [event for event in read if not isinstance(event, BatchFinished | Progress)] == others
    numbers = [event.step for event in read if isinstance(event, BatchFinished)]
    assert numbers == [*range(1, count + 1, 4), 1]  # the last is that of the story
    assert [event.done for event in read if isinstance(event, Progress)] == [*range(1, count + 1, 4), count]
    assert len(numbers) <= MOST_BATCHES + 1


def test_a_damaged_line_among_those_read_is_reported_with_its_number(tmp_path: Path) -> None:
    write(tmp_path / "log", steps(2))
    with (tmp_path / "log").open("ab") as file:
        file.write(b"<html>\n")
    with pytest.raises(StorageError, match="line 5 is not an event"):
        list(read_events(tmp_path / "log", sparse=True))


def write(path: Path, told: Iterable[Event]) -> None:
    path.write_bytes("".join(to_line(event) + "\n" for event in told).encode())
