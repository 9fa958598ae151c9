"""The paths in a text that was typed, or pasted by a terminal onto which files were dropped."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

_FILE_URI = re.compile(r"file:(?://[^/]*)?(?=/)", re.IGNORECASE)


def named_paths(text: str, exists: Callable[[str], bool] = os.path.lexists) -> list[str]:
    """The paths that a text names; none in an empty text.

    A text that is the name of a file is that name, whatever its characters. Else terminals paste names in quotes, with
    backslashes, or as ``file://`` URIs, several of them with spaces between.
    """
    text = text.strip()
    if not text:
        return []
    if exists(whole := _expanded(text)):
        return [whole]
    paths = [_path(word) for word in _words(text)]
    if len(paths) > 1 and not any(map(exists, paths)):
        return [_path(text)]  # one name with spaces in it, and no such file
    return paths


def _words(text: str) -> list[str]:
    """The words of a text as a shell divides it; the text itself where its quotes do not match."""
    try:
        return shlex.split(text)
    except ValueError:
        return [text]


def _path(word: str) -> str:
    """The path that a word names, as a URI or as it is."""
    if scheme := _FILE_URI.match(word):
        return unquote(word[scheme.end() :], errors="surrogateescape")
    return _expanded(word)


def _expanded(text: str) -> str:
    """A path with ``~`` replaced by the home folder, if there is one."""
    try:
        return str(Path(text).expanduser()) if text.startswith("~") else text
    except RuntimeError:
        return text
