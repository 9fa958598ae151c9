"""An image that was replaced is noticed, whatever was kept of the one before: size and time may be the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.cache_slot import CacheSlot, file_stamp
from cnn_tui.engine.control import never
from cnn_tui.engine.data import file_hashes
from cnn_tui.engine.data.folder_listing import scan
from cnn_tui.engine.data.image_set import ImageSet
from cnn_tui.engine.training.train import train
from cnn_tui.events import EpochFinished
from image_folders import load, write_image

MTIME = 1_600_000_000_000_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    for name in ("cat", "dog"):
        for number in range(10):
            bitmap(folder / name / f"{number}.bmp", number * 10 + len(name))
    return folder


def bitmap(path: Path, shade: int) -> Path:
    """An image whose file has the same size and time whatever its shade."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, shade // 2, 7)).save(path)
    os.utime(path, ns=(MTIME, MTIME))
    return path


def wait_for_the_clock(path: Path) -> None:
    """Until a change gets another time than the file has, which the system's clock of files may take 10 ms for."""
    probe = path.with_name(".probe")
    probe.touch()
    while probe.stat().st_ctime_ns == path.stat().st_ctime_ns:
        os.utime(probe)
    probe.unlink()


def overwritten(path: Path, content: bytes) -> None:
    """As ``cp -p`` and ``unzip -o`` do."""
    wait_for_the_clock(path)
    path.write_bytes(content)
    os.utime(path, ns=(MTIME, MTIME))


def renamed_over(path: Path, content: bytes) -> None:
    """As ``rsync -t`` does."""
    temporary = path.with_name(".incoming")
    temporary.write_bytes(content)
    os.utime(temporary, ns=(MTIME, MTIME))
    temporary.replace(path)


WAYS = [overwritten, renamed_over]


@pytest.mark.parametrize("remembers", [False, True])
@pytest.mark.parametrize("replace", WAYS)
def test_a_picture_of_the_same_size_and_time_in_its_place_is_decoded_anew(
    replace: Callable[[Path, bytes], None], remembers: bool, root: Path, tmp_path: Path
) -> None:
    cache = CacheSlot[ImageSet]() if remembers else None
    before = scan(str(root), never).identity
    _, first = load(root, cache=cache)
    path = root / "cat" / "3.bmp"
    facts = path.stat()
    replace(path, bitmap(tmp_path / "other.bmp", 200).read_bytes())
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (facts.st_size, facts.st_mtime_ns)
    assert scan(str(root), never).identity != before
    _, second = load(root, cache=cache)
    row = torch.tensor([3])
    assert first.train.images(row)[0, :, 0, 0].tolist() == [33, 16, 7]
    assert second.train.images(row)[0, :, 0, 0].tolist() == [200, 100, 7]


@pytest.mark.parametrize("replace", WAYS)
def test_where_there_is_no_time_of_change_the_content_tells(
    replace: Callable[[Path, bytes], None], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_hashes, "_CHANGE_TIMES", False)
    before = scan(str(root), never).identity
    shutil.copystat(root / "cat" / "4.bmp", root / "cat" / "3.bmp")
    assert scan(str(root), never).identity == before
    replace(root / "cat" / "3.bmp", bitmap(tmp_path / "other.bmp", 200).read_bytes())
    assert scan(str(root), never).identity != before


def test_classes_that_change_places_are_noticed(root: Path) -> None:
    for path in (root / "dog").iterdir():
        overwritten(path, path.read_bytes())
    before = scan(str(root), never).identity
    (root / "cat").rename(root / "spare")
    (root / "dog").rename(root / "cat")
    (root / "spare").rename(root / "dog")
    assert scan(str(root), never).identity != before


def losses(root: Path) -> list[float]:
    settings = ["data.dataset=folder", f"data.root={root}", "data.image_size=32", "training.epochs=1"]
    model = ["model.weights=random", "model.trainable=last_layer", "training.device=cpu"]
    events = train(override(Experiment(), settings + model))
    return [event.train_loss for event in events if isinstance(event, EpochFinished)]


def test_a_second_run_learns_from_the_new_pictures(root: Path, tmp_path: Path) -> None:
    first = losses(root)
    assert losses(root) == first
    noise = torch.randint(0, 256, (20, 8, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for path, pixels in zip(sorted(root.rglob("*.bmp")), noise.numpy(), strict=True):
        Image.fromarray(pixels).save(tmp_path / "new.bmp")
        assert (tmp_path / "new.bmp").stat().st_size == path.stat().st_size
        overwritten(path, (tmp_path / "new.bmp").read_bytes())
    assert losses(root) != first


def test_a_file_stamp_notices_that_a_file_was_overwritten(tmp_path: Path) -> None:
    path = bitmap(tmp_path / "weights.bmp", 1)
    before = file_stamp(path)
    overwritten(path, bitmap(tmp_path / "other.bmp", 2).read_bytes())
    assert file_stamp(path) != before


def test_large_and_small_files_have_hashes_of_their_bytes(tmp_path: Path) -> None:
    small, large = write_image(tmp_path / "small.png"), tmp_path / "large"
    large.write_bytes(bytes(file_hashes.WHOLE_BYTES + 1))
    changed = tmp_path / "changed"
    changed.write_bytes(b"\1" + bytes(file_hashes.WHOLE_BYTES))
    for path in (small, large, changed):
        assert file_hashes.whole_hash(str(path)) != file_hashes.UNKNOWN
    size = large.stat().st_size
    assert file_hashes.sample_hash(str(large), size) == file_hashes.sample_hash(str(changed), size)
    assert file_hashes.whole_hash(str(large)) != file_hashes.whole_hash(str(changed))
    assert file_hashes.sample_hash(str(small), small.stat().st_size) == file_hashes.whole_hash(str(small))
