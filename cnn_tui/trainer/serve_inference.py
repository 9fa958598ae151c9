"""The process that classifies images for the Predict screen: ``python -m cnn_tui.trainer.serve_inference SESSION``.

Requests arrive on standard input, answers leave on standard output; see ``inference_protocol``. SESSION is the folder
of the session whose network is loaded at once and kept. Anything printed goes to standard error.

The process ends as soon as its input closes: it has nothing to save. It lowers its priority (nice 10), so that a
training beside it goes first.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from cnn_tui.engine.data.decode import UnreadableImageError, decode, register_heif
from cnn_tui.engine.data.value_range import SIXTEEN_BITS, ValueRange
from cnn_tui.errors import CnnTuiError
from cnn_tui.events import ErrorReport, Phase, Progress
from cnn_tui.imports import importing_engine
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import load_session
from cnn_tui.trainer.inference_protocol import (
    MAX_REQUEST_BYTES,
    PREVIEW_PIXELS,
    Answer,
    Classified,
    Classify,
    Failed,
    LoadingNetwork,
    NetworkLoaded,
    ShowImage,
    SmallImage,
    parse_request,
)
from cnn_tui.trainer.pipes import claim_stdio, read_lines, write_all
from cnn_tui.trainer.protocol import to_line

if TYPE_CHECKING:
    from cnn_tui.engine.inference.predict import Predictor

_NICENESS = 10
_LARGEST_BATCH = 32

Send = Callable[[Answer], None]


class _Requests:
    """Hands requests to the thread that classifies, only the newest one."""

    def __init__(self) -> None:
        self._newest: Classify | None = None
        self._changed = threading.Condition()

    def put(self, request: Classify | None) -> None:
        """Replace the request that waits; None removes it."""
        with self._changed:
            self._newest = request
            self._changed.notify()

    def take(self) -> Classify:
        """Wait for a request."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None)
            request, self._newest = self._newest, None
            assert request is not None
            return request

    @property
    def waiting(self) -> bool:
        """Whether there is a newer request than the one taken last."""
        return self._newest is not None


class _Session:
    """The session, its record and its network, each read when it is first needed."""

    def __init__(self, folder: Path, send: Send) -> None:
        self._folder, self._send = folder, send

    @cached_property
    def record(self) -> SessionRecord:
        """The record. Raises StorageError if it is damaged."""
        return load_session(self._folder)

    @cached_property
    def predictor(self) -> Predictor:
        """The network. Raises CnnTuiError if it cannot be restored."""
        record = self.record  # before the import, which takes seconds
        with importing_engine():
            from cnn_tui.engine.control import WithResult
            from cnn_tui.engine.inference.predict import load_predictor

        self._send(LoadingNetwork())
        steps = WithResult(load_predictor(record, self._folder))
        for event in steps:
            if isinstance(event, Phase | Progress):
                self._send(LoadingNetwork(event=event))
        self._send(NetworkLoaded())
        return steps.value

    def small_image(self, image: bytes) -> SmallImage:
        """A small version of an image file, an empty one if it cannot be read; its classification says why."""
        try:
            scale = self.record.value_range
            values = ValueRange(scale.low, scale.high) if scale else SIXTEEN_BITS
            full = Image.fromarray(decode(os.fsdecode(image), None, values))
        except (CnnTuiError, UnreadableImageError):
            return SmallImage(image=image)
        full.thumbnail((PREVIEW_PIXELS, PREVIEW_PIXELS), Image.Resampling.BOX)
        pixels = np.asarray(full)
        return SmallImage(image=image, height=pixels.shape[0], width=pixels.shape[1], pixels=pixels.tobytes())


def main() -> None:
    """Answer requests until the standard input closes."""
    incoming, outgoing = claim_stdio()
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    faulthandler.enable(all_threads=False)
    register_heif()
    lock = threading.Lock()

    def send(answer: Answer) -> None:
        with lock:
            write_all(outgoing, to_line(answer))

    session, requests = _Session(Path(sys.argv[1]), send), _Requests()
    threading.Thread(target=_listen, args=(incoming, requests, session, send), daemon=True).start()
    with _failures(requests, send):
        session.predictor  # noqa: B018 - loaded before it is needed
    while True:
        _classify(requests.take(), requests, session, send)


def _listen(incoming: int, requests: _Requests, session: _Session, send: Send) -> None:
    """Read requests, and show images at once; exit when the other end is gone."""
    failed = True
    try:
        for line in read_lines(incoming, MAX_REQUEST_BYTES):
            request = parse_request(line)
            if isinstance(request, ShowImage):
                send(session.small_image(request.image))
            else:
                requests.put(request)
        failed = False
    finally:
        if failed:
            traceback.print_exc()
        os._exit(failed)  # The main thread may be importing PyTorch or computing for seconds; no one waits for it.


def _classify(request: Classify, requests: _Requests, session: _Session, send: Send) -> None:
    """Answer a request; a newer one ends it."""
    images = [os.fsdecode(image) for image in request.images]
    index = 0
    with _failures(requests, send):
        for batch in growing_batches(images):
            for found in session.predictor.predict(batch):
                send(Classified(number=request.number, index=index, top=found.top, problem=found.problem))
                index += 1
            if requests.waiting:
                return


def growing_batches(images: Sequence[str]) -> Iterator[Sequence[str]]:
    """Batches of 1, 2, 4 and more images, so that the first answer comes soon."""
    start, size = 0, 1
    while start < len(images):
        yield images[start : start + size]
        start, size = start + size, min(2 * size, _LARGEST_BATCH)


@contextlib.contextmanager
def _failures(requests: _Requests, send: Send) -> Iterator[None]:
    """Report an expected failure, which ends all requests. Any other one ends the process, which its parent reports."""
    try:
        yield
    except CnnTuiError as error:
        requests.put(None)
        send(Failed(error=ErrorReport.of(error)))
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        requests.put(None)
        title = "There is not enough memory for the network"
        hint = "End other programs that use the memory, or wait until a run that is training has ended."
        send(Failed(error=ErrorReport(title=title, detail=str(error), hint=hint)))


def _is_out_of_memory(error: Exception) -> bool:
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError)


if __name__ == "__main__":
    main()
