"""Readings of the machine, with NVIDIA's library answering, hiding figures, failing and absent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from cnn_tui.tui.machine import GpuReading, Machine

MEMORY = SimpleNamespace(used=2_000, total=8_000)
ANSWERS = {
    "nvmlInit": None,
    "nvmlShutdown": None,
    "nvmlDeviceGetCount": 2,
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=37),
    "nvmlDeviceGetMemoryInfo": MEMORY,
    "nvmlDeviceGetTemperature": 61,
    "nvmlDeviceGetPowerUsage": 250_500,
}
NAMES = ("Small GPU", b"Large GPU")


class NotToldError(Exception):
    """What the library raises for a figure that it hides."""


def library(*hidden: str) -> SimpleNamespace:
    """A stand-in for pynvml with two GPUs that does not answer what is hidden; ``asked`` are its calls."""
    asked: list[str] = []

    def answer(name: str, value: Any) -> Callable[..., Any]:
        def call(*_: Any) -> Any:
            asked.append(name)
            if name in hidden:
                raise NotToldError(name)
            return value

        return call

    functions: dict[str, Any] = {name: answer(name, value) for name, value in ANSWERS.items()}
    functions["nvmlDeviceGetHandleByIndex"] = lambda index: index
    functions["nvmlDeviceGetName"] = lambda handle: NAMES[handle]
    return SimpleNamespace(NVMLError=NotToldError, NVML_TEMPERATURE_GPU=0, asked=asked, **functions)


def read(monkeypatch: pytest.MonkeyPatch, nvml: SimpleNamespace | None, gpu_name: str = "") -> GpuReading | None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    return Machine(gpu_name).read().gpu


def test_a_gpu_that_tells_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, library()) == GpuReading("Small GPU", 0.37, 2_000, 8_000, 61, 250.5)


def test_of_several_gpus_the_one_that_is_used_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(monkeypatch, library(), "Large GPU")
    assert found is not None
    assert found.name == "Large GPU"


@pytest.mark.parametrize(
    ("hidden", "field"),
    [
        ("nvmlDeviceGetUtilizationRates", "use"),
        ("nvmlDeviceGetMemoryInfo", "memory_used"),
        ("nvmlDeviceGetTemperature", "temperature"),
        ("nvmlDeviceGetPowerUsage", "power"),
    ],
)
def test_each_figure_may_be_missing_alone(monkeypatch: pytest.MonkeyPatch, hidden: str, field: str) -> None:
    found = read(monkeypatch, library(hidden))
    assert found is not None
    missing = {name for name, value in vars(found).items() if value is None}
    assert missing == ({"memory_used", "memory_total"} if field == "memory_used" else {field})


@pytest.mark.parametrize("nvml", [None, library("nvmlInit"), library("nvmlDeviceGetCount")])
def test_without_an_answer_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch, nvml: SimpleNamespace | None) -> None:
    assert read(monkeypatch, nvml) is None


def test_processors_are_known_from_the_second_reading_on_and_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    machine = Machine()
    first, second = machine.read(), machine.read()
    assert first.cpu is None
    assert second.cpu is not None
    assert 0 <= second.cpu <= 1
    assert 0 < first.memory_used < first.memory_total == psutil.virtual_memory().total


def test_the_library_is_opened_once_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = library()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    machine = Machine()
    machine.read()
    machine.read()
    machine.close()
    assert nvml.asked.count("nvmlInit") == 1
    assert nvml.asked[-1] == "nvmlShutdown"
    assert machine.read().gpu is None
