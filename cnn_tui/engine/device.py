"""Where a run computes and in which number format, and what that machine is."""

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

from cnn_tui.amounts import some
from cnn_tui.config.experiment import TrainingConfig
from cnn_tui.errors import ConfigError
from cnn_tui.events import Environment

_FAST = 1.5  # how many times quicker bfloat16 must be before it is chosen by itself
_TRIALS = 4

# Tensors of 2 MiB and more lie in huge pages where Linux gives them to who asks, which saves most page faults. PyTorch
# reads this when it first makes one; whoever sets it to 0 beforehand keeps small pages.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


@dataclass(frozen=True)
class Compute:
    """A device and the number format of its matrix arithmetic; weights and losses stay float32."""

    device: torch.device
    dtype: torch.dtype

    @property
    def precision(self) -> str:
        """The format by its name in the configuration."""
        return "bfloat16" if self.dtype is torch.bfloat16 else "float32"

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which the network's forward pass runs."""
        if self.dtype is torch.bfloat16:
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()


def compute(config: TrainingConfig) -> Compute:
    """Settle what ``auto`` means here.

    Raises:
        ConfigError: the device that was asked for is not there.
    """
    device = _device(config.device)
    # Where float32 is asked for it is meant, and not the 19 bits that convolutions would make of it on newer GPUs.
    torch.backends.cudnn.allow_tf32 = False
    if config.precision == "auto":
        return Compute(device, torch.bfloat16 if bfloat16_is_fast(device) else torch.float32)
    return Compute(device, torch.bfloat16 if config.precision == "bfloat16" else torch.float32)


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
            f"training.device asks for '{name}', and PyTorch sees {some(count, f'{device.type.upper()} device')}.",
            "Set training.device to auto or cpu, or run 'cnn-tui doctor' to see why.",
        )
    return device


@functools.cache
def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether the device has arithmetic for bfloat16; a processor is asked by a short trial (some 50 ms)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == "mps":
        return False
    with one_thread():
        trials = [(_matmul_seconds(torch.float32), _matmul_seconds(torch.bfloat16)) for _ in range(_TRIALS)]
    single, half = (min(column) for column in zip(*trials, strict=True))
    return bool(single > _FAST * half)


def _matmul_seconds(dtype: torch.dtype, size: int = 512) -> float:
    """One multiplication of square matrices, in seconds of the processor: other programs must not decide."""
    matrix = torch.ones(size, size, dtype=dtype)
    matrix @ matrix
    started = time.thread_time()
    matrix @ matrix
    return time.thread_time() - started


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the processor's arithmetic in this thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def peak_memory(device: torch.device) -> int:
    """The most bytes that were in use: on the GPU since :func:`reset_peak_memory`, else by this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # POSIX only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reset_peak_memory(device: torch.device) -> None:
    """Begin a new measurement, where the device can."""
    if device.type == "cuda":
        torch.cuda.init()  # type: ignore[no-untyped-call]
        torch.cuda.reset_peak_memory_stats(device)


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken on the device."""
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # by PyTorch, for what comes
        return torch.cuda.mem_get_info(device)[0] + held
    return psutil.virtual_memory().available


def synchronize(device: torch.device) -> None:
    """Wait for what the device was given to do; a processor has done it already."""
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
    """What a person would call the device."""
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
