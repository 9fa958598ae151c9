"""A network that answers what a test says."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnn_tui.trainer.inference_protocol import Answer, Classified, NetworkLoaded, SmallImage


class ScriptedInference:
    """An :class:`inference_protocol.Inference` without a network.

    Attributes:
        requests: the number and the images of each request.
        shown: the images that were asked for.
        closed: whether the screen has closed it.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[int, list[str]]] = []
        self.shown: list[str] = []
        self.closed = False
        self._on_answer: Callable[[Answer], None] = lambda answer: None

    def make(self, folder: Path, on_answer: Callable[[Answer], None]) -> ScriptedInference:
        """What a screen calls to get it."""
        self._on_answer = on_answer
        return self

    def emit(self, *answers: Answer) -> None:
        """Give answers."""
        for answer in answers:
            self._on_answer(answer)

    def answer(self, index: int, *top: tuple[str, float], problem: str = "") -> None:
        """Classify an image of the newest request."""
        self.emit(Classified(number=self.requests[-1][0], index=index, top=top, problem=problem))

    def send_image(self, path: str, pixels: NDArray[np.uint8]) -> None:
        """Show an image."""
        height, width, _ = pixels.shape
        self.emit(SmallImage(image=os.fsencode(path), height=height, width=width, pixels=pixels.tobytes()))

    def start(self) -> None:
        """Be loaded."""
        self.emit(NetworkLoaded())

    def classify(self, number: int, images: Sequence[str]) -> None:
        """Remember the request."""
        self.requests.append((number, list(images)))

    def show_image(self, image: str) -> None:
        """Remember the image."""
        self.shown.append(image)

    def close(self) -> None:
        """Remember it."""
        self.closed = True
