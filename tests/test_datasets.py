"""The datasets of the catalogue, from tiny official-looking files on a server of the test's own."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import struct
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.io import savemat
from sklearn.datasets import load_digits

from cnn_tui import paths
from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.control import ShouldStop, Stopped, never
from cnn_tui.engine.data import loading
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.errors import DataError
from cnn_tui.events import Event, Phase, Progress
from image_folders import finish
from local_server import LocalServer, serving

Pictures = NDArray[np.uint8]
TRAIN, TEST = 20, 10
NAMES = [f"class {number}" for number in range(10)]


def load(name: Any, should_stop: ShouldStop = never, **settings: Any) -> tuple[list[Event], LoadedData]:
    return finish(loading.load(DataConfig(dataset=name, **settings), 0, should_stop))


def pictures(count: int, channels: int, side: int) -> Pictures:
    return np.random.default_rng(count).integers(0, 256, (count, channels, side, side), dtype=np.uint8)


def labels(count: int) -> Pictures:
    return (np.arange(count) * 7 % 10).astype(np.uint8)


def idx(values: Pictures) -> bytes:
    head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return gzip.compress(head + values.tobytes())


def mnist_files() -> dict[str, bytes]:
    return {
        "train-images-idx3-ubyte.gz": idx(pictures(TRAIN, 1, 28)[:, 0]),
        "train-labels-idx1-ubyte.gz": idx(labels(TRAIN)),
        "t10k-images-idx3-ubyte.gz": idx(pictures(TEST, 1, 28)[:, 0]),
        "t10k-labels-idx1-ubyte.gz": idx(labels(TEST)),
    }


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        folder = tarfile.TarInfo("some-folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(f"some-folder/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def cifar10_files() -> dict[str, bytes]:
    rows = np.concatenate([labels(TRAIN)[:, None], pictures(TRAIN, 3, 32).reshape(TRAIN, -1)], axis=1)
    test = np.concatenate([labels(TEST)[:, None], pictures(TEST, 3, 32).reshape(TEST, -1)], axis=1)
    batches = {f"data_batch_{number + 1}.bin": part.tobytes() for number, part in enumerate(np.split(rows, 5))}
    names = "\n".join(NAMES) + "\n\n"
    whole = {"batches.meta.txt": names.encode(), **batches, "readme.html": b"<p>", "test_batch.bin": test.tobytes()}
    return {"cifar-10-binary.tar.gz": tar(whole)}


def cifar100_files() -> dict[str, bytes]:
    def rows(count: int) -> bytes:
        coarse = np.full((count, 1), 99, dtype=np.uint8)
        return np.concatenate(
            [coarse, labels(count)[:, None], pictures(count, 3, 32).reshape(count, -1)], axis=1
        ).tobytes()

    names = "\n".join(NAMES + [f"more {number}" for number in range(90)])
    return {
        "cifar-100-binary.tar.gz": tar(
            {"fine_label_names.txt": names.encode(), "train.bin": rows(TRAIN), "test.bin": rows(TEST)}
        )
    }


def svhn_files() -> dict[str, bytes]:
    def matlab(count: int) -> bytes:
        buffer = io.BytesIO()
        digits = labels(count)[:, None]
        content = {
            "X": pictures(count, 3, 32).transpose(3, 2, 1, 0).swapaxes(0, 1),
            "y": np.where(digits == 0, np.uint8(10), digits),
        }
        savemat(buffer, content, do_compression=True)
        return buffer.getvalue()

    return {"train_32x32.mat": matlab(TRAIN), "test_32x32.mat": matlab(TEST)}


def stl10_files() -> dict[str, bytes]:
    files = {"class_names.txt": "\n".join(NAMES).encode()}
    for name, count in (("train", TRAIN), ("test", TEST)):
        files[f"{name}_X.bin"] = pictures(count, 3, 96).transpose(0, 1, 3, 2).tobytes()
        files[f"{name}_y.bin"] = (labels(count) + 1).tobytes()
    return {"stl10_binary.tar.gz": tar({**files, "unlabeled_X.bin": b"much"})}


MAKERS: dict[str, Callable[[], dict[str, bytes]]] = {
    "mnist": mnist_files,
    "fashion_mnist": mnist_files,
    "cifar10": cifar10_files,
    "cifar100": cifar100_files,
    "svhn": svhn_files,
    "stl10": stl10_files,
}


class Official:
    """The official site of one dataset, in small; the catalogue is made to point at it."""

    def __init__(self, server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self._monkeypatch = monkeypatch

    def offer(self, name: str, files: dict[str, bytes] | None = None, mirrors: tuple[str, ...] = ()) -> None:
        """Serve these files, whose checksums the catalogue then has."""
        files = MAKERS[name]() if files is None else files
        self.server.files.update(files)
        remote = tuple(
            dataclasses.replace(
                file,
                urls=(*mirrors, self.server.url + file.name),
                md5=hashlib.md5(files[file.name]).hexdigest(),
                bytes=len(files[file.name]),
            )
            for file in DATASETS[name].files
        )
        small = dataclasses.replace(DATASETS[name], train=TRAIN, test=TEST, files=remote)
        self._monkeypatch.setitem(DATASETS, name, small)


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> Iterator[Official]:
    with serving() as server:
        yield Official(server, monkeypatch)


@pytest.mark.parametrize("name", MAKERS)
def test_every_format_is_fetched_and_read_and_then_used_from_disk(name: str, official: Official) -> None:
    official.offer(name)
    facts = DATASETS[name]
    assert facts.channels is not None
    assert facts.image_size is not None
    events, loaded = load(name)
    phases = [event.name for event in events if isinstance(event, Phase)]
    assert phases == ["downloading", "loading"]
    assert any(isinstance(event, Progress) and event.unit == "bytes" for event in events)
    for source, count in ((loaded.train, TRAIN), (loaded.test, TEST)):
        assert source.labels.tolist() == labels(count).tolist()
        expected = torch.from_numpy(pictures(count, facts.channels, facts.image_size))
        assert torch.equal(source.images(torch.arange(count)), expected)
    assert len(loaded.classes) == facts.classes
    asked = len(official.server.asked)
    events, again = load(name)
    assert [event.name for event in events if isinstance(event, Phase)] == ["loading"]
    assert len(official.server.asked) == asked
    assert again.identity == loaded.identity
    assert again.train.labels.tolist() == loaded.train.labels.tolist()


def test_an_archive_makes_room_for_what_was_in_it(official: Official) -> None:
    official.offer("stl10")
    load("stl10")
    folder = paths.datasets_folder() / "stl10"
    kept = {path.name for path in folder.iterdir() if path.suffix != ".lock"}
    assert kept == {"train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "class_names.txt"}


def test_names_of_classes_come_from_the_files(official: Official) -> None:
    official.offer("cifar10")
    assert load("cifar10")[1].classes == tuple(NAMES)


def test_another_mirror_is_tried(official: Official) -> None:
    official.offer("mnist", mirrors=(official.server.url + "gone/",))
    assert len(load("mnist")[1].train) == TRAIN


def test_where_no_mirror_answers_all_are_named(official: Official) -> None:
    official.offer("mnist", mirrors=(official.server.url + "gone",))
    official.server.files.clear()
    with pytest.raises(DataError) as caught:
        load("mnist")
    assert official.server.url + "gone: " in caught.value.detail
    assert official.server.url + "train-images-idx3-ubyte.gz: " in caught.value.detail
    assert str(paths.datasets_folder() / "mnist" / "train-images-idx3-ubyte.gz") in caught.value.hint


def test_another_file_than_the_official_one_is_refused(official: Official) -> None:
    official.offer("cifar10")
    official.server.files["cifar-10-binary.tar.gz"] = tar({"data_batch_1.bin": b"evil"})
    with pytest.raises(DataError, match="could not be downloaded"):
        load("cifar10")
    official.server.files.update(cifar10_files())


def test_an_interrupted_download_is_finished_by_the_next_run(official: Official) -> None:
    official.offer("svhn")
    official.server.break_after = 1000
    with pytest.raises(DataError):
        load("svhn")
    official.server.break_after = None
    assert len(load("svhn")[1].train) == TRAIN
    assert any(wanted == "bytes=1000-" for _, wanted in official.server.asked)


def changed(files: dict[str, bytes], name: str, content: bytes) -> dict[str, bytes]:
    return {**files, name: content}


def without_a_member(name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(cifar10_files()["cifar-10-binary.tar.gz"])) as archive:
        files = {Path(member.name).name: archive.extractfile(member) for member in archive if member.isreg()}
        return tar({key: file.read() for key, file in files.items() if file is not None and key != name})


ARCHIVE = "cifar-10-binary.tar.gz"
IMAGES = "train-images-idx3-ubyte.gz"
LABELS = "train-labels-idx1-ubyte.gz"
DAMAGED: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "archive cut off": ("cifar10", ARCHIVE, lambda: cifar10_files()[ARCHIVE][:2000]),
    "no archive": ("cifar10", ARCHIVE, lambda: b"<html>404</html>"),
    "archive without a file": ("cifar10", ARCHIVE, lambda: without_a_member("test_batch.bin")),
    "gzip cut off": ("mnist", IMAGES, lambda: mnist_files()[IMAGES][:2000]),
    "no gzip": ("mnist", IMAGES, lambda: b"<html>404</html>"),
    "other magic": ("mnist", IMAGES, lambda: gzip.compress(b"\0\0\x0d\x03" + bytes(12))),
    "no magic": ("mnist", IMAGES, lambda: gzip.compress(b"")),
    "too few images": ("mnist", IMAGES, lambda: idx(pictures(TRAIN - 1, 1, 28)[:, 0])),
    "more promised than there is": ("mnist", IMAGES, lambda: gzip.compress(b"\0\0\x08\x01" + b"\xff" * 4)),
    "label of no class": ("mnist", LABELS, lambda: idx(labels(TRAIN) + np.uint8(200))),
    "matlab cut off": ("svhn", "train_32x32.mat", lambda: svhn_files()["train_32x32.mat"][:20_000]),
    "no matlab": ("svhn", "train_32x32.mat", lambda: b"<html>404</html>"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_named_put_aside_and_fetched_anew(case: str, official: Official) -> None:
    name, file, make = DAMAGED[case]
    official.offer(name)
    folder = paths.datasets_folder() / name
    folder.mkdir(parents=True)
    damaged = make()  # once, as gzip writes the time into what it makes
    (folder / file).write_bytes(damaged)
    with pytest.raises(DataError) as caught:
        load(name)
    assert caught.value.title == f"{file} is damaged"
    assert str(folder / file) in caught.value.detail
    assert (folder / f"{file}.damaged").read_bytes() == damaged
    assert len(load(name)[1].train) == TRAIN


@pytest.mark.parametrize(
    ("name", "file"),
    [("cifar10", "data_batch_3.bin"), ("cifar10", "batches.meta.txt"), ("stl10", "train_X.bin")],
)
def test_a_file_that_was_cut_off_after_unpacking_is_fetched_anew(name: str, file: str, official: Official) -> None:
    official.offer(name)
    load(name)
    path = paths.datasets_folder() / name / file
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="is damaged"):
        load(name)
    assert len(load(name)[1].train) == TRAIN


def test_names_in_an_archive_cannot_lead_out_of_the_folder(official: Official, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("../../../test.bin", "/etc/train.bin", "link/fine_label_names.txt"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("fine_label_names.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    official.offer("cifar100", {"cifar-100-binary.tar.gz": buffer.getvalue()})
    with pytest.raises(DataError, match="is damaged"):
        load("cifar100")
    assert {path.name for path in tmp_path.iterdir()} == {"home"}
    everything = [path for path in tmp_path.rglob("*") if not path.is_dir()]
    assert all(path.parent == paths.datasets_folder() / "cifar100" for path in everything)
    assert not any(path.is_symlink() for path in everything)


@pytest.mark.parametrize("asked_before", [0, 1, 3, 6, 9])
def test_a_stop_ends_it_at_any_moment_and_nothing_is_broken(asked_before: int, official: Official) -> None:
    official.offer("cifar10")
    answers = iter([False] * asked_before)
    with pytest.raises(Stopped):
        load("cifar10", should_stop=lambda: next(answers, True))
    assert len(load("cifar10")[1].train) == TRAIN


def test_digits_are_scikit_learns_and_split_the_same_way_for_every_seed() -> None:
    _, loaded = load("digits")
    bunch = load_digits()
    assert (len(loaded.train), len(loaded.test)) == (DATASETS["digits"].train, DATASETS["digits"].test)
    together = torch.cat([source.images(torch.arange(len(source))) for source in (loaded.train, loaded.test)])
    assert (int(together.min()), int(together.max())) == (0, 255)
    assert sorted(picture.sum().item() for picture in together) == sorted(
        np.rint(picture * 255 / 16).sum() for picture in bunch.images
    )
    expected = np.bincount(bunch.target) * (360 / 1797)
    assert np.abs(loaded.test.labels.bincount().numpy() - expected).max() < 1
    _, other = finish(loading.load(DataConfig(dataset="digits"), 5, never))
    assert torch.equal(loaded.test.labels, other.test.labels)
    assert loaded.identity == other.identity


def test_limits_choose_rows_and_leave_the_sources_whole() -> None:
    _, loaded = load("digits", train_limit=100, test_limit=30, validation_fraction=0.2)
    assert (len(loaded.train), len(loaded.test)) == (1437, 360)
    assert (len(loaded.train_indices), len(loaded.validation_indices), len(loaded.test_indices)) == (80, 20, 30)
    assert loaded.train.labels[loaded.train_indices].bincount().tolist() == [8] * 10
    assert loaded.train.labels[loaded.validation_indices].bincount().tolist() == [2] * 10
    assert loaded.test.labels[loaded.test_indices].bincount().tolist() == [3] * 10
    assert not set(loaded.train_indices.tolist()) & set(loaded.validation_indices.tolist())


def test_another_seed_takes_other_training_rows_and_the_same_test_rows() -> None:
    config = DataConfig(dataset="digits", train_limit=100, test_limit=30)
    one, other = (finish(loading.load(config, seed, never))[1] for seed in (0, 1))
    assert one.train_indices.tolist() != other.train_indices.tolist()
    assert one.test_indices.tolist() == other.test_indices.tolist()


def test_limits_beyond_what_there_is_take_everything() -> None:
    _, loaded = load("digits", train_limit=100_000, test_limit=100_000, validation_fraction=0.0)
    assert (len(loaded.train_indices), len(loaded.validation_indices), len(loaded.test_indices)) == (1437, 0, 360)


def test_statistics_are_those_of_the_training_split_whatever_the_limits(official: Official) -> None:
    official.offer("cifar10")
    config = DataConfig(dataset="cifar10", validation_fraction=0.5, train_limit=10)
    _, loaded = finish(loading.load(config, 0, never, sampled=True))
    values = pictures(TRAIN, 3, 32) / 255
    mean, deviation = loaded.statistics()
    np.testing.assert_allclose(mean, values.mean(axis=(0, 2, 3)), atol=1e-5)
    np.testing.assert_allclose(deviation, values.std(axis=(0, 2, 3)), atol=1e-5)


def test_statistics_of_grey_pictures_count_three_times() -> None:
    mean, deviation = finish(loading.load(DataConfig(dataset="digits"), 0, never, sampled=True))[1].statistics()
    assert len(set(mean)) == len(set(deviation)) == 1
    assert 0.25 < mean[0] < 0.35


def test_batches_have_the_rows_in_their_order() -> None:
    _, loaded = load("digits")
    order = torch.tensor([5, 3, 900, 3, 0])
    batches = list(loaded.train.batches(order, 2))
    assert [len(own) for _, own in batches] == [2, 2, 1]
    assert torch.equal(torch.cat([own for own, _ in batches]), loaded.train.images(order))
    assert torch.equal(torch.cat([own for _, own in batches]), loaded.train.labels[order])
    assert all(own.is_contiguous(memory_format=torch.channels_last) for own, _ in batches)
    assert list(loaded.train.batches(order[:0], 2)) == []


def test_to_keeps_pictures_and_rows() -> None:
    _, loaded = load("digits")
    moved = loaded.to(torch.device("cpu"))
    assert torch.equal(moved.train.labels, loaded.train.labels)
    assert moved.train_indices is loaded.train_indices
