"""The paths in what users type and terminals paste."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnn_tui.tui.named_paths import named_paths

HOME = str(Path.home())


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("", []),
        ("  \t", []),
        ("/a/cat.png", ["/a/cat.png"]),
        ("  /a/cat.png \r", ["/a/cat.png"]),
        ("cats", ["cats"]),
        ("../cats/", ["../cats/"]),
        ("~/cats", [f"{HOME}/cats"]),
        ("~", [HOME]),
        ("~nobody-has-this-name/x", ["~nobody-has-this-name/x"]),
        ("'/a/my cat.png'", ["/a/my cat.png"]),
        ('"/a/my cat.png" ', ["/a/my cat.png"]),
        ("'/a/it'\\''s.png'", ["/a/it's.png"]),
        ("/a/my\\ cat\\ \\(1\\).png", ["/a/my cat (1).png"]),
        ("~/my\\ cat.png", [f"{HOME}/my cat.png"]),
        ("file:///a/cat.png", ["/a/cat.png"]),
        ("file:///a/my%20cat%25.png", ["/a/my cat%.png"]),
        ("file://localhost/a/cat.png", ["/a/cat.png"]),
        ("file://my-machine/a/cat.png", ["/a/cat.png"]),
        ("file:/a/cat.png", ["/a/cat.png"]),
        ("FILE:///a/cat.png", ["/a/cat.png"]),
        ("'file:///a/my%20cat.png'", ["/a/my cat.png"]),
        ("file:///a/it's.png", ["/a/it's.png"]),
        ("file:///a/%C3%A9%FF.png", ["/a/é\udcff.png"]),
        ("file:///a/x#1?.png", ["/a/x#1?.png"]),
        ("/a/it's.png", ["/a/it's.png"]),
        ("/a/my cat.png", ["/a/my cat.png"]),
        ("https://example.org/cat.png", ["https://example.org/cat.png"]),
        ("\0", ["\0"]),
    ],
)
def test_a_text_names_paths_of_which_none_exists(text: str, paths: list[str]) -> None:
    assert named_paths(text, lambda path: False) == paths


@pytest.mark.parametrize(
    ("text", "files", "paths"),
    [
        ("/a/my\\ cat.png", {"/a/my\\ cat.png", "/a/my cat.png"}, ["/a/my\\ cat.png"]),
        ("'x.png'", {"'x.png'"}, ["'x.png'"]),
        ("/a/50%25.png", {"/a/50%25.png", "/a/50%.png"}, ["/a/50%25.png"]),
        ("/a/my cat.png", {"/a/my cat.png"}, ["/a/my cat.png"]),
        ("/a/1.png /a/2.png", {"/a/1.png", "/a/2.png"}, ["/a/1.png", "/a/2.png"]),
        ("'/a/my cat.png' '/a/2.png'", {"/a/my cat.png"}, ["/a/my cat.png", "/a/2.png"]),
        ("file:///a/1.png file:///a/my%202.png", {"/a/my 2.png"}, ["/a/1.png", "/a/my 2.png"]),
    ],
)
def test_a_name_that_exists_is_taken_as_it_is_and_several_are_divided(
    text: str, files: set[str], paths: list[str]
) -> None:
    assert named_paths(text, files.__contains__) == paths


def test_without_other_information_files_are_looked_up(tmp_path: Path) -> None:
    both = tmp_path / "two words"
    both.touch()
    assert named_paths(str(both)) == [str(both)]
