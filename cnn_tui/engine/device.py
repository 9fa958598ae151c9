"""The device and precision of a run, and a description of the machine."""

from __future__ import annotations

import functools
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil
import torch

from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.errors import ConfigError
from cnn_tui.events import Environment
from cnn_tui.formatting import pluralize

_MIN_SPEEDUP = 1.5  # of bfloat16 over float32, for "auto" to choose it
_EMULATED = 4.0  # times slower than float32: such a processor has no instructions for bfloat16
_TRIALS = 4
_ALLOCATION_FAILURES = ("DefaultCPUAllocator", "MPS backend out of memory", "CUBLAS_STATUS_ALLOC_FAILED")

# Lets PyTorch request huge pages on Linux for tensors of 2 MiB and more, which avoids most page faults. It is read at
# the first allocation; users can set it to 0 to keep small pages.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


@dataclass(frozen=True)
class Compute:
    """A device and the precision of its matrix arithmetic; weights and losses stay float32."""

    device: torch.device
    dtype: torch.dtype

    @property
    def precision(self) -> str:
        """The precision by its name in the configuration."""
        return "bfloat16" if self.dtype is torch.bfloat16 else "float32"

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which the network's forward pass runs."""
        if self.dtype is torch.bfloat16:
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()


def compute(config: TrainingConfig) -> Compute:
    """Resolve ``auto`` for this machine.

    Raises:
        ConfigError: the requested device does not exist.
    """
    device = _device(config.device)
    # float32 means float32: cuDNN would otherwise use TF32 (19 bits) for convolutions on newer GPUs.
    torch.backends.cudnn.allow_tf32 = False
    if config.precision == "auto":
        return Compute(device, torch.bfloat16 if bfloat16_is_fast(device) else torch.float32)
    return Compute(device, torch.bfloat16 if config.precision == "bfloat16" else torch.float32)


def device_key(name: str) -> str:
    """The device that ``training.device`` stands for on this machine, such as "cpu" or "cuda:0"; it need not exist."""
    device = torch.device(name) if name != "auto" else _device(name)
    if device.type == "cuda" and device.index is None and torch.cuda.is_available():
        return f"cuda:{torch.cuda.current_device()}"
    return str(device)


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    count = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}[device.type]
    if (device.index or 0) >= count:
        raise ConfigError(
            f"There is no device '{name}' here",
            f"training.device asks for '{name}', and PyTorch sees {pluralize(count, f'{device.type.upper()} device')}.",
            "Set training.device to auto or cpu, or run 'cnn-tui doctor' to see why.",
        )
    return device


@functools.cache
def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether the device is fast in bfloat16; on the CPU this is measured, in some 50 ms at most."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == "mps":
        return False
    with one_thread():
        single, half = _fastest_matmuls(128)
        if half > _EMULATED * single:  # large matrices would take it seconds
            return False
        single, half = _fastest_matmuls(512)
    return single > _MIN_SPEEDUP * half


def _fastest_matmuls(size: int) -> tuple[float, float]:
    """Seconds of a multiplication in float32 and in bfloat16: the least of several trials, taken in turns."""
    trials = [(_matmul_seconds(torch.float32, size), _matmul_seconds(torch.bfloat16, size)) for _ in range(_TRIALS)]
    return min(single for single, _ in trials), min(half for _, half in trials)


def _matmul_seconds(dtype: torch.dtype, size: int) -> float:
    """CPU time of one multiplication of square matrices; wall time would depend on other programs."""
    matrix = torch.ones(size, size, dtype=dtype)
    matrix @ matrix
    started = time.thread_time()
    matrix @ matrix
    return time.thread_time() - started


@contextmanager
def one_thread() -> Iterator[None]:
    """Run PyTorch's CPU arithmetic in this thread only."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def peak_memory(device: torch.device) -> int:
    """The peak of bytes in use: on the GPU since :func:`reset_peak_memory`, else by this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # POSIX only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reset_peak_memory(device: torch.device) -> None:
    """Start a new measurement, where the device supports it."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.cuda.reset_peak_memory_stats(device)


def free_memory(device: torch.device) -> int:
    """Bytes that can still be allocated on the device."""
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # cached by PyTorch
        return torch.cuda.mem_get_info(device)[0] + held
    return psutil.virtual_memory().available


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory did not suffice, on the device or outside of it.

    Only CUDA has a type for it: allocators of other devices, and CUDA's libraries, raise a plain ``RuntimeError``.
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _ALLOCATION_FAILURES)


def release_memory() -> None:
    """Return memory that PyTorch keeps for later to the devices, for allocations of other sizes."""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its work; the CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def environment(chosen: Compute) -> Environment:
    """Describe this machine for the record of a run."""
    return Environment(
        program=version("cnn-tui"),
        python=platform.python_version(),
        torch=torch.__version__,
        torchvision=version("torchvision"),
        platform=platform.platform(terse=True),
        device=str(chosen.device),
        device_name=device_name(chosen.device),
        precision=chosen.precision,
        cpu_count=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
    )


def device_name(device: torch.device) -> str:
    """The marketing name of the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return _processor_name() if device.type == "cpu" else "Apple GPU"


@functools.cache
def _processor_name() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
