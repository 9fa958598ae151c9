"""The background service: jobs one at a time, clients that come and go, and every way in which it can end."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import psutil
import pytest

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.errors import ServiceError
from cnn_tui.events import BatchFinished, JobEvent, RunEvent
from cnn_tui.history import JobHistory
from cnn_tui.service import client
from cnn_tui.service.client import Connection, connect
from cnn_tui.service.endpoint import connected_socket, is_same_account, listen
from cnn_tui.service.protocol import (
    PROTOCOL,
    Act,
    Clear,
    Continue,
    Done,
    Follow,
    Followed,
    Greeting,
    Move,
    Remove,
    Replace,
    Submit,
    Welcome,
    program_id,
)
from cnn_tui.service.trainer import ServiceTrainer
from cnn_tui.store.job_queue import QueueEntry, queue_path, read_queue
from cnn_tui.store.sessions import all_records, read_history
from cnn_tui.trainer.protocol import Idle, JobUpdate, Joined, Lost, Message, Paused, QueueChanged, Queued, Refused
from services import (
    connection,
    running_entry,
    scripted_service,
    service_pid,
    trainer_process,
    until,
    wait_for_end,
)
from trainer_messages import job_events, run, study, until_batch, until_idle, until_type

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs Unix domain sockets")


@pytest.fixture(autouse=True)
def _script(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted_service(monkeypatch, "short")


@pytest.fixture
def trainer() -> Iterator[ServiceTrainer]:
    """A workbench's view of the service."""
    made = ServiceTrainer()
    yield made
    made.close(finish=True)


def submit(job: Job, *, first: bool = False, command: str = "") -> QueueEntry:
    with connection() as connected:
        entry = connected.request(Submit(job=job, first=first, command=command)).entry
    assert entry is not None
    return entry


def request(wanted: Act | Move | Replace | Remove | Clear | Continue) -> Done:
    with connection() as connected:
        return connected.request(wanted)


def messages(connected: Connection) -> Iterator[Message]:
    return (answer.message for answer in connected.answers() if isinstance(answer, Followed))


def until_message(connected: Connection, kind: type[Message]) -> list[Message]:
    """All messages up to one of a kind."""
    seen: list[Message] = []
    for message in messages(connected):
        seen.append(message)
        if isinstance(message, kind):
            return seen
    raise AssertionError(f"the connection ended: {seen}")


def names() -> list[str]:
    return [entry.name for entry in read_queue()]


def folded(job: Job, events: list[JobEvent]) -> JobHistory:
    history = JobHistory(job)
    for event in events:
        history.apply(event)
    return history


def test_jobs_run_one_after_the_other_and_the_queue_can_be_changed() -> None:
    long = submit(run(2000, "long"))
    assert (long.state, long.device) == ("running", "cpu")
    assert [submit(run(3, name)).state for name in ("a", "b", "c")] == ["waiting"] * 3
    assert names() == ["long", "a", "b", "c"]
    c = read_queue()[3].id
    request(Move(number=c, index=0))
    assert names() == ["long", "c", "a", "b"]
    submit(run(3, "first"), first=True)
    request(Replace(number=c, job=run(4, "changed")))
    assert names() == ["long", "first", "changed", "a", "b"]
    request(Remove(number=read_queue()[3].id))
    with pytest.raises(ServiceError, match="is running") as refused:
        request(Remove(number=long.id))
    assert refused.value.exit_code == 4
    running_entry()
    request(Act(number=long.id, action="stop"))
    until(lambda: not read_queue())
    records = {record.name: record for record in all_records()}
    assert {name: record.status for name, record in records.items()} == {
        "long": "stopped",
        "first": "done",
        "changed": "done",
        "b": "done",
    }
    histories = {name: read_history(paths.sessions_folder() / record.id) for name, record in records.items()}
    ended = sorted(histories, key=lambda name: histories[name].updated or 0.0)
    assert ended == ["long", "first", "changed", "b"]
    assert len({record.pid for record in records.values()}) == 1


