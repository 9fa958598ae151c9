"""Strict JSON: limited in size and depth, without duplicate keys.

NaN and infinity are accepted here and rejected by the models, which can name the field.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from cnn_tui.errors import PresetError
from cnn_tui.store.files import reason

PRESET_BYTES = 2 * 1024**2
_MAX_DEPTH = 64
_MAX_DIGITS = 300
_KINDS = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


class _RejectedError(ValueError):
    """Valid JSON that presets may not contain."""


def read_object(path: Path, limit: int = PRESET_BYTES) -> dict[str, Any]:
    """Read the object in a JSON file of at most ``limit`` bytes.

    Raises:
        PresetError: the file cannot be read, or :func:`parse_object` rejects it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        hint = "'cnn-tui presets' lists all presets." if isinstance(error, FileNotFoundError) else ""
        raise PresetError(f"Cannot read {path}", f"The system reports: {reason(error)}.", hint) from error
    except ValueError as error:
        raise PresetError(f"Cannot read {path}", "This is not a valid file name.") from error
    return parse_object(data, str(path), limit)


def parse_object(data: bytes, source: str, limit: int = PRESET_BYTES) -> dict[str, Any]:
    """Parse a JSON object; ``source`` names it in error messages.

    Raises:
        PresetError: the data are too large or too deep, not UTF-8, not a JSON object, or repeat a key.
    """
    if len(data) > limit:
        raise PresetError(f"{source} is too large", f"It has more than {limit / 1024**2:,.0f} MiB.")
    try:
        document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_int=_integer)
        if _depth(document) > _MAX_DEPTH:
            raise RecursionError
    except UnicodeDecodeError as error:
        raise _not_json(source, f"Byte {error.start + 1:,} is not UTF-8 text.", "Save the file as UTF-8.") from error
    except json.JSONDecodeError as error:
        raise _not_json(source, f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except RecursionError as error:
        raise _not_json(source, "Its brackets are nested too deeply.") from error
    except _RejectedError as error:
        raise _not_json(source, str(error)) from error
    if not isinstance(document, dict):
        raise _not_json(source, f"It contains {_KINDS.get(type(document), 'null')}, and an object {{…}} is expected.")
    return document


def _not_json(source: str, detail: str, hint: str = "") -> PresetError:
    return PresetError(f"{source} cannot be read as JSON", detail, hint)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        repeated, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise _RejectedError(f"The key {repeated!r} occurs twice in one object.")
    return document


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise _RejectedError(f"{text[:20]}… is not allowed: it has {len(text):,} digits.")
    return int(text)


def _depth(value: Any) -> int:
    """The number of nested lists and objects."""
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
