"""Damaged files of every format, decoded: ``python tests/fuzz_images.py 30000 [first number]``.

Nothing but UnreadableImageError may come out of a decoder, nothing may be printed, and what is decoded has the size
that was asked for. A file is made from its number, so that each can be made again. They are decoded in a process of
their own: one that crashes or hangs is told and followed by another.
"""

from __future__ import annotations

import collections
import faulthandler
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnn_tui.engine.data.decode import UnreadableImageError, decode, stored_size, value_extent
from image_files import ENDINGS, Source, damaged, sources

_LONGEST = 30  # seconds for a file
_MEMORY = 4 << 30
_OPENED = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO", "PBM", "PGM", "PNG", "PPM", "TIFF", "WEBP")
_OFTEN = 6
_READY = "ready"
_CRASHED = "the process crashed or hung"


class Case(NamedTuple):
    """A damaged file."""

    number: int
    source: str
    harm: str
    ending: str
    data: bytes


class Outcome(NamedTuple):
    """What came of a file: "decoded", "refused" with the reason, or "wrong" with what is wrong."""

    number: int
    source: str
    harm: str
    verdict: str
    detail: str
    seconds: float


def cases(first: int, count: int) -> Iterator[Case]:
    """The files of these numbers, most of them of the formats that are opened."""
    known = sources()
    formats: dict[str, list[Source]] = collections.defaultdict(list)
    for source in known:
        formats[source.name.split()[0]].append(source)
    names = [name for name in sorted(formats) for _ in range(_OFTEN if name in _OPENED else 1)]
    for number in range(first, first + count):
        chance = random.Random(number)
        source = chance.choice(formats[chance.choice(names)])
        harm, data = damaged(source.data, chance, known)
        ending = source.ending if chance.random() < 0.5 else chance.choice(ENDINGS)
        yield Case(number, source.name, harm, ending, data)


def judge(case: Case, folder: Path, printed: Path) -> Outcome:
    """Decode a file in all ways; ``printed`` is where the process's output goes."""
    path = folder / f"case{case.ending}"
    path.write_bytes(case.data)
    before, began = printed.stat().st_size, time.perf_counter()
    try:
        verdict, detail = "decoded", _decoded(str(path), random.Random(case.number), _keeps_its_size(case.data))
    except UnreadableImageError as error:
        verdict, detail = "refused", str(error)
    except BaseException:  # noqa: BLE001 whatever it is, it is what is looked for
        verdict, detail = "wrong", traceback.format_exc()
    seconds = time.perf_counter() - began
    if printed.stat().st_size != before:
        verdict, detail = "wrong", f"printed {printed.read_bytes()[before:][:300]!r}"
    return Outcome(case.number, case.source, case.harm, verdict, detail, seconds)


def _keeps_its_size(data: bytes) -> bool:
    """Whether the head tells the size of what follows: HEIF may contradict itself, and is read as it follows."""
    return data[4:8] != b"ftyp" or data[8:12] == b"avif"


def _decoded(path: str, chance: random.Random, keeps_its_size: bool) -> str:
    """Check what a file gives; its size in words."""
    problems: list[UnreadableImageError] = []
    head = None
    try:
        head = stored_size(path)
    except UnreadableImageError as error:
        problems.append(error)
    extent = value_extent(path)
    assert extent is None or (np.isfinite(extent).all() and extent[0] <= extent[1]), extent
    picture = decode(path, None)
    assert not problems, f"decoded, but its head was refused: {problems}"
    assert picture.dtype == np.uint8
    assert picture.ndim == picture.shape[2] == 3
    assert picture.shape[:2] == head or not keeps_its_size, (picture.shape, head)
    size = chance.randint(1, 50), chance.randint(1, 50)
    resized = decode(path, size)
    assert resized.dtype == np.uint8
    assert resized.shape == (*size, 3)
    assert np.array_equal(decode(path, None), picture)
    return f"{picture.shape[0]}x{picture.shape[1]}"


def _work(first: int, count: int) -> None:
    """Judge files in this process and write each outcome, a line of JSON, to what was its standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with tempfile.TemporaryDirectory() as name, os.fdopen(os.dup(1), "w") as told:
        printed = Path(name) / "printed"
        target = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(target, 1)
        os.dup2(target, 2)
        told.write(f"{_READY}\n")
        for case in cases(first, count):
            faulthandler.dump_traceback_later(_LONGEST, exit=True)
            outcome = judge(case, Path(name), printed)
            faulthandler.cancel_dump_traceback_later()
            told.write(json.dumps(outcome) + "\n")
            told.flush()


def outcomes(first: int, count: int) -> Iterator[Outcome]:
    """What comes of the files of these numbers."""
    end = first + count
    while first < end:
        command = [sys.executable, __file__, "--work", str(first), str(end - first)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            if process.stdout.readline().strip() != _READY:
                raise RuntimeError("the process does not start")
            for line in process.stdout:
                yield Outcome(*json.loads(line))
                first += 1
        if first < end:
            case = next(cases(first, 1))
            yield Outcome(first, case.source, case.harm, "wrong", f"{_CRASHED}: {process.returncode}", 0.0)
            first += 1


def report(found: list[Outcome]) -> Iterator[str]:
    """Counts for each format, the slowest file and all that is wrong."""
    formats = collections.Counter(one.source.split()[0] for one in found)
    counts = collections.Counter((one.source.split()[0], one.verdict) for one in found)
    for name, count in sorted(formats.items()):
        parts = (f"{counts[name, verdict]:6,} {verdict}" for verdict in ("decoded", "refused", "wrong"))
        yield f"{name:9} {count:6,}: {', '.join(parts)}"
    slowest = max(found, key=lambda one: one.seconds)
    yield f"slowest: {slowest.seconds:.2f} s, number {slowest.number}, {slowest.source}, {slowest.harm}"
    for one in found:
        if one.verdict == "wrong":
            yield f"WRONG {one.number} {one.source}, {one.harm}: {one.detail}"
    yield f"{len(found):,} files, {sum(one.verdict == 'wrong' for one in found)} wrong"


def main(arguments: list[str]) -> int:
    """Exit status 1 if anything is wrong."""
    if arguments[:1] == ["--work"]:
        _work(int(arguments[1]), int(arguments[2]))
        return 0
    count, first = int(arguments[0]), int(arguments[1]) if arguments[1:] else 0
    found = list(outcomes(first, count))
    sys.stdout.writelines(f"{line}\n" for line in report(found))
    return int(any(one.verdict == "wrong" for one in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
