"""The line protocol and its transport: pipes, message queue and logs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import (
    BatchFinished,
    ErrorReport,
    Event,
    JobEvent,
    JobFinished,
    JobStarted,
    RunEvent,
    RunFinished,
    RunReused,
)
from cnn_tui.trainer.crash_report import explain_exit, log_tail
from cnn_tui.trainer.message_queue import MessageWriter
from cnn_tui.trainer.pipes import read_lines
from cnn_tui.trainer.protocol import (
    Hello,
    Idle,
    JobUpdate,
    Lost,
    Pause,
    Paused,
    ProtocolError,
    Ready,
    Refused,
    Resume,
    Shutdown,
    Start,
    Stop,
    parse_command,
    parse_message,
    to_line,
)
from samples import result
from scripted_runs import batch
from strategies import events, run_presets


@given(run_presets())
def test_any_preset_survives_serialization(preset: RunPreset) -> None:
    line = to_line(Start(job=Job(preset=preset)))
    assert line.count(b"\n") == 1
    assert parse_command(line.rstrip(b"\n")) == Start(job=Job(preset=preset))


@given(events())
def test_any_event_survives_serialization(event: Event) -> None:
    update = JobUpdate(event=RunEvent(run=0, event=event))
    line = to_line(update)
    assert line.count(b"\n") == 1
    assert parse_message(line) == update


RATES = StudyPreset(name="[/] rates", factor="training.optimizer.learning_rate", values=(1e-4, 1e-3), repeats=2)


@pytest.mark.parametrize(
    "study",
    [
        RATES,
        StudyPreset(factor="data.train_limit", values=(10, None)),
        StudyPreset(factor="model.weights", values=("random", "imagenet")),
        StudyPreset(factor="training.epochs", values=(1, 2), second_factor="training.batch_size", second_values=(8,)),
    ],
)
def test_a_study_survives_serialization(study: StudyPreset) -> None:
    command = Start(job=Job(preset=study, plain=True, fresh=True))
    assert parse_command(to_line(command)) == command


@pytest.mark.parametrize(
    "event",
    [
        JobStarted(preset=RATES, runs=4),
        JobStarted(preset=RunPreset(name="one"), runs=1),
        RunReused(run=3, session_id="20261123T001502Z-[/]"),
        RunEvent(run=2, event=RunFinished(status="done", result=result())),
        JobFinished(status="failed", failed=2, error=ErrorReport(title="gone", hint="again")),
    ],
)
def test_job_events_survive_serialization(event: JobEvent) -> None:
    assert parse_message(to_line(JobUpdate(event=event))) == JobUpdate(event=event)


@pytest.mark.parametrize("command", [Stop(), Pause(), Resume(), Shutdown(mode="finish"), Shutdown(mode="stop")])
def test_commands_survive_serialization(command: Stop | Pause | Resume | Shutdown) -> None:
    assert parse_command(to_line(command)) == command


@pytest.mark.parametrize(
    "message",
    [
        Hello(pid=3),
        Ready(pid=3, torch="2.10", device_name="a [red]GPU"),
        Paused(paused=True),
        Refused(reason="no\nreason"),
        Idle(),
        Lost(status="killed", session_id=None, error=ErrorReport(title="gone"), log_tail="one\ntwo"),
    ],
)
def test_messages_survive_serialization(message: Hello | Ready | Paused | Refused | Idle | Lost) -> None:
    assert parse_message(to_line(message)) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"null",
        b"hello",
        b"\xff",
        b'{"type":"stop","more":1}',
        b'{"type":"shutdown","mode":"now"}',
        b'{"type":"start","job":{"preset":{"kind":"run","experiment":{"training":{"epochs":0}}}}}',
        b'{"type":"start","job":{"preset":{"kind":"study","factor":"training.epochs","values":[0]}}}',
    ],
)
def test_invalid_commands_are_refused_with_a_reason(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="Unreadable line"):
        parse_command(line)


@given(st.lists(st.binary(max_size=50).filter(lambda line: b"\n" not in line)), st.integers(1, 9))
def test_lines_arrive_complete_however_they_are_split(lines: list[bytes], size: int) -> None:
    reader, writer = os.pipe()
    data = b"".join(line + b"\n" for line in lines) + b"torn"
    try:
        for start in range(0, len(data), size):
            os.write(writer, data[start : start + size])
        os.close(writer)
        assert list(read_lines(reader, 1000)) == lines
    finally:
        os.close(reader)


def test_an_endless_line_is_refused() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"first\n" + b"x" * 2000)
    os.close(writer)
    lines = read_lines(reader, 1000)
    assert next(lines) == b"first"
    with pytest.raises(ProtocolError, match="too long"):
        next(lines)
    os.close(reader)


def update(event: Event) -> JobUpdate:
    return JobUpdate(event=RunEvent(run=0, event=event))


def test_a_slow_reader_only_loses_batches() -> None:
    reader, writer = os.pipe()
    queue = MessageWriter(writer, backlog=10)
    for step in range(3000):
        queue.send(update(batch(step)))
    end = update(RunFinished(status="stopped"))
    queue.send(end)
    queue.send(Idle())
    received: list[object] = []

    def read() -> None:
        received.extend(parse_message(line) for line in read_lines(reader, 1000))

    thread = threading.Thread(target=read)
    thread.start()
    queue.close(30)
    os.close(writer)
    thread.join(30)
    os.close(reader)
    assert received[-2:] == [end, Idle()]
    events = [message.event for message in received if isinstance(message, JobUpdate)]
    steps = [one.event.step for one in events if isinstance(one, RunEvent) and isinstance(one.event, BatchFinished)]
    assert 10 <= len(steps) < 3000
    assert steps == sorted(steps)


def test_a_closed_reader_does_not_block_the_writer() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    queue = MessageWriter(writer)
    for step in range(100):
        queue.send(update(batch(step)))
    queue.close(30)
    os.close(writer)


@pytest.mark.parametrize(
    ("code", "reason"), [(-9, "SIGKILL"), (-11, "SIGSEGV"), (-120, "signal 120"), (1, "exit code 1")]
)
def test_the_exit_status_is_explained(code: int, reason: str) -> None:
    report = explain_exit(code, "the last line")
    assert reason in report.title
    assert "the last line" in report.detail
    assert report.hint


def test_the_end_of_a_log_contains_no_escape_sequences(tmp_path: Path) -> None:
    path = tmp_path / "trainer.log"
    path.write_bytes(b"before\n" + b"10%\r20%\r\n\n\x1b]52;c;eA==\x07\xff\xe2\x80\xae!\n")
    assert log_tail(path, start=7) == "10%\n20%\n�]52;c;eA==���!"
    assert log_tail(tmp_path / "none") == ""
    path.write_text("".join(f"line {number}\n" for number in range(1000)))
    assert log_tail(path).splitlines() == [f"line {number}" for number in range(960, 1000)]


def test_the_workbench_side_imports_neither_torch_nor_the_engine() -> None:
    code = "import cnn_tui.trainer.process, cnn_tui.trainer.thread, sys; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ended.stdout.split())
    assert "cnn_tui.trainer.child" in loaded
    assert loaded.isdisjoint(
        {"torch", "torchvision", "sklearn", "cnn_tui.engine.training.record", "cnn_tui.engine.training.train"}
    )
