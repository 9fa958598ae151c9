"""The load of this machine: its processors and memory, and its GPU if NVIDIA's library is available.

A reading takes milliseconds, in a thread. Any of its numbers may be missing: a partitioned GPU does not report its
utilization, that of a laptop not its power.
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
    """The load of a GPU: ``use`` from 0 to 1, memory in bytes, degrees Celsius, watts. None if not reported."""

    name: str
    use: float | None
    memory_used: int | None
    memory_total: int | None
    temperature: int | None
    power: float | None


@dataclass(frozen=True)
class MachineReading:
    """The load of a machine; ``cpu`` is the busy fraction of all cores, None in the first reading."""

    cpu: float | None
    memory_used: int
    memory_total: int
    gpu: GpuReading | None


class Machine:
    """Reads the load of this machine, from one thread at a time.

    Args:
        gpu_name: the GPU in use, as PyTorch names it; the first of this name is read, or the first of all.
    """

    def __init__(self, gpu_name: str = "") -> None:
        self.gpu_name = gpu_name
        self._nvml: Any = None
        self._handle: Any = None
        self._started = False

    def read(self) -> MachineReading:
        """The current load."""
        first = not self._started
        if first:
            self._started = True
            self._open_gpu()
        cpu = psutil.cpu_percent(interval=None) / 100  # since the last call, meaningless the first time
        memory = psutil.virtual_memory()
        return MachineReading(None if first else cpu, memory.total - memory.available, memory.total, self._read_gpu())

    def close(self) -> None:
        """Release NVIDIA's library."""
        if self._nvml is not None:
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()
        self._nvml = self._handle = None

    def _open_gpu(self) -> None:
        try:
            import pynvml  # optional, and takes 0.1 s to import
        except ImportError:
            return
        try:
            pynvml.nvmlInit()
            self._nvml, self._handle = pynvml, self._find_gpu(pynvml)
        except (pynvml.NVMLError, OSError):
            self._nvml = self._handle = None

    def _find_gpu(self, nvml: Any) -> Any:
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        named = [handle for handle in handles if _decoded(nvml.nvmlDeviceGetName(handle)) == self.gpu_name]
        return next(iter(named or handles), None)

    def _read_gpu(self) -> GpuReading | None:
        nvml, handle = self._nvml, self._handle
        if handle is None:
            return None
        memory = self._query(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        return GpuReading(
            name=self._query(lambda: _decoded(nvml.nvmlDeviceGetName(handle))) or "GPU",
            use=self._query(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
            memory_used=None if memory is None else int(memory.used),
            memory_total=None if memory is None else int(memory.total),
            temperature=self._query(lambda: int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))),
            power=self._query(lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
        )

    def _query(self, query: Callable[[], _T]) -> _T | None:
        try:
            return query()
        except self._nvml.NVMLError:
            return None


def _decoded(name: str | bytes) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else name
