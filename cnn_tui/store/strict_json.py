"""JSON as strictly as a file that decides results deserves: nothing doubled, nothing huge.

NaN and infinity pass; the models refuse them, and can name the field.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cnn_tui.errors import PresetError
from cnn_tui.store.files import reason

PRESET_BYTES = 2 * 1024**2
_DEEPEST = 64
_LONGEST_NUMBER = 300


class _RefusedError(ValueError):
    """Something that JSON allows and a preset does not."""


def read_object(path: Path, limit: int = PRESET_BYTES) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        PresetError: the file cannot be read, or :func:`parse_object` refuses it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise PresetError(f"Cannot read {path}", f"The system says: {reason(error)}.", _where(error)) from error
    except ValueError as error:
        raise PresetError(f"Cannot read {path}", "No file can have this name.") from error
    return parse_object(data, str(path), limit)


def parse_object(data: bytes, source: str, limit: int = PRESET_BYTES) -> dict[str, Any]:
    """The object in JSON text; ``source`` names it in messages, ``limit`` is in bytes.

    Raises:
        PresetError: it is too large or too deep, not UTF-8, not JSON, not an object, or doubles a key.
    """
    if len(data) > limit:
        detail = f"It has more than {limit / 1024**2:,.0f} MiB."
        raise PresetError(f"{source} is too large", detail)
    try:
        document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_object, parse_int=_integer)
        _check_depth(document)
    except UnicodeDecodeError as error:
        raise _not_json(source, f"Byte {error.start + 1:,} is not UTF-8 text.", "Save the file as UTF-8.") from error
    except json.JSONDecodeError as error:
        raise _not_json(source, f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except RecursionError as error:
        raise _not_json(source, "Its brackets are nested too deeply.") from error
    except _RefusedError as error:
        raise _not_json(source, str(error)) from error
    if not isinstance(document, dict):
        raise _not_json(source, f"It holds {_kind(document)}, and an object {{…}} is expected.")
    return document


def _not_json(source: str, detail: str, hint: str = "") -> PresetError:
    return PresetError(f"{source} cannot be read as JSON", detail, hint)


def _where(error: OSError) -> str:
    return "'cnn-tui presets' lists the presets that there are." if isinstance(error, FileNotFoundError) else ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise _RefusedError(f"The key {key!r} stands twice in one object; only one can be meant.")
        document[key] = value
    return document


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise _RefusedError(f"{text[:20]}… is not allowed: it has {len(text):,} digits.")
    return int(text)


def _check_depth(document: Any) -> None:
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise _RefusedError("Its brackets are nested too deeply.")
        level = [child for value in level for child in _children(value)]


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")
