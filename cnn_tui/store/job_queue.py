"""The queue of the background service as an SQLite database: jobs that run, that were interrupted, and that wait.

Only the service writes it. Everyone else reads, also while no service is running.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.errors import QueueEntryNotFoundError, StorageError

EntryState = Literal["running", "interrupted", "waiting"]

_DAMAGED = ".damaged"
_VERSION = 1
_SCHEMA = """
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        position REAL NOT NULL,
        state TEXT NOT NULL,
        job TEXT NOT NULL,
        submitted REAL NOT NULL,
        started REAL,
        device TEXT NOT NULL DEFAULT '',
        command TEXT NOT NULL DEFAULT '',
        pid INTEGER,
        paused INTEGER NOT NULL DEFAULT 0,
        sessions TEXT NOT NULL DEFAULT '{}'
    )
"""
_ORDER = "CASE state WHEN 'running' THEN 0 WHEN 'interrupted' THEN 1 ELSE 2 END, position, id"
_BUSY_SECONDS = 5.0


class QueueEntry(BaseModel):
    """A job in the queue.

    Attributes:
        submitted, started: seconds since the epoch.
        device: what the job runs on, such as "cpu" or "cuda:1"; empty before it starts.
        command: run by the shell when the job has ended; may be empty.
        pid: the process that runs it.
        sessions: the sessions of its runs so far, by the index of the run.
    """

    model_config = ConfigDict(frozen=True)

    id: int
    state: EntryState
    job: Job
    submitted: float
    started: float | None = None
    device: str = ""
    command: str = ""
    pid: int | None = None
    paused: bool = False
    sessions: dict[int, str] = {}

    @property
    def name(self) -> str:
        """The name of the run or study."""
        return self.job.preset.name


class JobQueue:
    """The database of the queue, opened for writing.

    A damaged database is renamed, so that a new queue can start; see :func:`damaged_queue`.

    Raises:
        StorageError: it cannot be created or opened, or a newer version of the program has written it.
    """

    def __init__(self) -> None:
        path = queue_path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._database = _open(path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                _set_aside(path)
                self._database = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise _failure(error) from error

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def entries(self) -> list[QueueEntry]:
        """All entries: those running, those interrupted, those waiting, the next one first."""
        return _readable(self._execute(f"SELECT * FROM jobs ORDER BY {_ORDER}"))

    def counts(self) -> dict[EntryState, int]:
        """The number of entries in each state that there is."""
        rows = self._execute("SELECT state, COUNT(*) AS number FROM jobs GROUP BY state")
        return {row["state"]: row["number"] for row in rows}

    def waiting(self) -> list[QueueEntry]:
        """The waiting entries, the next one first."""
        return [entry for entry in self.entries() if entry.state == "waiting"]

    def get(self, number: int) -> QueueEntry:
        """The entry with this id.

        Raises:
            QueueEntryNotFoundError: there is none.
        """
        for entry in _readable(self._execute("SELECT * FROM jobs WHERE id = ?", number)):
            return entry
        raise QueueEntryNotFoundError(
            f"No job {number} in the queue", "It may have ended.", "'cnn-tui queue' lists all jobs."
        )

    def add(self, job: Job, command: str = "", *, first: bool = False) -> QueueEntry:
        """Add a job behind all waiting ones, or in front of them."""
        edge = "MIN(position) - 1" if first else "MAX(position) + 1"
        ((position,),) = self._execute(f"SELECT COALESCE({edge}, 0) FROM jobs")
        columns = "(position, state, job, submitted, command) VALUES (?, 'waiting', ?, ?, ?)"
        with self._connected() as database:
            cursor = database.execute(
                f"INSERT INTO jobs {columns}", (position, job.model_dump_json(), time.time(), command)
            )
            number = cursor.lastrowid
        assert number is not None
        return self.get(number)

    def move(self, number: int, index: int) -> None:
        """Move a waiting entry to an index among those waiting; 0 is the next to start."""
        entry = self._changeable(number)
        others = [other.id for other in self.waiting() if other.id != entry.id]
        others.insert(max(0, index), entry.id)
        with self._connected() as database:
            database.executemany("UPDATE jobs SET position = ? WHERE id = ?", list(enumerate(others)))

    def replace(self, number: int, job: Job) -> None:
        """Change the job of a waiting entry."""
        self._update(self._changeable(number).id, job=job.model_dump_json())

    def wait_again(self, number: int, job: Job) -> None:
        """Let an interrupted entry wait, in front of all others, with the job that continues it."""
        self._update(number, state="waiting", job=job.model_dump_json(), pid=None, started=None, device="", paused=0)
        self._update(number, sessions="{}")
        self.move(number, 0)

    def remove(self, number: int) -> None:
        """Remove an entry that has ended, was interrupted, or waits."""
        self._execute("DELETE FROM jobs WHERE id = ?", number)

    def clear(self) -> int:
        """Remove all waiting entries; return how many there were."""
        with self._connected() as database:
            return database.execute("DELETE FROM jobs WHERE state = 'waiting'").rowcount

    def start(self, number: int, device: str) -> None:
        """Record that a job has started."""
        self._update(number, state="running", device=device, started=time.time())

    def interrupt(self, number: int) -> None:
        """Record that a job was interrupted."""
        self._update(number, state="interrupted", pid=None, paused=0)

    def set_pid(self, number: int, pid: int | None) -> None:
        """Record the process that runs a job."""
        self._update(number, pid=pid)

    def set_paused(self, number: int, paused: bool) -> None:
        """Record that a job has paused, or goes on."""
        self._update(number, paused=int(paused))

    def set_sessions(self, number: int, sessions: dict[int, str]) -> None:
        """Record the sessions of a job's runs."""
        self._update(number, sessions=json.dumps(sessions))

    def _changeable(self, number: int) -> QueueEntry:
        entry = self.get(number)
        if entry.state != "waiting":
            raise QueueEntryNotFoundError(
                f"Job {number} is {entry.state}", "Only a waiting job can be changed or moved."
            )
        return entry

    def _update(self, number: int, **values: object) -> None:
        columns = ", ".join(f"{column} = ?" for column in values)
        self._execute(f"UPDATE jobs SET {columns} WHERE id = ?", *values.values(), number)

    def _execute(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with self._connected() as database:
            return database.execute(statement, values).fetchall()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """The database within a transaction."""
        try:
            with self._database:
                yield self._database
        except sqlite3.Error as error:
            raise _failure(error) from error


def queue_path() -> Path:
    """The file of the queue."""
    return paths.service_folder() / "queue.sqlite3"


def damaged_queue() -> Path | None:
    """The file of a queue that was damaged and has been replaced, None if there is none."""
    path = queue_path().with_name(queue_path().name + _DAMAGED)
    return path if path.exists() else None


def read_queue() -> list[QueueEntry]:
    """All entries, read without the service.

    Raises:
        StorageError: the queue cannot be read.
    """
    path = queue_path()
    if not path.exists():
        return []
    try:
        with closing(_connect(path)) as database:
            if _version(database) == 0:  # the service is about to create it
                return []
            return _readable(database.execute(f"SELECT * FROM jobs ORDER BY {_ORDER}"))
    except sqlite3.Error as error:
        raise _failure(error) from error


def _open(path: Path) -> sqlite3.Connection:
    database = _connect(path)
    version = _version(database)
    if version > _VERSION:
        database.close()
        raise StorageError(f"A newer version of cnn-tui has written {path}", hint="Update cnn-tui.")
    ((state,),) = database.execute("PRAGMA quick_check(1)").fetchall()
    if state != "ok":
        raise sqlite3.DatabaseError(str(state))
    if version < _VERSION:
        with database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(_SCHEMA)
            database.execute(f"PRAGMA user_version = {_VERSION}")
    return database


def _set_aside(path: Path) -> None:
    """Rename a damaged database, and remove what SQLite keeps beside it, which belongs to it."""
    path.replace(path.with_name(path.name + _DAMAGED))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _version(database: sqlite3.Connection) -> int:
    ((version,),) = database.execute("PRAGMA user_version").fetchall()
    return int(version)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    database.row_factory = sqlite3.Row
    return database


def _readable(rows: Iterable[sqlite3.Row]) -> list[QueueEntry]:
    """The entries of rows; those that this version cannot read are kept in the database and left out."""
    entries = []
    for row in rows:
        values: dict[str, Any] = dict(row)
        with suppress(ValueError):  # of json and of pydantic
            values["job"], values["sessions"] = json.loads(values["job"]), json.loads(values["sessions"])
            entries.append(QueueEntry.model_validate(values))
    return entries


def _failure(error: Exception) -> StorageError:
    return StorageError("The queue cannot be read or written", f"{queue_path()}: {error}.")
