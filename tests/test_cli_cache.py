"""``cnn-tui cache``: listing and clearing cached features and decoded images."""

from __future__ import annotations

import json
import os
import sys

import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.store.cache_index import (
    ABOUT_FILE,
    CHUNK_SUFFIX,
    DecodedSetInfo,
    FeatureSetInfo,
    begin_set,
    cached_sets,
    decoded_folder,
    features_folder,
)

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def keep_excepthook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


@pytest.fixture
def two_sets() -> None:
    """Two sets, the first used more recently."""
    for key, architecture, used in (("aa11", "resnet18", 2_000_000), ("bb22", "vgg16", 1_000_000)):
        folder = features_folder() / key
        about = FeatureSetInfo(
            architecture=architecture,
            weights="imagenet",
            trainable="last_layer",
            dataset="cifar10",
            root=None,
            image_size=224,
            precision="bfloat16",
            pictures=60_000,
        )
        begin_set(folder, about)
        (folder / f"chunk{CHUNK_SUFFIX}").write_bytes(b"0" * 3_000_000)
        os.utime(folder / ABOUT_FILE, (used, used))


def test_an_empty_cache_is_an_empty_table(capsys: Output) -> None:
    assert guarded(cli, ["cache"]) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert "of at most 20 GB" in printed.err


@pytest.mark.usefixtures("two_sets")
def test_each_set_is_listed_with_contents_and_size(capsys: Output) -> None:
    assert guarded(cli, ["cache", "list"]) == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["key", "model", "weights"]
    assert first.split()[:8] == ["aa11", "resnet18", "imagenet", "cifar10", "224", "bfloat16", "3.0", "MB"]
    assert second.split()[1] == "vgg16"
    assert first.rstrip().endswith("days ago")


@pytest.mark.usefixtures("two_sets")
def test_decoded_images_are_listed_and_cleared(capsys: Output) -> None:
    folder = decoded_folder() / "cc33"
    begin_set(folder, DecodedSetInfo(root="/far/pictures"))
    (folder / "some.pictures").write_bytes(b"0" * 5_000_000)
    assert guarded(cli, ["cache", "list"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split()[:6] == ["cc33", "decoded", "images", "/far/pictures", "5.0", "MB"]
    assert "0.01 of at most 20 GB" in printed.err
    assert guarded(cli, ["cache", "clear", "cc33", "--yes"]) == 0
    assert not folder.exists()
    assert len(cached_sets()) == 2


@pytest.mark.usefixtures("two_sets")
def test_a_set_with_a_damaged_description_is_listed(capsys: Output) -> None:
    (features_folder() / "aa11" / ABOUT_FILE).write_text("{", encoding="utf-8")
    assert guarded(cli, ["cache", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {one["key"]: one["about"] and one["about"]["architecture"] for one in listed} == {
        "aa11": None,
        "bb22": "vgg16",
    }


@pytest.mark.usefixtures("two_sets")
def test_a_key_prefix_clears_only_that_set(capsys: Output) -> None:
    assert guarded(cli, ["cache", "clear", "aa", "--yes"]) == 0
    assert [one.key for one in cached_sets()] == ["bb22"]
    assert "1 set of 3.0 MB deleted" in capsys.readouterr().err


@pytest.mark.usefixtures("two_sets")
def test_all_sets_are_cleared_without_a_key() -> None:
    assert guarded(cli, ["cache", "clear", "--yes"]) == 0
    assert not cached_sets()


@pytest.mark.usefixtures("two_sets")
def test_an_unknown_key_deletes_nothing(capsys: Output) -> None:
    assert guarded(cli, ["cache", "clear", "cc", "--yes"]) == 2
    assert "cc" in capsys.readouterr().err
    assert len(cached_sets()) == 2
