"""There are no import cycles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

grimp = pytest.importorskip("grimp")


def cycles(imports: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan, 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for imported in imports[module]:
            if imported not in order:
                visit(imported)
                low[module] = min(low[module], low[imported])
            elif imported in stack:
                low[module] = min(low[module], order[imported])
        if low[module] == order[module]:
            component = [stack.pop()]
            while component[-1] != module:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for module in imports:
        if module not in order:
            visit(module)
    return found


def test_cycles_are_found_and_diamonds_are_not() -> None:
    assert cycles({"a": "b", "b": "c", "c": "a", "d": "a"}) == [["a", "b", "c"]]
    assert cycles({"a": "bc", "b": "d", "c": "d", "d": ""}) == []


def test_the_program_has_no_import_cycles() -> None:
    """Imports inside functions and for type checkers count too."""
    graph = grimp.build_graph("cnn_tui", cache_dir=None)
    assert cycles({module: sorted(graph.find_modules_directly_imported_by(module)) for module in graph.modules}) == []
