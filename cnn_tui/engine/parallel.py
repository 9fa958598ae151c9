"""Mapping a function over items in threads, ahead of the consumer and in order."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

WORKERS = os.cpu_count() or 1
"""The number of threads; Pillow and PyTorch release the GIL while they work."""

_S = TypeVar("_S")
_T = TypeVar("_T")


def in_parallel(
    work: Callable[[_S], _T], items: Iterable[_S], ahead: int, workers: int = WORKERS
) -> Generator[_T, None, None]:
    """The results of ``work`` in the order of ``items``, computed by threads, at most ``ahead`` of the consumer.

    Unlike ``Executor.map``, which submits all items at once, this bounds how many results wait in memory.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="ahead")
    try:
        futures = (pool.submit(work, item) for item in items)
        pending = deque(itertools.islice(futures, ahead))
        while pending:
            result = pending.popleft().result()
            pending.extend(itertools.islice(futures, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
