"""The network of a session in a child process, from its parent's side; ``serve_inference`` is the other end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cnn_tui.events import ErrorReport
from cnn_tui.trainer.crash_report import log_tail, signal_name
from cnn_tui.trainer.inference_protocol import (
    MAX_ANSWER_BYTES,
    Answer,
    Classify,
    Lost,
    ShowImage,
    parse_answer,
)
from cnn_tui.trainer.piped_process import PipedProcess
from cnn_tui.trainer.protocol import to_line

LOG_NAME = "inference.log"
_MODULE = "cnn_tui.trainer.serve_inference"
_NO_MEMORY = "The system does this when memory runs out: end other programs, then press enter in the path."
_RETRY = "Press enter in the path to try again. 'cnn-tui doctor' shows whether PyTorch works here."


class InferenceProcess:
    """Implements :class:`inference_protocol.Inference` with a child process, which keeps the network loaded.

    A thread sends the requests: while the child imports PyTorch, it may not read for a second.

    Args:
        folder: of the session.
        on_answer: called with each answer, in another thread.
    """

    def __init__(self, folder: Path, on_answer: Callable[[Answer], None]) -> None:
        self._folder = folder
        self._on_answer = on_answer
        self._process: PipedProcess | None = None
        self._closed = False
        self._lock = threading.RLock()
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="inference")

    def start(self) -> None:
        """Start the process, which loads PyTorch and the network."""
        self._sender.submit(self._running)

    def classify(self, number: int, images: Sequence[str]) -> None:
        """Classify image files, in a new process if the last one has died."""
        self._sender.submit(self._classify, number, images)

    def show_image(self, image: str) -> None:
        """Ask for a small version of an image file."""
        self._sender.submit(self._show_image, image)

    def close(self) -> None:
        """Kill the process. It writes nothing that could be lost, and so it cannot hang either."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
        self._sender.shutdown(wait=False)

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the process to end after :meth:`close`; return whether it has."""
        process = self._process
        return process is None or process.join(timeout)

    def _classify(self, number: int, images: Sequence[str]) -> None:
        if (process := self._running()) is not None:
            process.send_line(to_line(Classify.of(number, images)))

    def _show_image(self, image: str) -> None:
        if (process := self._process) is not None:
            process.send_line(to_line(ShowImage(image=os.fsencode(image))))

    def _running(self) -> PipedProcess | None:
        """The process, started if there is none; None if that is impossible, which is reported."""
        with self._lock:
            if self._process is None and not self._closed:
                self._launch()
            return self._process

    def _launch(self) -> None:
        arguments = [str(self._folder)]
        try:
            self._process = PipedProcess(_MODULE, arguments, LOG_NAME, MAX_ANSWER_BYTES, self._on_line, self._on_exit)
        except OSError as error:
            title = "The process that classifies images could not be started"
            self._on_answer(Lost(error=ErrorReport(title=title, detail=str(error), hint="Free some memory.")))

    def _on_line(self, line: bytes) -> None:
        self._on_answer(parse_answer(line))

    def _on_exit(self, code: int) -> None:
        with self._lock:
            process, self._process = self._process, None
            if process is not None and not self._closed:
                self._on_answer(Lost(error=_explain(process, code)))


def _explain(process: PipedProcess, code: int) -> ErrorReport:
    """Why the process has ended by itself."""
    if process.error is not None:
        return ErrorReport.of(process.error)
    how = signal_name(-code) if code < 0 else f"exit code {code}"
    tail = log_tail(process.log_path, process.log_start)
    detail = f"The end of its log:\n{tail}" if tail else "Its log is empty."
    title = f"The process that classifies images ended unexpectedly ({how})"
    return ErrorReport(title=title, detail=detail, hint=_NO_MEMORY if code == -signal.SIGKILL else _RETRY)
