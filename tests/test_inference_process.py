"""The process that classifies images for the Predict screen, with real networks."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.trainer.inference import InferenceProcess
from cnn_tui.trainer.inference_protocol import (
    PREVIEW_PIXELS,
    Answer,
    Classified,
    Classify,
    Failed,
    LoadingNetwork,
    Lost,
    NetworkLoaded,
    SmallImage,
    parse_request,
)
from cnn_tui.trainer.protocol import to_line
from recorded_runs import record_run, write_digits
from trainer_messages import WAIT_SECONDS

_Kind = TypeVar("_Kind", bound=Answer)


class Client:
    """An inference process and its answers."""

    def __init__(self, folder: Path) -> None:
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.process = InferenceProcess(folder, self._answers.put)

    def next(self) -> Answer:
        return self._answers.get(timeout=WAIT_SECONDS)

    def until(self, kind: type[_Kind]) -> _Kind:
        while not isinstance(answer := self.next(), kind):
            assert not isinstance(answer, Failed | Lost), answer
        return answer

    def assert_ended(self) -> None:
        """The process is gone, which is no news for who closed it."""
        assert self.process.join(WAIT_SECONDS)
        while not self._answers.empty():
            assert not isinstance(self._answers.get(), Lost)


@pytest.fixture
def digits() -> Path:
    """A session with a trained network."""
    return record_run("digits", data={"train_limit": 60, "test_limit": 40}, model={"trainable": "all"})


@pytest.fixture
def client(request: pytest.FixtureRequest, home: Path) -> Iterator[Client]:
    """Of the session ``digits``, or of a folder that is none."""
    folder = request.getfixturevalue("digits") if "digits" in request.fixturenames else home / "sessions" / "none"
    client = Client(folder)
    yield client
    client.process.close()
    client.assert_ended()


def child() -> psutil.Process:
    (found,) = psutil.Process().children()
    return found


def test_predictions_are_those_of_the_command_line(
    digits: Path, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client.process.start()
    assert client.next() == LoadingNetwork()
    assert client.next() == NetworkLoaded()
    images = write_digits(tmp_path / "digits", digits)
    (tmp_path / "no-image.png").write_text("<html>")
    named = [*images, str(tmp_path / "no-image.png"), str(tmp_path / "missing\udcff.png")]
    client.process.classify(7, named)
    found = [client.until(Classified) for _ in named]
    assert [(answer.number, answer.index) for answer in found] == [(7, index) for index in range(len(named))]
    assert [answer.problem for answer in found[-2:]] == [
        "not an image of a supported format",
        "no such file or directory",
    ]
    capsys.readouterr()
    assert guarded(cli, ["predict", digits.name, *images, "--json"]) == 0
    for answer, line in zip(found, capsys.readouterr().out.splitlines(), strict=False):
        expected = {one["class"]: one["probability"] for one in json.loads(line)["predictions"]}
        assert dict(answer.top) == pytest.approx(expected, abs=1e-6)
        assert len(expected) == 5

    client.process.classify(8, images * 100)
    assert client.until(Classified).number == 8
    client.process.classify(9, images[:1])
    count = 1
    while (answer := client.until(Classified)).number == 8:
        count += 1
    assert answer.number == 9
    assert count < 100 * len(images)
    assert dict(answer.top) == pytest.approx(dict(found[0].top), abs=1e-6)


def test_images_are_shown_before_the_network_is_loaded(digits: Path, client: Client, tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    small, large = chance.integers(0, 256, (8, 12, 3), np.uint8), np.zeros((600, 900, 3), np.uint8)
    for name, pixels in (("small", small), ("large", large)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    client.process.start()
    for name in ("small", "large", "missing"):
        client.process.show_image(str(tmp_path / f"{name}.png"))
    answers = [client.next() for _ in range(3)]
    assert [answer.type for answer in answers] == ["small_image"] * 3
    first, second, third = (answer for answer in answers if isinstance(answer, SmallImage))
    assert first.image == os.fsencode(tmp_path / "small.png")
    assert np.array_equal(np.frombuffer(first.pixels, np.uint8).reshape(8, 12, 3), small)
    assert (second.height, second.width) == (PREVIEW_PIXELS * 2 // 3, PREVIEW_PIXELS)
    assert (third.height, third.pixels) == (0, b"")


def test_a_network_that_cannot_be_loaded_is_tried_again(digits: Path, client: Client, tmp_path: Path) -> None:
    weights = digits / "weights.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    client.process.start()
    client.until(LoadingNetwork)
    failed = client.next()
    assert isinstance(failed, Failed)
    assert failed.error.title == "The trained weights are damaged"
    assert str(weights) in failed.error.detail
    assert failed.error.hint
    weights.write_bytes(content)
    client.process.classify(1, write_digits(tmp_path / "digits", digits)[:1])
    assert client.until(Classified).top


def test_a_process_that_dies_is_reported_and_replaced(client: Client) -> None:
    client.process.start()
    client.until(Failed)  # there is no session, but a process
    first = child()
    first.send_signal(signal.SIGKILL)
    lost = client.next()
    assert isinstance(lost, Lost)
    assert "SIGKILL" in lost.error.title
    assert lost.error.detail
    assert lost.error.hint
    client.process.classify(1, [])
    client.until(Failed)
    second = child()
    assert second.pid != first.pid
    second.suspend()  # as a process would be that hangs
    client.process.close()
    client.assert_ended()


def test_a_session_that_is_gone_is_reported(client: Client) -> None:
    client.process.start()
    failed = client.next()
    assert isinstance(failed, Failed)
    assert "session.json" in str(failed.error)


PARENT = """
import os, queue, signal, sys
from pathlib import Path
import psutil
from cnn_tui.trainer.inference import InferenceProcess

answers = queue.SimpleQueue()
process = InferenceProcess(Path(sys.argv[1]), answers.put)
process.start()
process.show_image("nothing.png")
answers.get()
print(psutil.Process().children()[0].pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_process_ends_with_its_parent(home: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", PARENT, str(home)], stdout=subprocess.PIPE, check=False)
    assert ended.returncode == -signal.SIGKILL
    try:
        descriptor = os.pidfd_open(int(ended.stdout))
    except ProcessLookupError:
        return
    ready, _, _ = select.select([descriptor], [], [], WAIT_SECONDS)
    os.close(descriptor)
    assert ready, "the process is still running"


@given(st.lists(st.binary(min_size=1).filter(lambda path: b"\0" not in path)))
def test_any_path_survives_serialization(paths: list[bytes]) -> None:
    request = Classify.of(1, [os.fsdecode(path) for path in paths])
    line = to_line(request)
    assert line.count(b"\n") == 1
    assert parse_request(line) == request
    assert list(request.images) == paths


def test_the_parents_side_imports_no_torch() -> None:
    script = "import cnn_tui.tui.screens.predict, sys; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(ended.stdout.split()).isdisjoint({"torch", "torchvision", "cnn_tui.engine.inference.predict"})
