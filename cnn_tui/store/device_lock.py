"""One job at a time on each device, whichever process of this account runs it."""

from __future__ import annotations

import contextlib
import os

from filelock import FileLock, Timeout

from cnn_tui import paths
from cnn_tui.formatting import printable


class DeviceLock:
    """A lock on a device such as "cpu" or "cuda:0"; the system releases it when its process ends.

    Where no lock can be created, on a read-only disk for example, every process gets it.
    """

    def __init__(self, device: str, job: str) -> None:
        """Prepare a lock; ``job`` is the name by which others learn who has it."""
        self.device = device
        path = paths.service_folder() / f"device-{device.replace(':', '-')}.lock"
        self._job = job
        self._holder = path.with_suffix(".txt")
        self._lock = FileLock(path, thread_local=False)

    def acquire(self) -> bool:
        """Try to get the device; return whether that succeeded."""
        try:
            self._holder.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._holder.write_text(f"{self._job} (process {os.getpid()})", encoding="utf-8")
        except Timeout:
            return False
        except OSError:
            return True
        return True

    def holder(self) -> str:
        """The job that has the device."""
        with contextlib.suppress(OSError):
            return printable(self._holder.read_text(encoding="utf-8", errors="replace"))
        return "another job"

    def release(self) -> None:
        """Give the device back."""
        self._lock.release()
