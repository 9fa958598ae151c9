"""Preprocessing against Pillow and against arithmetic done by hand."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from cnn_tui.engine.data.batches import Preprocess

PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
COLOURS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
Augment = Literal["flip", "crop_flip"]


def pictures(count: int, channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator)
    ramp = torch.linspace(0, 255, width).to(torch.uint8).expand(1, channels, height, width)
    return torch.cat([noise, ramp])


def pillow(picture: Tensor, size: int) -> Tensor:
    pixels = picture.permute(1, 2, 0).numpy()
    image = Image.fromarray(pixels[:, :, 0] if len(picture) == 1 else pixels)
    resized = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1).float()


@pytest.mark.parametrize(("height", "width", "size"), [(32, 32, 224), (96, 96, 64), (50, 37, 48), (8, 8, 8)])
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_that_occur_agree_with_pillow(height: int, width: int, size: int, channels: int) -> None:
    batch = pictures(3, channels, height, width)
    prepared = Preprocess(size, *PLAIN)(batch) * 255
    assert (prepared - torch.stack([pillow(picture, size) for picture in batch])).abs().max() <= 1.001


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(8, 80), st.sampled_from([1, 3]), st.integers(0, 1000))
@example(20, 27, 70, 1, 226)  # has a value that is two levels off
def test_any_size_agrees_with_pillow(height: int, width: int, size: int, channels: int, seed: int) -> None:
    batch = pictures(2, channels, height, width, seed)
    prepared = Preprocess(size, *PLAIN)(batch) * 255
    difference = (prepared - torch.stack([pillow(picture, size) for picture in batch])).abs()
    assert difference.max() <= 2.001
    # Grey is compared three times.
    assert (difference > 1.001).sum() <= 3 + difference.numel() // 10_000


@pytest.mark.parametrize("channels_last", [True, False])
def test_values_are_scaled_and_normalised_by_channel(channels_last: bool) -> None:
    batch = pictures(3, 3, 10, 10)
    expected = (batch.float() / 255 - torch.tensor(COLOURS[0]).view(3, 1, 1)) / torch.tensor(COLOURS[1]).view(3, 1, 1)
    if channels_last:
        batch = batch.contiguous(memory_format=torch.channels_last)
    before = batch.clone()
    prepared = Preprocess(10, *COLOURS)(batch)
    torch.testing.assert_close(prepared, expected, atol=1e-5, rtol=0)
    assert torch.equal(batch, before)


def test_grey_becomes_three_channels_each_normalised_in_its_way() -> None:
    batch = pictures(2, 1, 12, 12)
    assert torch.equal(Preprocess(24, *COLOURS)(batch), Preprocess(24, *COLOURS)(batch.expand(-1, 3, -1, -1)))


def test_the_result_is_a_float_batch_with_channels_last() -> None:
    prepared = Preprocess(16, *COLOURS)(pictures(4, 1, 8, 8))
    assert prepared.shape == (5, 3, 16, 16)
    assert prepared.dtype == torch.float32
    assert prepared.is_contiguous(memory_format=torch.channels_last)


def augmented(batch: Tensor, augment: Augment, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = batch.shape[-1]
    return (Preprocess(size, *PLAIN, augment=augment, generator=generator)(batch) * 255).round()


def test_flip_mirrors_about_half_of_the_pictures_and_leaves_the_others() -> None:
    batch = pictures(199, 3, 9, 9)
    result = augmented(batch, "flip")
    kept = (result == batch).flatten(1).all(1)
    mirrored = (result == batch.flip(3)).flatten(1).all(1)
    assert (kept ^ mirrored).all()
    assert 60 < mirrored.sum() < 140


def test_crop_flip_shifts_by_up_to_an_eighth_and_reflects_the_border() -> None:
    batch = pictures(299, 3, 16, 16)
    wide = torch.nn.functional.pad(batch.float(), (2, 2, 2, 2), mode="reflect")
    windows = {
        (down, right, mirrored): wide[:, :, down : down + 16, right : right + 16].flip(3 if mirrored else ())
        for down in range(5)
        for right in range(5)
        for mirrored in (False, True)
    }
    result = augmented(batch, "crop_flip")
    matches = torch.stack([(window == result).flatten(1).all(1) for window in windows.values()])
    assert matches.any(0).all()
    assert matches[:, :-1].any(1).sum() > 45


@pytest.mark.parametrize("augment", ["flip", "crop_flip"])
def test_augmentation_depends_on_its_own_generator_only(augment: Augment) -> None:
    batch = pictures(30, 3, 16, 16)
    state = torch.get_rng_state()
    assert torch.equal(augmented(batch, augment, seed=1), augmented(batch, augment, seed=1))
    assert not torch.equal(augmented(batch, augment, seed=1), augmented(batch, augment, seed=2))
    assert torch.equal(state, torch.get_rng_state())


def test_augmentation_without_a_generator_is_refused() -> None:
    with pytest.raises(ValueError, match="generator"):
        Preprocess(8, *PLAIN, augment="flip")


@pytest.mark.parametrize("side", [1, 2, 7])
def test_pictures_too_small_to_shift_are_only_mirrored(side: int) -> None:
    batch = pictures(10, 3, side, side)
    result = augmented(batch, "crop_flip")
    same = (result == batch).flatten(1).all(1) | (result == batch.flip(3)).flatten(1).all(1)
    assert same.all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("side", "size"), [(32, 224), (96, 64), (16, 16)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_gpu_gives_what_the_processor_gives(side: int, size: int, channels: int) -> None:
    batch = pictures(5, channels, side, side)
    prepare = Preprocess(size, *PLAIN)
    difference = prepare(batch.cuda()).cpu() - prepare(batch)
    assert difference.abs().max() * 255 <= 1.001
