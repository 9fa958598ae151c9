"""Work that threads do ahead of whoever takes its results, in order."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

WORKERS = os.cpu_count() or 1
"""How many threads work at once; Pillow and PyTorch let go of the interpreter's lock meanwhile."""

_S = TypeVar("_S")
_T = TypeVar("_T")


def in_parallel(
    work: Callable[[_S], _T], items: Iterable[_S], ahead: int, workers: int = WORKERS
) -> Generator[_T, None, None]:
    """The results of ``work`` in the order of ``items``, computed by threads, at most ``ahead`` before their turn."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="ahead")
    try:
        futures = (pool.submit(work, item) for item in items)
        begun = deque(itertools.islice(futures, ahead))
        while begun:
            result = begun.popleft().result()
            begun.extend(itertools.islice(futures, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
