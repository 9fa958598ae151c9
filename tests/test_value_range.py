"""Images with more than eight bits: one range for a dataset, measured, recorded and said."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np
import psutil
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import image_folders
from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.engine.cache_slot import CacheSlot
from cnn_tui.engine.control import Control
from cnn_tui.engine.data.decode import decode, value_extent
from cnn_tui.engine.data.image_set import ImageSet
from cnn_tui.engine.data.image_source import FolderSource
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.data.value_range import SIXTEEN_BITS, ValueRange
from cnn_tui.events import Event, Progress, WarningRaised
from cnn_tui.history import JobHistory
from cnn_tui.jobs import run_job
from cnn_tui.store.records import SessionRecord, ValueScale
from cnn_tui.store.sessions import load_session
from image_files import png, tiff

SIDE = 12
Values = NDArray[Any]


class Memory(NamedTuple):
    available: int


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "pictures"


def noise(number: int, top: int = 4095, channels: int = 1) -> Values:
    """The values of an image, (H, W) or (H, W, C), of which the first is 0 and the last ``top``."""
    values = np.random.default_rng(number).integers(0, top, (SIDE, SIDE, channels), endpoint=True)
    values[0, 0], values[-1, -1] = 0, top
    return values.squeeze(axis=-1) if channels == 1 else values


def saved(values: Values, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, **options)
    return file.getvalue()


def big_endian(values: Values) -> bytes:
    file = io.BytesIO()
    picture = Image.frombytes("I;16B", values.shape[::-1], values.astype(">u2").tobytes())
    picture.save(file, "TIFF")
    return file.getvalue()


def int32(values: Values) -> bytes:
    return saved(values.astype(np.int32), format="TIFF")


def grey16(values: Values) -> bytes:
    return saved(values.astype(np.uint16), format="PNG")


def float32(values: Values) -> bytes:
    return saved((values / 4095).astype(np.float32), format="TIFF", compression="tiff_adobe_deflate")


def pgm(values: Values) -> bytes:
    return b"P5 %d %d 65535\n" % values.shape[::-1] + values.astype(">u2").tobytes()


def grey8(values: Values) -> bytes:
    return saved((values >> 4).astype(np.uint8), format="PNG")


Write = Callable[[Values], bytes]
WRITERS: dict[str, Write] = {
    "16-bit PNG": grey16,
    "16-bit TIFF": lambda values: saved(values.astype(np.uint16), format="TIFF"),
    "compressed 16-bit TIFF": lambda values: saved(values.astype(np.uint16), format="TIFF", compression="tiff_lzw"),
    "big-endian TIFF": big_endian,
    "signed TIFF": int32,
    "float TIFF": float32,
    "PGM": pgm,
}
COLOURS: dict[str, Write] = {
    "PNG": lambda values: png(values.astype(np.uint16), 2),
    "interlaced PNG": lambda values: png(values.astype(np.uint16), 2, interlaced=True),
    "TIFF": lambda values: tiff(values.astype(np.uint16)),
    "big-endian TIFF": lambda values: tiff(values.astype(np.uint16), ">"),
    "compressed TIFF": lambda values: tiff(values.astype(np.uint16), compressed=True),
    "compressed big-endian TIFF": lambda values: tiff(values.astype(np.uint16), ">", compressed=True),
}


def make(root: Path, write: Write, count: int = 10, top: int = 4095, channels: int = 1, name: str = "{:02}") -> None:
    """Images of two classes; Pillow goes by their content, whatever they are called."""
    for label in ("cat", "dog"):
        (root / label).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            place = root / label / f"{name.format(number)}.png"
            place.write_bytes(write(noise(1000 * (label == "dog") + number, top, channels)))


load = partial(image_folders.load, sampled=False, validation_fraction=0.0)


def warnings(events: list[Event]) -> dict[str, WarningRaised]:
    return {event.title: event for event in events if isinstance(event, WarningRaised)}


def all_pictures(loaded: LoadedData) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = loaded.train.images(torch.arange(len(loaded.train))).permute(0, 2, 3, 1).numpy()
    return found


def expected(top: int = 4095, count: int = 10, channels: int = 1) -> NDArray[np.uint8]:
    """The images that :func:`make` writes, with eight bits."""
    values = np.stack([noise(1000 * label + number, top, channels) for label in (0, 1) for number in range(count)])
    grey = np.rint(values * (255 / top)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3) if channels == 1 else grey


@pytest.mark.parametrize("name", WRITERS)
def test_twelve_bits_keep_eight_of_them(name: str, root: Path) -> None:
    make(root, WRITERS[name])
    events, loaded = load(root)
    assert np.array_equal(all_pictures(loaded), expected())
    assert len(np.unique(all_pictures(loaded))) == 256
    assert loaded.value_range == ValueRange(0, 1 if name == "float TIFF" else 4095)
    detail = warnings(events)["Images with more than 8 bits were scaled"].detail
    assert detail.startswith(f"Values {loaded.value_range} became 0 to 255")


@pytest.mark.parametrize("name", COLOURS)
def test_twelve_bits_of_a_colour_keep_eight_of_them(name: str, root: Path) -> None:
    make(root, COLOURS[name], channels=3)
    _, loaded = load(root)
    assert loaded.value_range == ValueRange(0, 4095)
    assert np.array_equal(all_pictures(loaded), expected(channels=3))


def test_eight_bits_stored_as_more_stay_what_they_are(root: Path) -> None:
    make(root, int32, top=255)
    _, loaded = load(root)
    assert np.array_equal(all_pictures(loaded), expected(255))


def test_transparency_of_sixteen_bits_is_put_on_white(root: Path) -> None:
    path = root.with_suffix(".png")
    colours = noise(0, 65535, 4).astype(np.uint16)
    colours[0, 0], colours[0, 1] = (9, 9, 9, 0), (65535, 0, 0, 65535)
    path.write_bytes(png(colours, 6))
    assert decode(str(path), None)[0, :2].tolist() == [[255, 255, 255], [255, 0, 0]]
    path.write_bytes(png(colours[:, :, 2:], 4))
    assert decode(str(path), None)[0, :2].tolist() == [[255, 255, 255], [0, 0, 0]]
    grey = np.array([[7, 4095]], dtype=np.uint16)
    Image.fromarray(grey).save(path, transparency=7)
    assert decode(str(path), None, ValueRange(0, 8190))[0].tolist() == [[255] * 3, [128] * 3]


def test_twelve_bits_of_grey_beside_transparency_keep_eight_of_them(root: Path) -> None:
    values = np.dstack([noise(0), np.full((SIDE, SIDE), 65535)]).astype(np.uint16)
    path = root.with_suffix(".png")
    path.write_bytes(png(values, 4))
    assert value_extent(str(path)) == (0, 4095)
    assert np.array_equal(decode(str(path), None, ValueRange(0, 4095)), expected(count=1)[0])


@pytest.mark.parametrize(
    ("low", "high", "range_"),
    [
        (0, 255, (0, 255)),
        (3, 250, (0, 255)),
        (0, 256, (0, 511)),
        (0, 4000, (0, 4095)),
        (20, 65535, (0, 65535)),
        (29000, 31000, (29000, 31000)),
        (-1024, 3071, (-1024, 3071)),
        (0, 9, (0, 9)),
        (0, 1, (0, 1)),
        (0.1, 0.9, (0, 1)),
        (-1.0, 1.0, (-1, 1)),
        (0, 1.5, (0, 1.5)),
        (0, 1e12, (0, 1e12)),
        (7, 7, (7, 7)),
    ],
)
def test_the_range_is_that_of_the_bits_where_these_are_used(
    low: float, high: float, range_: tuple[float, float]
) -> None:
    assert ValueRange.of(low, high) == ValueRange(*range_)


def test_values_outside_become_the_nearer_end_and_what_is_no_number_becomes_black() -> None:
    values = np.array([-5.0, 0, 1, 2, 3, np.nan, np.inf, -np.inf], dtype=np.float32)
    assert ValueRange(0, 2).to_bytes(values).tolist() == [0, 0, 128, 255, 255, 0, 255, 0]
    assert ValueRange(7, 7).to_bytes(np.array([7, 7])).tolist() == [0, 0]
    signalling = np.array([0x7F800001], dtype=np.uint32).view(np.float32)
    with catch_warnings():
        simplefilter("error")
        assert ValueRange(0, 2).to_bytes(signalling).tolist() == [0]


def test_a_dead_pixel_decides_nothing(root: Path) -> None:
    root.mkdir()
    values = np.random.default_rng(0).integers(0, 4096, (200, 200)).astype(np.uint16)
    values[7, 7] = 65535
    path = root / "dead.png"
    path.write_bytes(grey16(values))
    low, high = value_extent(str(path)) or (0, 0)
    assert 0 <= low < 10
    assert 4080 < high <= 4095
    (root / "empty.tif").write_bytes(saved(np.full((4, 4), np.nan, dtype=np.float32), format="TIFF"))
    assert value_extent(str(root / "empty.tif")) is None


def test_the_range_is_one_for_all_and_does_not_hang_on_what_a_run_takes(root: Path) -> None:
    make(root, grey16, count=9, top=900)
    for label in ("cat", "dog"):
        (root / label / "bright.png").write_bytes(grey16(noise(5, 3000)))
    ranges = {load(root, seed=seed, train_limit=2, test_limit=1)[1].value_range for seed in range(6)}
    assert ranges == {ValueRange(0, 4095)}


def test_test_pictures_do_not_decide(root: Path) -> None:
    make(root / "train", grey16, top=1000)
    make(root / "test", grey16, top=60000, count=3)
    _, loaded = load(root)
    assert loaded.value_range == ValueRange(0, 1023)
    assert loaded.test.images(torch.arange(6)).float().mean() > 240  # nearly all of it is above the range


def test_where_only_test_pictures_have_more_bits_it_is_all_sixteen(root: Path) -> None:
    make(root / "train", grey8)
    make(root / "test", grey16, count=3)
    assert load(root)[1].value_range == SIXTEEN_BITS


def decoded(events: list[Event]) -> int:
    return sum(event.done for event in events if isinstance(event, Progress) and event.done == event.total)


@pytest.mark.parametrize("remembers", [False, True])
def test_a_picture_with_more_bits_may_turn_up_late(remembers: bool, root: Path) -> None:
    make(root, grey8, count=25)
    cache = CacheSlot[ImageSet]() if remembers else None
    limits: dict[str, Any] = {"train_limit": 12, "test_limit": 4}
    _, first = load(root, cache=cache, **limits)
    outside = min(set(range(50)) - {*first.train_indices.tolist(), *first.test_indices.tolist()})
    place = sorted(root.rglob("*.png"))[outside]
    place.write_bytes(grey16(noise(3)))
    events, few = load(root, cache=cache, **limits)
    assert few.value_range is None
    assert not warnings(events)
    events, whole = load(root, cache=cache)
    assert whole.value_range == ValueRange(0, 4095)
    assert decoded(events) == 50 - 16
    assert np.array_equal(all_pictures(whole)[outside, :, :, 0], np.rint(noise(3) * (255 / 4095)))
    assert torch.equal(whole.train.images(few.train_indices), few.train.images(few.train_indices))
    assert whole.identity != few.identity


def test_the_second_run_opens_no_picture_and_says_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, int32, top=255)
    (root / "cat" / "03.png").write_bytes(int32(np.zeros((SIDE, SIDE))))
    events, first = load(root)
    monkeypatch.delattr(Image, "open")
    again, second = load(root)
    assert len(warnings(events)) == 2
    assert warnings(again).keys() == warnings(events).keys()
    assert second.value_range == first.value_range
    assert second.identity == first.identity
    assert np.array_equal(all_pictures(first), all_pictures(second))


def test_other_bits_are_another_identity(root: Path) -> None:
    make(root, grey16)
    _, first = load(root)
    make(root, grey8)
    _, second = load(root)
    assert second.value_range is None
    assert first.identity != second.identity


def test_on_demand_they_are_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, grey16, top=1500)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(100))
    events, demanded = load(root)
    assert isinstance(demanded.train, FolderSource)
    assert "Images with more than 8 bits were scaled" in warnings(events)
    pictures = all_pictures(demanded)
    monkeypatch.undo()
    _, kept = load(root)
    assert kept.value_range == demanded.value_range == ValueRange(0, 2047)
    assert kept.identity == demanded.identity
    assert np.array_equal(all_pictures(kept), pictures)


def test_pictures_of_one_single_value_are_named_and_stay(root: Path) -> None:
    make(root, grey8, count=20)
    dull = [root / "cat" / f"{number:02}.png" for number in range(12)]
    for number, path in enumerate(dull):
        path.write_bytes(saved(np.full((SIDE, SIDE), number * 20, dtype=np.uint8), format="PNG"))
    almost = np.full((SIDE, SIDE), 7, dtype=np.uint8)
    almost[5, 6] = 8
    (root / "dog" / "00.png").write_bytes(saved(almost, format="PNG"))
    for _ in range(2):  # decoded, then from the cache
        events, loaded = load(root)
        (warning,) = warnings(events).values()
        assert warning.title == "12 images have a single value"
        assert warning.detail.split("; ") == [*map(str, dull[:10]), "and 2 more"]
        assert len(loaded.train_indices) + len(loaded.test_indices) == 40
    few = warnings(load(root, train_limit=2, test_limit=2)[0])
    assert not few or next(iter(few)).split()[0] in "1234"


def test_a_session_has_the_range_and_an_older_one_has_none(root: Path) -> None:
    make(root, grey16)
    experiment = {
        "data": {"dataset": "folder", "root": str(root), "image_size": 32, "validation_fraction": 0.0},
        "model": {"architecture": "shufflenet_v2_x0_5", "weights": "random", "trainable": "last_layer"},
        "training": {"epochs": 1, "device": "cpu"},
    }
    preset = RunPreset.model_validate({"name": "deep", "experiment": experiment})
    history = JobHistory(Job(preset=preset))
    for event in run_job(history.job, Control()):
        history.apply(event)
    record = load_session(history.ended[0])
    assert record.value_range == ValueScale(low=0, high=4095)
    older = json.loads(record.model_dump_json(exclude={"value_range"}))
    assert SessionRecord.model_validate(older).value_range is None
