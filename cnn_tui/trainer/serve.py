"""The trainer process: ``python -m cnn_tui.trainer.serve``.

Commands come in on standard input, messages go out on standard output, one JSON object per line; see ``protocol``.
What is printed goes to ``trainer.log`` in the folder of the session that began last, else to standard error.

When the workbench goes away, its pipes close: the run then goes on to its end, or stops, by ``--when-abandoned``;
either way its session is saved, and the process ends. SIGTERM stops the run and saves it; a second one leaves the
test out. The terminal's own signals (SIGINT, SIGHUP) are the workbench's and are ignored here. The process takes
a slightly lower priority (nice 5), so that keys and the screen come before training on all cores.
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
from cnn_tui.trainer.course import session_started
from cnn_tui.trainer.endings import LOG_NAME
from cnn_tui.trainer.jobs import Desk
from cnn_tui.trainer.lines import read_lines
from cnn_tui.trainer.outbox import Outbox
from cnn_tui.trainer.protocol import (
    ENGINE,
    MAX_COMMAND_BYTES,
    STUDIES,
    Command,
    Hello,
    Message,
    ProtocolError,
    Refused,
    Shutdown,
    ShutdownMode,
    parse_command,
)
from cnn_tui.trainer.runners import Runners, ready
from cnn_tui.trainer.stdio import OutputLog, claim_stdio

_NICENESS = 5
_FAREWELL_SECONDS = 5.0

Send = Callable[[Message], None]


class _Ending:
    """Ends the process: after the job that is going on, or at once while there is nothing to lose."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.loaded = threading.Event()

    def begin(self, mode: ShutdownMode) -> None:
        self._desk.shut_down(mode)
        if self._desk.unused and not self.loaded.is_set():
            os._exit(0)  # The main thread is importing PyTorch for seconds, and nobody waits for it any more.


def main() -> None:
    """Serve jobs until told to end, or until the workbench has gone away."""
    options = _options()
    commands, messages = claim_stdio()
    _leave_the_terminal()
    outbox, log = Outbox(messages), OutputLog()
    desk = Desk(outbox.send)
    ending = _Ending(desk)
    _end_on_sigterm(ending)
    _in_background(lambda: _listen(commands, desk, ending, outbox.send, options.when_abandoned))
    try:
        outbox.send(Hello(pid=os.getpid()))
        runners = Runners(options.runner, options.study_runner)
        runners.load()
        ending.loaded.set()
        outbox.send(ready())
        _work(desk, runners, outbox.send, log)
    finally:
        outbox.close(_FAREWELL_SECONDS)
        gc.freeze()  # The interpreter's last collections would walk through all of PyTorch, which takes a second.


def _work(desk: Desk, runners: Runners, send: Send, log: OutputLog) -> None:
    while (job := desk.next_job()) is not None:
        for message in runners.messages(job.command, job.control):
            if session_id := session_started(message):
                log.into(paths.sessions_folder() / session_id / LOG_NAME)
            send(message)
        log.back()
        desk.done()


def _listen(descriptor: int, desk: Desk, ending: _Ending, send: Send, when_abandoned: ShutdownMode) -> None:
    """Pass commands on until the last one, which is ``shutdown``, or the closed pipe of a workbench that is gone."""
    for command in _commands(descriptor, send):
        if isinstance(command, Shutdown):
            return ending.begin(command.mode)
        desk.handle(command)
    return ending.begin(when_abandoned)


def _commands(descriptor: int, send: Send) -> Iterator[Command]:
    try:
        for line in read_lines(descriptor, MAX_COMMAND_BYTES):
            try:
                yield parse_command(line)
            except ProtocolError as error:
                send(Refused(reason=str(error)))
    except ProtocolError as error:
        send(Refused(reason=str(error)))


def _end_on_sigterm(ending: _Ending) -> None:
    """A handler may interrupt the main thread anywhere, so it only leaves a note for a thread that may take locks."""
    notes: queue.SimpleQueue[None] = queue.SimpleQueue()
    signal.signal(signal.SIGTERM, lambda number, frame: notes.put(None))

    def heed() -> None:
        while True:
            notes.get()
            ending.begin("stop")

    _in_background(heed)


def _leave_the_terminal() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    faulthandler.enable(all_threads=False)


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cnn_tui.trainer.serve", description="Runs experiments.")
    parser.add_argument("--runner", default=ENGINE, help="what runs them, as module:function")
    parser.add_argument("--study-runner", default=STUDIES, help="what runs studies of them, likewise")
    parser.add_argument(
        "--when-abandoned",
        choices=get_args(ShutdownMode),
        default="finish",
        help="what becomes of a run when nobody reads any more",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
