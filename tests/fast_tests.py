"""``pytest --fast``: the tests that import no PyTorch, start no process and drive no workbench.

No list says which these are. All three are refused, and whatever tries one is skipped, whether the test module does
it, a fixture, or the code under test.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from importlib.abc import MetaPathFinder
from typing import Any

import pytest

IMPORTS = {"torch": "imports PyTorch", "torchvision": "imports PyTorch", "textual.pilot": "drives the workbench"}
STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.exec"})


class Refusals(MetaPathFinder):
    """A pytest plugin that refuses imports and processes while modules are collected and tests run."""

    def __init__(self) -> None:
        self._active = False
        self._reason = ""
        sys.meta_path.insert(0, self)
        sys.addaudithook(self._audit)

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> None:
        """Refuse what is slow, leave everything else to the other finders."""
        if self._active and fullname in IMPORTS:
            self._refuse(IMPORTS[fullname])

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._active and event in STARTS:
            self._refuse("starts a process")

    def _refuse(self, reason: str) -> None:
        self._reason = f"--fast: it {reason}"
        pytest.skip(self._reason, allow_module_level=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        self._active = True
        try:
            return (yield)
        finally:
            self._active = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._active, self._reason = True, ""
        try:
            return (yield)
        finally:
            self._active = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """The refusal may have been caught on its way, or raised in another thread; it counts all the same."""
        report = yield
        if self._reason and report.failed:
            report.outcome = "skipped"
            report.longrepr = (str(item.path), 0, f"Skipped: {self._reason}")
        return report
