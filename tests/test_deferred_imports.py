"""Modules that are loaded only when one of their functions is called."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from cnn_tui.imports import deferred


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A large package with a small function, and a library that takes it."""
    package = tmp_path / "large_package"
    package.mkdir()
    (package / "__init__.py").write_text("from large_package.utils import Kind, half\n")
    (package / "utils.py").write_text("class Kind: ...\n\n\ndef half(number):\n    return number / 2\n")
    (tmp_path / "small_library.py").write_text("from large_package.utils import half\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("large_package.utils", "large_package", "small_library"):
        sys.modules.pop(name, None)


def test_a_deferred_module_is_loaded_by_the_first_call() -> None:
    with deferred("large_package.utils"):
        library = import_module("small_library")
    assert not [name for name in sys.modules if name.startswith("large_package")]
    assert library.half(6) == 3
    assert "large_package" in sys.modules


def test_afterwards_it_is_imported_as_ever() -> None:
    with deferred("large_package.utils"):
        import_module("small_library")
    assert isinstance(import_module("large_package").Kind, type)


def test_a_package_that_is_loaded_meanwhile_gets_its_own_module() -> None:
    with deferred("large_package.utils"):
        library = import_module("small_library")
        package = import_module("large_package")
        assert isinstance(package.Kind, type)
    assert sys.modules["large_package.utils"].half is package.half
    assert library.half(6) == 3


def test_a_module_that_is_loaded_already_stays() -> None:
    loaded = import_module("large_package.utils")
    with deferred("large_package.utils"):
        assert import_module("small_library").half is loaded.half
    assert sys.modules["large_package.utils"] is loaded


def test_an_attribute_that_the_module_lacks_is_missed_when_it_is_called() -> None:
    with deferred("large_package.utils"):
        missing = import_module("large_package.utils").missing
    with pytest.raises(AttributeError, match="missing"):
        missing()
