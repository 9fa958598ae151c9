"""Quantities and names in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnn_tui.reports.texts import data_words, taken


@pytest.mark.parametrize(("seconds", "words"), [(-1, "0.0 s"), (0.04, "0.0 s"), (7.26, "7.3 s"), (61, "1 min 01 s")])
def test_what_took_less_than_a_minute_is_told_to_the_tenth(seconds: float, words: str) -> None:
    assert taken(seconds) == words


def test_a_folder_of_pictures_is_told_from_the_home_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_words("digits", None) == "digits"
    assert data_words("folder", "~/my pictures") == "~/my pictures"
    assert data_words("folder", str(tmp_path / "my pictures")) == "~/my pictures"
    assert data_words("folder", "/srv/pictures") == "/srv/pictures"
    assert data_words("folder", "pictures") == "pictures"
