"""Starts the jobs of the queue, one at a time on each device, and passes on what they report.

Everything here runs in one thread, that of the service's event loop; the trainers are read by threads of their own.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import TypeVarTuple

from cnn_tui.config.job import Job
from cnn_tui.errors import QueueEntryNotFoundError, StorageError
from cnn_tui.events import RunEvent, RunStarted
from cnn_tui.service.after import run_after
from cnn_tui.service.devices import default_device, first_free, gpu_index, usable_devices
from cnn_tui.service.followers import ActiveJob, Follower, Followers
from cnn_tui.service.orphan import Orphan, is_trainer
from cnn_tui.service.protocol import Action
from cnn_tui.service.recovery import continuation, has_ended
from cnn_tui.store.job_queue import JobQueue, QueueEntry
from cnn_tui.trainer.process import ProcessTrainer
from cnn_tui.trainer.protocol import Hello, Idle, JobUpdate, Lost, Message, Paused, QueueChanged, Ready

_Arguments = TypeVarTuple("_Arguments")


class Scheduler:
    """Runs the jobs of a queue with a trainer for each device.

    Args:
        gpus: the GPUs of this machine, such as "cuda:0".
        runner: the function that runs jobs, as ``module:function``.
    """

    def __init__(self, queue: JobQueue, gpus: list[str], runner: str) -> None:
        self._queue = queue
        self._gpus = gpus
        self._runner = runner
        self._loop = asyncio.get_running_loop()
        self._trainers: dict[str, ProcessTrainer] = {}
        self._processes: dict[object, Hello] = {}
        self._engines: dict[object, Ready] = {}
        self._active: dict[int, ActiveJob] = {}
        self._followers = Followers()
        self._commands: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def busy(self) -> bool:
        """Whether jobs run or wait, or the command after one runs."""
        return bool(self._active or self._commands or self._queue_state().waiting)

    def recover(self) -> None:
        """Find out what became of the jobs that an earlier service left running."""
        for entry in self._queue.entries():
            if entry.state != "running":
                continue
            if entry.pid is not None and is_trainer(entry.pid):
                orphan = Orphan(entry, entry.pid)
                self._read(orphan)
                self._run(entry, orphan)
            elif has_ended(entry):
                self._queue.remove(entry.id)
            else:
                self._queue.interrupt(entry.id)

    def preload(self) -> None:
        """Load the engine ahead of the first job."""
        if not self._closing:
            self._trainer(default_device(self._gpus)).start()

    def submit(self, job: Job, command: str, *, first: bool) -> QueueEntry:
        """Add a job to the queue; it starts now if its device is free."""
        entry = self._queue.add(job, command, first=first)
        self.start_waiting()
        return self._queue.get(entry.id)

    def continue_interrupted(self, number: int) -> QueueEntry:
        """Let an interrupted job go on, before all waiting ones.

        Raises:
            QueueEntryNotFoundError: there is no such job, or it was not interrupted.
        """
        entry = self._queue.get(number)
        if entry.state != "interrupted":
            raise QueueEntryNotFoundError(f"Job {number} was not interrupted", f"It is {entry.state}.")
        self._queue.wait_again(number, continuation(entry))
        self.start_waiting()
        return self._queue.get(number)

    def move(self, number: int, index: int) -> None:
        """Move a waiting job to an index among those waiting."""
        self._queue.move(number, index)
        self._report_queue()

    def replace(self, number: int, job: Job) -> None:
        """Change a waiting job."""
        self._queue.replace(number, job)
        self._report_queue()

    def remove(self, number: int) -> None:
        """Remove a job that does not run.

        Raises:
            QueueEntryNotFoundError: there is no such job, or it runs.
        """
        if self._queue.get(number).state == "running":
            raise QueueEntryNotFoundError(f"Job {number} is running", "It cannot be removed.", "Stop it instead.")
        self._queue.remove(number)
        self._report_queue()

    def clear(self) -> int:
        """Remove all waiting jobs; return how many there were."""
        count = self._queue.clear()
        self._report_queue()
        return count

    def act(self, number: int, action: Action) -> None:
        """Stop, kill, pause or resume a job.

        Raises:
            QueueEntryNotFoundError: it is not running.
        """
        trainer = self._running(number).trainer
        actions = {"stop": trainer.stop, "kill": trainer.kill, "pause": trainer.pause, "resume": trainer.resume}
        actions[action]()

    def follow(self, follower: Follower, number: int | None) -> None:
        """Send a follower the messages of a job, or of any that runs and later of the next one.

        Raises:
            QueueEntryNotFoundError: the job is not running.
        """
        chosen = self._running(number) if number is not None else next(iter(self._active.values()), None)
        self._followers.add(follower)
        follower.send_message(self._queue_state())
        if chosen is not None:
            self._followers.attach(follower, chosen)
        elif engine := self._engines.get(self._trainers.get(default_device(self._gpus))):
            follower.send_message(engine)

    def unfollow(self, follower: Follower) -> None:
        """Send a follower nothing more."""
        self._followers.remove(follower)

    def shut_down(self) -> None:
        """Stop, test and save all jobs, which then count as interrupted, and let the trainers exit."""
        self._closing = True
        for active in self._active.values():
            if isinstance(active.trainer, ProcessTrainer):
                self._record(self._queue.interrupt, active.entry.id)
        for trainer in self._process_trainers():
            trainer.close(finish=False)

    def wait(self) -> None:
        """Wait until the trainers have exited, in any thread."""
        for trainer in self._process_trainers():
            trainer.wait()

    def _process_trainers(self) -> list[ProcessTrainer]:
        beside = [active.trainer for active in self._active.values() if isinstance(active.trainer, ProcessTrainer)]
        return list(dict.fromkeys([*self._trainers.values(), *beside]))

    def start_waiting(self) -> None:
        """Start every waiting job whose device is free."""
        for entry in [] if self._closing else self._queue.waiting():
            devices = usable_devices(entry.job, self._gpus)
            used = {active.entry.device for active in self._active.values() if not active.entry.job.beside}
            device = devices[0] if entry.job.beside else first_free(devices, used)
            if device is not None:
                self._start(entry, device)
        self._report_queue()

    def _start(self, entry: QueueEntry, device: str) -> None:
        trainer = self._new_trainer(device) if entry.job.beside else self._trainer(device)
        self._queue.start(entry.id, device)
        if process := self._processes.get(trainer):
            self._queue.set_pid(entry.id, process.pid)
        self._run(self._queue.get(entry.id), trainer)
        trainer.submit(entry.job)

    def _run(self, entry: QueueEntry, trainer: ProcessTrainer | Orphan) -> None:
        """Let a job be the one of its trainer, and of followers without another."""
        active = self._active[entry.id] = ActiveJob(entry, trainer, self._engines.get(trainer))
        self._followers.attach_waiting(active)

    def _trainer(self, device: str) -> ProcessTrainer:
        """The trainer of a device, which keeps data and networks for the next job."""
        if device not in self._trainers:
            self._trainers[device] = self._new_trainer(device)
        return self._trainers[device]

    def _new_trainer(self, device: str) -> ProcessTrainer:
        trainer = ProcessTrainer(runner=self._runner, gpu=gpu_index(device))
        self._read(trainer)
        return trainer

    def _read(self, trainer: ProcessTrainer | Orphan) -> None:
        """Handle the messages of a trainer in the event loop."""

        def read() -> None:
            for messages in trainer.batches():
                self._loop.call_soon_threadsafe(self._handle_all, trainer, messages)

        threading.Thread(target=read, name="scheduler-reader", daemon=True).start()

    def _handle_all(self, trainer: ProcessTrainer | Orphan, messages: list[Message]) -> None:
        for message in messages:
            self._handle(trainer, message)

    def _handle(self, trainer: ProcessTrainer | Orphan, message: Message) -> None:
        active = next((active for active in self._active.values() if active.trainer is trainer), None)
        match message:
            case Hello():
                self._processes[trainer] = message
                if active is not None:
                    self._record(self._queue.set_pid, active.entry.id, message.pid)
            case Ready():
                self._engines[trainer] = message
                if active is not None:
                    active.engine = message
            case Lost():
                self._processes.pop(trainer, None)
            case JobUpdate() if active is not None:
                self._update(active, message)
            case Paused() if active is not None:
                active.paused = message.paused
                self._record(self._queue.set_paused, active.entry.id, message.paused)
        self._followers.send(None if active is None else active.entry.id, message)
        if isinstance(message, Idle) and active is not None:
            self._finish(active)

    def _update(self, active: ActiveJob, message: JobUpdate) -> None:
        active.backlog.add(message.event)
        match message.event:
            case RunEvent(run=run, event=RunStarted(session_id=session)):
                active.sessions[run] = session
                self._record(self._queue.set_sessions, active.entry.id, active.sessions)

    def _record(self, change: Callable[[*_Arguments], None], *arguments: *_Arguments) -> None:
        """Change the queue as well as possible: on a full disk the job goes on, and its end is seen in its session."""
        try:
            change(*arguments)
        except StorageError as error:
            sys.stderr.write(f"{error}\n")

    def _finish(self, active: ActiveJob) -> None:
        """Remove a job that has ended, and start the next one."""
        entry = active.entry
        del self._active[entry.id]
        if not self._closing:
            self._record(self._queue.remove, entry.id)
        if entry.command:
            task = self._loop.create_task(run_after(entry, active.backlog.history))
            self._commands.add(task)
            task.add_done_callback(self._commands.discard)
        if entry.job.beside and isinstance(active.trainer, ProcessTrainer):
            active.trainer.close(finish=True)
            self._processes.pop(active.trainer, None)
            self._engines.pop(active.trainer, None)
        self._followers.detach(entry.id)
        self._record(self.start_waiting)
        if other := next(iter(self._active.values()), None):
            self._followers.attach_waiting(other)

    def _running(self, number: int) -> ActiveJob:
        if number in self._active:
            return self._active[number]
        state = self._queue.get(number).state
        raise QueueEntryNotFoundError(f"Job {number} is not running", f"It is {state}.")

    def _queue_state(self) -> QueueChanged:
        try:
            counts = self._queue.counts()
        except StorageError:
            counts = {}
        return QueueChanged(waiting=counts.get("waiting", 0), interrupted=counts.get("interrupted", 0))

    def _report_queue(self) -> None:
        self._followers.send_all(self._queue_state())
