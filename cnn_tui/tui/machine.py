"""How busy this machine is: its GPU where NVIDIA's library answers, its processors and memory otherwise.

Reading takes milliseconds and is meant for a thread. Each figure may be missing alone: a partitioned GPU tells no
use, a laptop's no power.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psutil

_T = TypeVar("_T")


@dataclass(frozen=True)
class GpuReading:
    """A GPU at one moment; ``use`` from 0 to 1, memory in bytes, degrees Celsius, watts. None for what it hides."""

    name: str
    use: float | None
    memory_used: int | None
    memory_total: int | None
    temperature: int | None
    power: float | None


@dataclass(frozen=True)
class MachineReading:
    """A machine at one moment; ``cpu`` is the part of all cores that is busy, None at the first reading."""

    cpu: float | None
    memory_used: int
    memory_total: int
    gpu: GpuReading | None


class Machine:
    """Reads the figures of this machine, from one thread at a time.

    Args:
        gpu_name: the GPU that is used, as PyTorch calls it; of several, the first of this name is read.
    """

    def __init__(self, gpu_name: str = "") -> None:
        self.gpu_name = gpu_name
        self._nvml: Any = None
        self._handle: Any = None
        self._opened = False
        self._warm = False

    def read(self) -> MachineReading:
        """The figures of this moment."""
        if not self._opened:
            self._opened = True
            self._open_gpu()
        # The first answer of cpu_percent covers no time at all.
        cpu, warm = psutil.cpu_percent(interval=None) / 100, self._warm
        self._warm = True
        memory = psutil.virtual_memory()
        return MachineReading(cpu if warm else None, memory.total - memory.available, memory.total, self._gpu())

    def close(self) -> None:
        """Let go of NVIDIA's library."""
        if self._nvml is not None:
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
        self._nvml = self._handle = None

    def _open_gpu(self) -> None:
        try:
            import pynvml  # optional, and a tenth of a second where it is there
        except ImportError:
            return
        try:
            pynvml.nvmlInit()
            self._nvml, self._handle = pynvml, self._find(pynvml)
        except (pynvml.NVMLError, OSError):
            self._nvml = self._handle = None

    def _find(self, nvml: Any) -> Any:
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        named = [handle for handle in handles if _text(nvml.nvmlDeviceGetName(handle)) == self.gpu_name]
        return next(iter(named or handles), None)

    def _gpu(self) -> GpuReading | None:
        nvml, handle = self._nvml, self._handle
        if handle is None:
            return None
        use = self._ask(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)
        memory = self._ask(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        return GpuReading(
            name=self._ask(lambda: _text(nvml.nvmlDeviceGetName(handle))) or "GPU",
            use=use,
            memory_used=None if memory is None else int(memory.used),
            memory_total=None if memory is None else int(memory.total),
            temperature=self._ask(lambda: int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))),
            power=self._ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
        )

    def _ask(self, question: Callable[[], _T]) -> _T | None:
        try:
            return question()
        except self._nvml.NVMLError:
            return None


def _text(name: str | bytes) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name
