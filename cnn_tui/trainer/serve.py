"""The trainer process: ``python -m cnn_tui.trainer.serve``.

Commands arrive on standard input, messages leave on standard output, one JSON object per line; see ``protocol``.
Anything printed goes to ``trainer.log`` in the folder of the latest session, before that to standard error.

If the workbench disappears, its pipes close. The job is then finished or stopped, depending on ``--when-abandoned``;
its session is saved in both cases, and the process exits. SIGTERM stops the job and saves it; a second one skips the
test. SIGINT and SIGHUP from the terminal are meant for the workbench and ignored here. The process lowers its priority
slightly (nice 5), so that the interface stays responsive while training uses all cores.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from typing import get_args

from cnn_tui import paths
from cnn_tui.events import JobEvent, RunEvent, RunStarted
from cnn_tui.history import JobHistory
from cnn_tui.trainer.controller import JobController, Runner, job_events, load_runner, ready, use_gpu
from cnn_tui.trainer.crash_report import LOG_NAME
from cnn_tui.trainer.message_queue import MessageWriter
from cnn_tui.trainer.pipes import OutputLog, claim_stdio, read_lines
from cnn_tui.trainer.protocol import (
    MAX_COMMAND_BYTES,
    RUN_JOB,
    Command,
    Hello,
    JobUpdate,
    Message,
    ProtocolError,
    Refused,
    Shutdown,
    ShutdownMode,
    parse_command,
)

_NICENESS = 5
_FLUSH_SECONDS = 5.0

Send = Callable[[Message], None]


class _Exit:
    """Exits the process: after the current job, or immediately while nothing can be lost."""

    def __init__(self, controller: JobController) -> None:
        self._controller = controller
        self.loaded = threading.Event()

    def begin(self, mode: ShutdownMode) -> None:
        self._controller.shut_down(mode)
        if self._controller.unused and not self.loaded.is_set():
            os._exit(0)  # The main thread is importing PyTorch for seconds, and no one is waiting for it.


def main() -> None:
    """Run jobs until a command to shut down arrives or until the workbench is gone."""
    options = _options()
    commands, messages = claim_stdio()
    _detach_from_terminal()
    writer, log = MessageWriter(messages), OutputLog()
    controller = JobController(writer.send)
    exit_ = _Exit(controller)
    _exit_on_sigterm(exit_)
    _in_background(lambda: _listen(commands, controller, exit_, writer.send, options.when_abandoned))
    try:
        writer.send(Hello(pid=os.getpid()))
        runner = load_runner(options.runner)
        use_gpu(options.gpu)
        exit_.loaded.set()
        writer.send(ready())
        _run_jobs(controller, runner, writer.send, log)
    finally:
        writer.close(_FLUSH_SECONDS)
        gc.freeze()  # Without this the final collections walk all of PyTorch's objects, which takes a second.


def _run_jobs(controller: JobController, runner: Runner, send: Send, log: OutputLog) -> None:
    while (accepted := controller.next_job()) is not None:
        for event in job_events(runner, JobHistory(accepted.job), accepted.control):
            if session_id := _started_session(event):
                log.redirect(paths.sessions_folder() / session_id / LOG_NAME)
            send(JobUpdate(event=event))
        log.restore()
        controller.done()


def _started_session(event: JobEvent) -> str | None:
    match event:
        case RunEvent(event=RunStarted(session_id=session_id)):
            return session_id
        case _:
            return None


def _listen(descriptor: int, controller: JobController, exit_: _Exit, send: Send, when_abandoned: ShutdownMode) -> None:
    """Handle commands until ``shutdown`` or until the workbench's end of the pipe closes."""
    for command in _commands(descriptor, send):
        if isinstance(command, Shutdown):
            return exit_.begin(command.mode)
        controller.handle(command)
    return exit_.begin(when_abandoned)


def _commands(descriptor: int, send: Send) -> Iterator[Command]:
    try:
        for line in read_lines(descriptor, MAX_COMMAND_BYTES):
            try:
                yield parse_command(line)
            except ProtocolError as error:
                send(Refused(reason=str(error)))
    except ProtocolError as error:
        send(Refused(reason=str(error)))


def _exit_on_sigterm(exit_: _Exit) -> None:
    """A handler may interrupt the main thread while it holds a lock, so another thread does the work."""
    signals: queue.SimpleQueue[None] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda number, frame: signals.put(None))

    def handle() -> None:
        while True:
            signals.get()
            exit_.begin("stop")

    _in_background(handle)


def _detach_from_terminal() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    faulthandler.enable(all_threads=False)


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cnn_tui.trainer.serve", description="Runs training jobs.")
    parser.add_argument("--runner", default=RUN_JOB, help="the function that runs jobs, as module:function")
    parser.add_argument(
        "--when-abandoned",
        choices=get_args(ShutdownMode),
        default="finish",
        help="what happens to the job when the workbench is gone",
    )
    parser.add_argument("--gpu", type=int, help="the index of the GPU for jobs that do not ask for a certain one")
    return parser.parse_args()


if __name__ == "__main__":
    main()