def test_a_client_that_joins_later_gets_the_same_history() -> None:
    entry = submit(run(2000))
    with connection() as early, connection() as late:
        early.send(Follow())
        seen = list(islice(messages(early), 100))
        late.send(Follow(number=entry.id))
        joined = until_message(late, Joined)
        assert isinstance(joined[0], QueueChanged)
        request(Act(number=entry.id, action="pause"))
        request(Act(number=entry.id, action="stop"))
        seen += until_message(early, Idle)
        joined += until_message(late, Idle)
    histories = [folded(entry.job, job_events(each)) for each in (seen, joined)]
    assert histories[0].current_run.batches == histories[1].current_run.batches
    assert len(histories[0].current_run.batches) > 5
    assert histories[0] == histories[1]
    assert histories[0].finished is not None
    assert histories[0].finished.status == "stopped"


def test_a_job_that_joins_paused_says_so() -> None:
    entry = submit(run(2000))
    with connection() as follower:
        follower.send(Follow())
        until_message(follower, JobUpdate)
        request(Act(number=entry.id, action="pause"))
        until_message(follower, Paused)
    with connection() as later:
        later.send(Follow())
        seen = until_message(later, Paused)
        assert seen[-1] == Paused(paused=True)
        assert read_queue()[0].paused
        request(Act(number=entry.id, action="resume"))
        until_message(later, Paused)
        until_message(later, JobUpdate)
        assert not read_queue()[0].paused
        request(Act(number=entry.id, action="kill"))
        until_message(later, Idle)
    (record,) = all_records()
    assert record.status == "killed"


def test_each_device_has_its_own_jobs_and_beside_needs_no_free_one() -> None:
    preset = run(2000, "cpu").runs[0]
    gpu = preset.experiment.training.model_copy(update={"device": "cuda:1"})
    experiment = preset.experiment.model_copy(update={"training": gpu})
    first = submit(Job(preset=preset))
    other = submit(Job(preset=preset.model_copy(update={"name": "gpu", "experiment": experiment})))
    beside = submit(Job(preset=run(2000, "beside").runs[0], beside=True))
    waiting = submit(run(3, "waiting"))
    assert [entry.state for entry in (first, other, beside, waiting)] == ["running"] * 3 + ["waiting"]
    assert (other.device, beside.device) == ("cuda:1", "cpu")
    until(lambda: len({entry.pid for entry in read_queue() if entry.sessions}) == 3)
    for entry in (beside, other, first):
        request(Act(number=entry.id, action="stop"))
    until(lambda: not read_queue())
    assert len(all_records()) == 4


def test_a_job_that_fails_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted_service(monkeypatch, "crashing")
    submit(run(3, "bad"))
    submit(run(3, "good"))
    until(lambda: not read_queue())
    assert {record.name: record.status for record in all_records()} == {"bad": "failed", "good": "done"}


def test_the_command_after_a_job(tmp_path: Path) -> None:
    written = tmp_path / "after.txt"
    submit(run(3, "one"), command=f'echo "$CNN_TUI_JOB $CNN_TUI_STATUS $CNN_TUI_SESSION" > {written}')
    until(lambda: written.exists() and written.read_text().endswith("\n"))
    (record,) = all_records()
    assert written.read_text() == f"one done {record.id}\n"


def test_the_service_ends_when_it_is_not_needed_and_starts_again(trainer: ServiceTrainer) -> None:
    trainer.start()
    until(lambda: service_pid() is not None)
    pid = service_pid()
    trainer.submit(run(3))
    until_idle(trainer)
    assert pid == service_pid()
    trainer.close(finish=True)
    wait_for_end()
    assert connect(start=False) is None
    submit(run(3))
    until(lambda: not read_queue())
    assert service_pid() != pid


def test_a_killed_service_leaves_its_job_running_and_the_next_one_takes_over(trainer: ServiceTrainer) -> None:
    trainer.submit(run(4000))
    until_batch(trainer)
    child, pid = trainer_process(), service_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    seen = until_type(trainer, Joined)  # by itself: the workbench connects again
    assert seen.job == run(4000)
    until_batch(trainer)
    assert service_pid() != pid
    assert trainer_process() == child
    trainer.pause()
    assert until_type(trainer, Paused).paused
    assert child.status() == psutil.STATUS_STOPPED
    trainer.stop()
    history = folded(run(4000), job_events(until_idle(trainer)))
    assert history.finished is not None
    (record,) = all_records()
    assert record.status == "stopped"
    assert record.result is not None
    until(lambda: not read_queue())


