"""Where images come from: rows of which only some are kept, and what goes to a device."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cnn_tui.engine.data import image_source
from cnn_tui.engine.data.image_source import MemorySource
from cnn_tui.engine.data.loading import LoadedData

META = torch.device("meta")
"""Stands for a device apart: its tensors have a shape and no content."""


def source(count: int = 10, kept: Tensor | None = None) -> MemorySource:
    """Images of 2x2 pixels, each of the colour of its row."""
    rows = torch.arange(count)
    pictures = (rows if kept is None else kept).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    position = None if kept is None else torch.full((count,), -1).index_copy_(0, kept, torch.arange(len(kept)))
    return MemorySource(pictures, rows % 3, ("a", "b", "c"), position)


def colours(pictures: Tensor) -> list[int]:
    return pictures[:, 0, 0, 0].tolist()


def loaded(train: MemorySource, test: MemorySource) -> LoadedData:
    rows = torch.tensor([1, 4]), torch.tensor([7]), torch.tensor([2, 4])
    return LoadedData(train, test, *rows, torch.arange(0), train.classes, "identity", None)


def test_of_some_rows_the_pictures_are_kept_and_all_labels() -> None:
    whole = source()
    for some in (whole.only(torch.tensor([3, 8])), source(kept=torch.tensor([3, 8, 9])).only(torch.tensor([3, 8]))):
        assert len(some) == 10
        assert some.image_bytes == 2 * 2 * 3
        assert torch.equal(some.labels, whole.labels)
        assert colours(some.images(torch.tensor([8, 3, 8]))) == [8, 3, 8]
        ((pictures, labels),) = some.batches(torch.tensor([8, 3]), 4)
        assert colours(pictures) == [8, 3]
        assert labels.tolist() == [2, 0]
        with pytest.raises(IndexError):
            some.images(torch.tensor([4]))
    assert whole.only(torch.arange(10)) is whole


def test_a_device_is_given_pictures_and_labels() -> None:
    moved = loaded(source(), source()).to(META)
    assert moved.train is not moved.test
    assert moved.train.images(torch.tensor([1, 7])).device == META
    ((pictures, labels),) = moved.test.batches(torch.tensor([2, 4]), 4)
    assert (pictures.device, labels.device) == (META, META)


def test_one_split_for_both_stays_one_on_a_device() -> None:
    both = source()
    moved = loaded(both, both).to(META)
    assert moved.test is moved.train


def test_pictures_that_would_fill_the_device_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    row = torch.tensor([1])
    for free, place in ((2 * 3 * 12, "meta"), (2 * 3 * 12 - 1, "cpu")):
        monkeypatch.setattr(image_source, "free_memory", lambda device, free=free: free)
        assert loaded(source(), source()).to(META).train.images(row).device.type == place


def test_pictures_that_are_not_asked_for_stay_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(MemorySource, "to")
    moved = loaded(source(), source()).to(META)
    assert len(moved.train) == 10
    assert moved.train.labels.device.type == "cpu"


def test_a_processor_takes_them_as_they_are() -> None:
    here = loaded(source(), source())
    there = here.to(torch.device("cpu"))
    assert (there.train, there.test) == (here.train, here.test)
