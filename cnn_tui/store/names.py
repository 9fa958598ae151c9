"""Names that come from people: made safe as file names, and safe to show."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

_LONGEST_SLUG = 60
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])")
# Control characters (C0, DEL, C1), marks that reorder text, line and paragraph separators, lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def slug(name: str) -> str:
    """A name as part of a file name: at most 60 of ``a-z0-9-``, never empty, never one that Windows reserves."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    short = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_SLUG].strip("-")
    if _RESERVED.fullmatch(short):
        return f"run-{short}"
    return short or "run"


def printable(text: str) -> str:
    """One line of text in which nothing can steer a terminal: each such character becomes U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def display(path: Path | str) -> str:
    """A path as text that can be written anywhere; bytes that are no text become question marks."""
    return os.fsencode(path).decode("utf-8", "replace")
