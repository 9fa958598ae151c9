"""The protocol between the Predict screen and the process that classifies images, one JSON object per line.

The process serves one session: it loads the session's network at once and keeps it. Paths travel as base64, because a
file name is not always valid Unicode.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from pydantic import ConfigDict, Field, TypeAdapter

from cnn_tui.events import ErrorReport, Phase, Progress
from cnn_tui.trainer.protocol import Record, parse

MAX_REQUEST_BYTES = 1 << 26
MAX_ANSWER_BYTES = 1 << 20
PREVIEW_PIXELS = 192
"""The longest side of a preview, enough for an image over half of a large terminal."""
_BYTES = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


class Classify(Record):
    """Classify image files, one ``Classified`` for each in this order. A newer request ends an older one.

    Attributes:
        number: names the request in its answers.
    """

    model_config = _BYTES
    type: Literal["classify"] = "classify"
    number: int
    images: tuple[bytes, ...]

    @classmethod
    def of(cls, number: int, images: Sequence[str]) -> Classify:
        """A request for these paths."""
        return cls(number=number, images=tuple(map(os.fsencode, images)))


class ShowImage(Record):
    """Send a small version of an image file, also while others are classified."""

    model_config = _BYTES
    type: Literal["show_image"] = "show_image"
    image: bytes


Request = Annotated[Classify | ShowImage, Field(discriminator="type")]


class LoadingNetwork(Record):
    """PyTorch is loaded, the network is not yet; ``event`` tells of a download or of the data that are read for it."""

    type: Literal["loading_network"] = "loading_network"
    event: Annotated[Phase | Progress, Field(discriminator="type")] | None = None


class NetworkLoaded(Record):
    """Images can be classified."""

    type: Literal["network_loaded"] = "network_loaded"


class Classified(Record):
    """The classes of one image.

    Attributes:
        number: of the request.
        index: of the image in the request.
        top: up to five classes with their probabilities, the most probable first; empty if it cannot be read.
        problem: why it cannot be read; empty if it can.
    """

    type: Literal["classified"] = "classified"
    number: int
    index: int
    top: tuple[tuple[str, float], ...]
    problem: str = ""


class SmallImage(Record):
    """An image, upright and with its values scaled as for the network, but not in the network's size.

    Attributes:
        height, width: at most ``PREVIEW_PIXELS``; 0 if it cannot be read.
        pixels: uint8 of shape (height, width, 3).
    """

    model_config = _BYTES
    type: Literal["small_image"] = "small_image"
    image: bytes
    height: int = 0
    width: int = 0
    pixels: bytes = b""


class Failed(Record):
    """No image can be classified; the next request tries again. All earlier requests are over."""

    type: Literal["failed"] = "failed"
    error: ErrorReport


class Lost(Record):
    """The process has ended; the next request starts a new one. Sent by the parent's side."""

    type: Literal["lost"] = "lost"
    error: ErrorReport


Answer = Annotated[
    LoadingNetwork | NetworkLoaded | Classified | SmallImage | Failed | Lost, Field(discriminator="type")
]

_REQUESTS: TypeAdapter[Request] = TypeAdapter(Request)
_ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)


def parse_request(line: bytes) -> Request:
    """Read a line sent to the process.

    Raises:
        ProtocolError: the line is not a request.
    """
    return parse(_REQUESTS, line)


def parse_answer(line: bytes) -> Answer:
    """Read a line sent by the process.

    Raises:
        ProtocolError: the line is not an answer.
    """
    return parse(_ANSWERS, line)


class Inference(Protocol):
    """Classifies images by the network of a session, in the background.

    Every method returns immediately; answers arrive through a function that is called in another thread.
    """

    def start(self) -> None:
        """Load PyTorch and the network ahead of the first request; does nothing if they are loaded."""
        ...

    def classify(self, number: int, images: Sequence[str]) -> None:
        """Classify image files, which ends an earlier request."""
        ...

    def show_image(self, image: str) -> None:
        """Ask for a small version of an image file; there is no answer if the process is gone."""
        ...

    def close(self) -> None:
        """End the process."""
        ...
