"""The cache of decoded images: what it saves, and that it is never believed wrongly."""

from __future__ import annotations

import errno
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from PIL import Image

import image_folders
from cnn_tui import paths
from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.control import WithResult, never
from cnn_tui.engine.data import loading
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.errors import ConfigError
from cnn_tui.events import Event, Phase, Progress, WarningRaised
from cnn_tui.store.cache_index import LIMIT_VARIABLE


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for label, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (10, 10), (label, number, 9)).save(folder / name / f"{number}.png")
    return folder


load = partial(image_folders.load, sampled=False)


def was_decoded(events: list[Event]) -> bool:
    return any(isinstance(event, Progress) for event in events)


def entries() -> list[Path]:
    return sorted((paths.cache_folder() / "decoded").rglob("*.pictures"))


def pixels(loaded: LoadedData) -> torch.Tensor:
    return loaded.train.images(torch.arange(len(loaded.train)))


def test_the_second_run_opens_no_picture(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, first = load(root)
    assert was_decoded(events)
    monkeypatch.delattr(Image, "open")
    events, second = load(root)
    assert not was_decoded(events)
    assert torch.equal(pixels(first), pixels(second))
    assert second.classes == first.classes
    assert second.train.labels.tolist() == first.train.labels.tolist()
    assert second.identity == first.identity


def test_pictures_at_their_own_size_serve_every_larger_size(root: Path) -> None:
    load(root, image_size=16)
    assert not was_decoded(load(root, image_size=64)[0])
    events, smaller = load(root, image_size=8)
    assert was_decoded(events)
    assert pixels(smaller).shape[-1] == 8
    assert len(entries()) == 2
    assert not was_decoded(load(root, image_size=8)[0])
    assert pixels(load(root, image_size=64)[1]).shape[-1] == 10


def test_a_changed_file_is_decoded_and_the_old_entry_goes(root: Path) -> None:
    load(root)
    (old,) = entries()
    Image.new("RGB", (10, 10), (200, 0, 0)).save(root / "cat" / "0.png")
    os.utime(root / "cat" / "0.png", ns=(0, 5))
    events, loaded = load(root)
    assert was_decoded(events)
    assert pixels(loaded)[0, 0, 0, 0] == 200
    (new,) = entries()
    assert new != old


def test_another_folder_has_entries_of_its_own(root: Path, tmp_path: Path) -> None:
    load(root)
    shutil.copytree(root, tmp_path / "copy")
    assert was_decoded(load(tmp_path / "copy")[0])
    assert len(entries()) == 2


def cut_off(content: bytes) -> bytes:
    return content[:-1]


def longer(content: bytes) -> bytes:
    return content + b"x"


def one_bit(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def only_a_head(content: bytes) -> bytes:
    return content.partition(b"\n")[0] + b"\n"


def no_head(content: bytes) -> bytes:
    return content.partition(b"\n")[2]


def enormous(content: bytes) -> bytes:
    return content.replace(b'"count":10', b'"count":99999999999999999999')


def nothing(content: bytes) -> bytes:
    return b""


def other_unreadable(content: bytes) -> bytes:
    return content.replace(b'"unreadable":{}', b'"unreadable":{"3":"not an image of a supported format"}')


@pytest.mark.parametrize("harm", [other_unreadable, cut_off, longer, one_bit, only_a_head, no_head, enormous, nothing])
def test_a_damaged_entry_is_told_and_made_anew(harm: object, root: Path) -> None:
    _, first = load(root)
    (entry,) = entries()
    assert callable(harm)
    entry.write_bytes(harm(entry.read_bytes()))
    events, again = load(root)
    assert was_decoded(events)
    (warning,) = [event for event in events if isinstance(event, WarningRaised)]
    assert "damaged" in warning.title
    assert torch.equal(pixels(first), pixels(again))
    assert not was_decoded(load(root)[0])


def test_of_several_entries_only_the_damaged_one_is_made_anew(root: Path) -> None:
    limits: dict[str, Any] = {"train_limit": 2, "test_limit": 2, "validation_fraction": 0.0}
    load(root, **limits)
    (few,) = entries()
    _, whole = load(root)
    (others,) = set(entries()) - {few}
    others.write_bytes(one_bit(others.read_bytes()))
    events, again = load(root)
    (warning,) = [event for event in events if isinstance(event, WarningRaised)]
    assert str(others) in warning.detail
    assert [event.done for event in events if isinstance(event, Progress)][-1] == 10 - 4
    assert torch.equal(pixels(again), pixels(whole))
    assert few in entries()


def test_a_damaged_picture_that_is_not_asked_for_harms_nobody(root: Path) -> None:
    load(root)
    (entry,) = entries()
    entry.write_bytes(one_bit(entry.read_bytes()))
    for seed in range(20):
        config = DataConfig(
            dataset="folder", root=str(root), image_size=16, train_limit=2, test_limit=2, validation_fraction=0.0
        )
        steps = WithResult(loading.load(config, seed, never))
        events = list(steps)
        touched = 9 in [*steps.value.train_indices.tolist(), *steps.value.test_indices.tolist()]
        assert any(isinstance(event, WarningRaised) for event in events) == touched
        if touched:
            return
    pytest.fail("no seed chose the damaged image")


def test_what_is_known_of_damaged_files_is_kept_of_each_of_them(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[str, Any] = {"train_limit": 2, "test_limit": 2, "validation_fraction": 0.0}
    load(root, **limits)
    paths = sorted(root.rglob("*.png"))
    for _ in range(2):
        _, loaded = load(root, **limits)
        paths[int(loaded.train_indices[0])].write_bytes(b"")
    events, before = load(root, **limits)
    assert was_decoded(events)
    monkeypatch.delattr(Image, "open")
    events, after = load(root, **limits)
    assert after.train_indices.tolist() == before.train_indices.tolist()
    assert [event.title for event in events if isinstance(event, WarningRaised)] == [
        "2 unreadable images were left out"
    ]


def test_what_another_process_is_writing_is_left_alone(root: Path) -> None:
    load(root)
    (entry,) = entries()
    foreign = entry.parent / ".tmp-0123456789abcdef.pictures"
    foreign.write_bytes(b"the beginning")
    os.utime(root / "cat" / "0.png", ns=(0, 5))
    load(root)
    assert not entry.exists()
    assert foreign.exists()


def test_an_entry_that_cannot_be_opened_just_now_is_not_called_damaged(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first = load(root)
    (entry,) = entries()
    plain = Path.open

    def opened(path: Path, mode: str = "r") -> Any:
        if path == entry and mode == "rb":
            raise OSError(errno.EMFILE, "Too many open files")
        return plain(path, mode)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        events, again = load(root)
    assert was_decoded(events)
    assert not [event for event in events if isinstance(event, WarningRaised)]
    assert torch.equal(pixels(first), pixels(again))
    assert entry in entries()


def test_other_sizes_of_the_same_folder_make_room(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(root, image_size=8)
    (small,) = entries()
    monkeypatch.setenv(LIMIT_VARIABLE, str((10 * 9 * 9 * 3 + 300) / 1e9))
    events, _ = load(root, image_size=9)
    assert not [event for event in events if isinstance(event, WarningRaised)]
    assert len(entries()) == 1
    assert small not in entries()


def test_a_full_disk_is_told_and_the_run_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100, 90, 10))
    events, loaded = load(root)
    assert len(loaded.train) == 10
    (warning,) = [event for event in events if isinstance(event, WarningRaised)]
    assert "\n" not in warning.detail
    assert warning.hint.startswith("Free some space")
    assert "cannot be cached" in warning.title
    assert entries() == []


def test_pictures_that_are_more_than_may_be_kept_are_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "0.000001")
    events, loaded = load(root)
    assert pixels(loaded).shape == (10, 3, 10, 10)
    (warning,) = [event for event in events if isinstance(event, WarningRaised)]
    assert "cannot be cached" in warning.title
    assert LIMIT_VARIABLE in warning.hint
    assert entries() == []


def test_a_limit_that_is_no_number_is_told_before_anything_is_decoded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "much")
    steps = loading.load(DataConfig(dataset="folder", root=str(root), image_size=16), 0, never)
    assert isinstance(next(steps), Phase)
    with pytest.raises(ConfigError, match=LIMIT_VARIABLE):
        next(steps)


def test_a_cache_that_cannot_be_made_is_told_and_the_run_goes_on(root: Path) -> None:
    paths.cache_folder().mkdir(parents=True)
    (paths.cache_folder() / "decoded").write_text("in the way")
    events, loaded = load(root)
    assert len(loaded.train) == 10
    assert [event.type for event in events].count("warning") == 1


def test_changing_loaded_pictures_does_not_change_the_entry(root: Path) -> None:
    _, first = load(root)
    before = pixels(first).clone()
    _, second = load(root)
    (entry,) = entries()
    content = entry.read_bytes()
    for pictures, _ in second.train.batches(torch.arange(10), 10):
        pictures.zero_()
    assert entry.read_bytes() == content
    assert torch.equal(pixels(load(root)[1]), before)
