"""Names from people, as file names and on a terminal."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_tui.store.names import printable, slug


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Baseline ResNet-18", "baseline-resnet-18"),
        ("../../etc/passwd", "etc-passwd"),
        ("/etc/x", "etc-x"),
        ("Überprüfung", "uberprufung"),
        ("", "run"),
        ("...", "run"),
        ("日本語", "run"),
        ("\x00", "run"),
        ("CON", "run-con"),
        ("lpt9", "run-lpt9"),
        ("console", "console"),
        ("x" * 300, "x" * 60),
        ("a" * 59 + "-b", "a" * 59),
    ],
)
def test_slug_of_known_names(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text())
def test_every_slug_is_a_plain_file_name(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?", slug(name))


@given(st.text())
def test_a_slug_stays_as_it_is(name: str) -> None:
    assert slug(slug(name)) == slug(name)


@pytest.mark.parametrize(
    "character",
    [
        "\x00", "\x07", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\x9b", "\u061c", "\u200e", "\u200f",
        "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069", "\ud800",
    ],
)  # fmt: skip
def test_what_steers_a_terminal_becomes_visible(character: str) -> None:
    assert printable(f"a{character}b") == "a\ufffdb"


def test_ordinary_text_stays() -> None:
    text = "Ärger [/bold] — 日本語, 👩‍🔬, it's 100 %"
    assert printable(text) == text


@given(st.text(st.characters()))
def test_printable_keeps_the_length_and_no_control_character(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not any(unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") for character in shown)
