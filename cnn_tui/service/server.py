"""The background service: ``python -m cnn_tui.service.server``.

One process for each account and machine, started by the first client that needs it. It outlives its clients, and ends
by itself when no job has run or waited and no client was connected for some minutes. SIGTERM stops its jobs, saves them
and keeps the queue; if it is killed, its trainers finish their jobs, and the next service finds them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import signal
import sys
from pathlib import Path

from filelock import Timeout

from cnn_tui import paths
from cnn_tui.errors import CnnTuiError
from cnn_tui.events import ErrorReport
from cnn_tui.service import protocol
from cnn_tui.service.devices import gpu_names
from cnn_tui.service.endpoint import is_same_account, listen, service_lock, withdraw
from cnn_tui.service.scheduler import Scheduler
from cnn_tui.store.job_queue import JobQueue
from cnn_tui.trainer.protocol import RUN_JOB, Message, Record, to_line

IDLE_VARIABLE = "CNN_TUI_IDLE_MINUTES"
_IDLE_MINUTES = 5.0
_CHECK_SECONDS = 0.5
_START_SECONDS = 20.0
_FIRST_REQUEST_SECONDS = 3.0
_READY = b"1"
_MOST_UNREAD_BYTES = 1 << 25
"""A client that has not read so much is disconnected. It connects again when it continues, and joins its job."""


class Client:
    """A connected process."""

    def __init__(self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._service = service
        self._reader = reader
        self._writer = writer

    def send(self, record: Record) -> None:
        """Send a reply or a message, unless the client has stopped to read."""
        if self._writer.transport.get_write_buffer_size() > _MOST_UNREAD_BYTES:
            self._writer.transport.abort()
        elif not self._writer.is_closing():
            self._writer.write(to_line(record))

    def send_message(self, message: Message) -> None:
        """Send a message of the job that the client follows."""
        self.send(protocol.Followed(message=message))

    async def serve(self) -> None:
        """Reply to the client's requests until it disconnects."""
        with contextlib.suppress(OSError, ValueError):  # disconnected; a line longer than any request
            while line := await self._reader.readline():
                self.send(self._reply(line))
        self._writer.close()

    def _reply(self, line: bytes) -> protocol.Reply:
        try:
            request = protocol.parse_request(line)
            reply = self._service.handle(self, request)
            if not isinstance(request, protocol.Greeting):
                self._service.start_waiting()
            return reply
        except CnnTuiError as error:
            return protocol.Failure(error=ErrorReport.of(error))


class Service:
    """Carries out the requests of all clients."""

    def __init__(self, scheduler: Scheduler, idle_seconds: float) -> None:
        self.scheduler = scheduler
        self.ended = asyncio.Event()
        self._idle_seconds = idle_seconds
        self._started = False
        self._clients: set[Client] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start_waiting(self) -> None:
        """Start the jobs that were waiting when the service began, unless its first request has removed them."""
        if not self._started:
            self._started = True
            self.scheduler.start_waiting()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client until it disconnects."""
        if not is_same_account(writer.get_extra_info("socket")):
            writer.close()
            return
        client = Client(self, reader, writer)
        self._clients.add(client)
        try:
            await client.serve()
        finally:
            self._clients.discard(client)
            self.scheduler.unfollow(client)

    def handle(self, client: Client, request: protocol.Request) -> protocol.Reply:
        """Carry out a request.

        Raises:
            CnnTuiError: it cannot be carried out.
        """
        scheduler = self.scheduler
        match request:
            case protocol.Greeting():
                return self._welcome(request)
            case protocol.Submit():
                entry = scheduler.submit(request.job, request.command, first=request.first)
                return protocol.Done(entry=entry)
            case protocol.Continue():
                return protocol.Done(entry=scheduler.continue_interrupted(request.number))
            case protocol.Clear():
                return protocol.Done(count=scheduler.clear())
            case protocol.Move():
                scheduler.move(request.number, request.index)
            case protocol.Replace():
                scheduler.replace(request.number, request.job)
            case protocol.Remove():
                scheduler.remove(request.number)
            case protocol.Act():
                scheduler.act(request.number, request.action)
            case protocol.Follow():
                scheduler.follow(client, request.number)
            case protocol.Preload():
                scheduler.preload()
        return protocol.Done()

    def _welcome(self, greeting: protocol.Greeting) -> protocol.Welcome:
        """Greet a client, and make room for a service of its version if no one needs this one."""
        program, busy = protocol.program_id(), self.scheduler.busy or len(self._clients) > 1
        if greeting.program != program and not busy:
            asyncio.get_running_loop().call_later(0, self.ended.set)
        return protocol.Welcome(protocol=protocol.PROTOCOL, program=program, pid=os.getpid(), busy=busy)

    async def end_when_idle(self) -> None:
        """End the service when nothing has happened for long enough."""
        quiet = 0.0
        while quiet < self._idle_seconds or quiet == 0.0:
            await asyncio.sleep(_CHECK_SECONDS)
            quiet = 0.0 if self._clients or self.scheduler.busy else quiet + _CHECK_SECONDS
        self.ended.set()


async def _run(runner: str, ready: int) -> None:
    protocol.program_id()  # remembered now, before an update changes the files
    with JobQueue() as queue:
        scheduler = Scheduler(queue, gpu_names(), runner)
        service = Service(scheduler, _idle_seconds())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, service.ended.set)
        scheduler.recover()
        loop.call_later(_FIRST_REQUEST_SECONDS, service.start_waiting)
        listener = listen()
        server = await asyncio.start_unix_server(service.accept, sock=listener, limit=protocol.MAX_REQUEST_BYTES)
        os.write(ready, _READY)
        idle = loop.create_task(service.end_when_idle())
        await service.ended.wait()
        idle.cancel()
        withdraw(listener)
        server.close()
        scheduler.shut_down()
        await loop.run_in_executor(None, scheduler.wait)


def _idle_seconds() -> float:
    """The time without work after which the service ends."""
    try:
        minutes = float(os.environ.get(IDLE_VARIABLE, _IDLE_MINUTES))
    except ValueError:
        minutes = _IDLE_MINUTES
    return 60 * (minutes if math.isfinite(minutes) and minutes >= 0 else _IDLE_MINUTES)


def _detach() -> int:
    """Continue in a process that is nobody's child; the first one exits once something is written to the result.

    Its exit status tells the client whether the service runs.
    """
    report, ready = os.pipe()
    if os.fork():
        os.close(ready)
        os._exit(0 if os.read(report, 1) else 1)
    os.close(report)
    return ready


def main() -> None:
    """Run the service, in a process of its own that no terminal or parent can end."""
    parser = argparse.ArgumentParser(
        prog="python -m cnn_tui.service.server", description="Runs jobs in the background."
    )
    parser.add_argument("--runner", default=RUN_JOB, help="the function that runs jobs, as module:function")
    options = parser.parse_args()
    ready = _detach()
    if home := os.environ.get(paths.HOME_VARIABLE):
        os.environ[paths.HOME_VARIABLE] = str(Path(home).expanduser().absolute())
    os.chdir("/")
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    try:
        # An earlier service may still wait for its trainers to exit.
        with service_lock().acquire(timeout=_START_SECONDS):
            asyncio.run(_run(options.runner, ready))
    except Timeout:
        os.write(ready, _READY)  # another client has started one
    except CnnTuiError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