def test_a_study_goes_on_without_its_service(trainer: ServiceTrainer) -> None:
    job = study(100, 101, 102)
    trainer.submit(job)
    until_batch(trainer)
    pid = service_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until_type(trainer, Joined)
    history = folded(job, job_events(until_idle(trainer)))
    assert history.finished is not None
    assert history.finished.status == "done"
    assert sorted(record.status for record in all_records()) == ["done"] * 3


def test_power_failure_leaves_an_interrupted_job_that_goes_on_first(trainer: ServiceTrainer) -> None:
    trainer.submit(run(4000))
    until_batch(trainer)
    trainer.submit(run(3, "waiting"))
    until_type(trainer, Queued)
    trainer.close(finish=True)
    child, pid = trainer_process(), service_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    child.kill()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    request(Clear())
    (entry,) = read_queue()
    assert entry.state == "interrupted"
    submit(run(2000, "other"))
    submit(run(3, "last"))
    request(Continue(number=entry.id))
    assert names() == ["other", "scripted", "last"]
    request(Remove(number=entry.id))
    request(Act(number=running_entry().id, action="stop"))
    until(lambda: not read_queue())


def test_sigterm_saves_the_jobs_and_keeps_the_queue() -> None:
    submit(run(4000, "long"))
    submit(run(3, "waiting"))
    running_entry()
    pid = service_pid()
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    wait_for_end()
    (record,) = all_records()
    assert record.status == "stopped"
    assert record.result is not None
    assert [(entry.name, entry.state) for entry in read_queue()] == [("long", "interrupted"), ("waiting", "waiting")]
    request(Remove(number=read_queue()[0].id))
    until(lambda: not read_queue())  # the waiting one has run


def test_a_reused_process_number_is_not_taken_for_a_trainer() -> None:
    entry = submit(run(4000))
    child, pid = trainer_process(), service_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    child.kill()
    wait_for_end()
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with sqlite3.connect(queue_path()) as database:
            database.execute("UPDATE jobs SET pid = ?", (sleeper.pid,))
        with connection():
            assert [(one.id, one.state) for one in read_queue()] == [(entry.id, "interrupted")]
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()


def test_other_versions() -> None:
    with connection():
        pid = service_pid()
    raw = connected_socket()
    assert raw is not None
    submit(run(4000))
    with Connection(raw) as newer:
        newer.send(Greeting(protocol=PROTOCOL, program="another"))
        welcome = next(newer.answers())
        assert welcome == Welcome(protocol=PROTOCOL, program=program_id(), pid=pid or 0, busy=True)
    request(Act(number=running_entry().id, action="kill"))
    until(lambda: not read_queue())
    raw = connected_socket()
    assert raw is not None
    with Connection(raw) as newer:
        newer.send(Greeting(protocol=PROTOCOL, program="another"))
        wait_for_end()  # it makes room for the other version as soon as it is not busy


def test_a_busy_service_of_another_protocol_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    submit(run(4000))
    monkeypatch.setattr(client, "PROTOCOL", PROTOCOL + 1)
    monkeypatch.setattr(client, "program_id", lambda: "newer")
    monkeypatch.setattr(client, "parse_answer", parse_as_other_protocol)
    with pytest.raises(ServiceError, match="Another version of cnn-tui runs a job"):
        connect()
    monkeypatch.undo()


def parse_as_other_protocol(line: bytes) -> Welcome:
    welcome = Welcome.model_validate_json(line)
    return welcome.model_copy(update={"protocol": 0})


def test_bad_requests_are_refused_and_the_service_goes_on() -> None:
    with connection() as connected:
        raw = connected_socket()
        assert raw is not None
        with raw, raw.makefile("rwb") as file:
            for line in (b"\n", b"nothing\n", b'{"type": "submit"}\n', b"\xff\xfe\n"):
                file.write(line)
                file.flush()
                assert b'"failure"' in file.readline()
        flood = connected_socket()
        assert flood is not None
        with flood, pytest.raises(OSError):  # noqa: PT011 - which one depends on when it is noticed
            flood.sendall(b"x" * (1 << 27))
        assert connected.request(Clear()).count == 0
        with pytest.raises(ServiceError, match="No job 77"):
            connected.request(Act(number=77, action="stop"))


def test_a_refused_job_is_reported(trainer: ServiceTrainer) -> None:
    trainer.start()
    trainer.request(Remove(number=5))
    assert "No job 5" in until_type(trainer, Refused).reason


