"""What the Predict screen shows, as it follows from requests and answers."""

from __future__ import annotations

from dataclasses import replace

from cnn_tui.errors import CnnTuiError
from cnn_tui.events import ErrorReport, Phase, Progress
from cnn_tui.formatting import printable, progress_text, quantity
from cnn_tui.trainer.inference_protocol import Answer, Classified, Failed, LoadingNetwork, Lost, NetworkLoaded
from cnn_tui.tui.screens.predict_rows import NamedImages, PredictionRow, summary

_SEARCHING = "searching for images…"
_PYTORCH, _NETWORK, _READY = "loading PyTorch…", "loading the network…", "ready"


class PredictState:
    """The images of the newest request with their classes, and how far the network is.

    Attributes:
        number: of the newest request.
        rows: its images in their order.
        error: why there are none; None while there is no reason.
        searching: whether the images of the next request are being searched for.
    """

    def __init__(self) -> None:
        self.number = 0
        self.rows: list[PredictionRow] = []
        self.error: CnnTuiError | ErrorReport | None = None
        self.searching = False
        self._more = False
        self._network = self._again = _PYTORCH
        self._phase = ""

    @property
    def text(self) -> str:
        """One line: what is being loaded, and how many images are classified."""
        network = self._network if self._network != _READY or not (self.rows or self.error) else ""
        images = _SEARCHING if self.searching else summary(self.rows, self._more) if self.rows else ""
        return " · ".join(part for part in (network, images) if part)

    def begin(self, images: NamedImages) -> None:
        """A new request for these images."""
        self._replace(list(images.rows), images.more, None)
        self._network = self._network or self._again

    def fail(self, error: CnnTuiError | ErrorReport) -> None:
        """The newest request cannot be answered."""
        self._replace([], False, error)

    def apply(self, answer: Answer) -> None:
        """An answer of the network's process."""
        match answer:
            case LoadingNetwork(event=event):
                self._network = self._loading_text(event)
            case NetworkLoaded():
                self._network = _READY
            case Classified() if answer.number == self.number:
                self.rows[answer.index] = replace(self.rows[answer.index], top=answer.top, problem=answer.problem)
            case Failed(error=error):
                self._stop(error, _NETWORK)
            case Lost(error=error):
                self._stop(error, _PYTORCH)
            case _:
                pass

    def _stop(self, error: ErrorReport, again: str) -> None:
        """There is no network; ``again`` is what the next request loads."""
        self.fail(error)
        self._network, self._again = "", again

    def _replace(self, rows: list[PredictionRow], more: bool, error: CnnTuiError | ErrorReport | None) -> None:
        self.number += 1
        self.searching = False
        self.rows, self._more, self.error = rows, more, error

    def _loading_text(self, event: Phase | Progress | None) -> str:
        """What is loaded for the network, with how much of it."""
        match event:
            case Phase():
                self._phase = printable(f"{event.name} {event.detail}".rstrip())
                return f"{self._phase}…"
            case Progress(done=done, total=total, unit=unit):
                amount = quantity(done, unit) if total is None else progress_text(done, total, unit)
                return f"{self._phase}: {amount}"
            case None:
                return _NETWORK