def test_a_service_that_cannot_start_is_explained(home: Path) -> None:
    paths.service_folder().mkdir(parents=True)
    queue_path().mkdir()
    with pytest.raises(ServiceError, match="does not start") as failure:
        connect()
    assert "queue cannot be read" in failure.value.detail
    queue_path().rmdir()


def test_a_stale_socket_and_a_damaged_queue_do_not_matter() -> None:
    submit(run(4000, "lost"))
    pid = service_pid()
    assert pid is not None
    trainer = trainer_process()
    os.kill(pid, signal.SIGKILL)
    trainer.kill()
    wait_for_end()
    assert connected_socket() is None  # its file is still there
    for path in queue_path().parent.glob("queue.sqlite3*"):
        path.write_bytes(b"<html>not a database</html>" * 100)
    submit(run(3, "next"))
    until(lambda: not read_queue())
    assert queue_path().with_name("queue.sqlite3.damaged").read_bytes().startswith(b"<html>")


def test_only_this_account_can_connect(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    paths.service_folder().mkdir(parents=True)
    listener = listen()
    path = Path(listener.getsockname())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    ours = connected_socket()
    assert ours is not None
    assert is_same_account(ours)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert not is_same_account(ours)
    with pytest.raises(ServiceError, match="another account"):
        connected_socket()
    ours.close()
    listener.close()
    monkeypatch.undo()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    path.parent.chmod(0o755)
    with pytest.raises(ServiceError, match="no safe folder"):
        listen()


def test_a_client_that_does_not_read_holds_up_no_one_else(trainer: ServiceTrainer) -> None:
    sleeping = [connection() for _ in range(3)]
    for connected in sleeping:
        connected.send(Follow())
    trainer.submit(run(200))
    messages = until_idle(trainer)
    assert sum(isinstance(event, RunEvent) and isinstance(event.event, BatchFinished) for event in job_events(messages))
    for connected in sleeping:
        connected.close()


def test_backlog_has_every_event_but_steps_that_no_chart_can_show() -> None:
    from cnn_tui.events import JobStarted, Phase, Progress
    from cnn_tui.service.backlog import Backlog
    from samples import batch, epoch, started

    job = run(3)
    backlog = Backlog(job)
    events: list[JobEvent] = [JobStarted(preset=job.preset, runs=1)]
    events += [RunEvent(run=0, event=event) for event in (started("s"), Phase(name="training"))]
    for number in range(1, 4):
        events += [RunEvent(run=0, event=batch(number, step, 9000)) for step in range(1, 9001)]
        events += [RunEvent(run=0, event=epoch(number))]
    events += [RunEvent(run=0, event=Progress(done=27000, total=27000, unit="steps", rate=1.0))]
    for event in events:
        backlog.add(event)
    kept = list(backlog.events())
    assert len(kept) < 9000
    history, whole = folded(job, kept), folded(job, events)
    assert history.current_run.epochs == whole.current_run.epochs
    assert history.current_run.batches == whole.current_run.batches
    assert history.current_run.phases == whole.current_run.phases


def test_no_socket_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "AVAILABLE", False)
    trainer = ServiceTrainer()
    trainer.submit(run(3))
    assert "no background service" in until_type(trainer, Lost).error.title
    until_type(trainer, Idle)
    assert not trainer.busy
    trainer.close(finish=True)


def test_an_older_workbench_keeps_its_service_when_a_newer_program_comes() -> None:
    with connection():
        pid = service_pid()
        raw = connected_socket()
        assert raw is not None
        with Connection(raw) as newer:
            newer.send(Greeting(protocol=PROTOCOL, program="another"))
            welcome = next(newer.answers())
            assert isinstance(welcome, Welcome)
            assert welcome.busy
        assert service_pid() == pid


def test_a_relative_home_is_that_of_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: ServiceTrainer
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNN_TUI_HOME", "home")
    trainer.submit(run(3))
    until_idle(trainer)
    assert len(list((tmp_path / "home" / "sessions").iterdir())) == 1


def test_a_job_goes_on_when_the_queue_cannot_be_written(trainer: ServiceTrainer) -> None:
    trainer.submit(run(300))
    until_batch(trainer)
    with sqlite3.connect(queue_path()) as database:
        database.execute("DROP TABLE jobs")
    history = folded(run(300), job_events(until_idle(trainer)))
    assert history.finished is not None
    assert history.finished.status == "done"
    assert all_records()[0].status == "done"
