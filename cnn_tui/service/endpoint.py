"""Where the background service listens, and who may connect to it: only processes of the same account."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import struct
import sys
import tempfile
from asyncio.trsock import TransportSocket
from pathlib import Path

from filelock import FileLock

from cnn_tui import paths
from cnn_tui.errors import ServiceError, StorageError
from cnn_tui.store.files import write_atomic

AVAILABLE = hasattr(socket, "AF_UNIX") and sys.platform != "win32"
"""Whether this system has Unix domain sockets."""

LOG_NAME = "service.log"
_ADDRESS_FILE = "address"
_LOCK_FILE = "service.lock"


def service_lock() -> FileLock:
    """The lock that the service of this account and machine holds while it runs."""
    return FileLock(paths.service_folder() / _LOCK_FILE, timeout=0, thread_local=False)


def listen() -> socket.socket:
    """Listen on a new socket, and publish its path; the caller holds :func:`service_lock`, so an old socket is stale.

    Raises:
        ServiceError: the folder of the socket belongs to someone else.
        StorageError: the path cannot be published.
    """
    # A socket's path has at most about 100 characters: it cannot be in just any folder.
    name = hashlib.sha256(str(paths.service_folder()).encode()).hexdigest()[:16]
    path = _runtime_folder() / f"{name}.sock"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(64)
    # Published, because the variables that decide about the folder differ between a desktop, SSH and cron.
    write_atomic(paths.service_folder() / _ADDRESS_FILE, f"{path}\n")
    return listener


def withdraw(listener: socket.socket) -> None:
    """Remove the file of the socket of :func:`listen`, before it is closed."""
    Path(listener.getsockname()).unlink(missing_ok=True)


def connected_socket() -> socket.socket | None:
    """A connection to the running service, None if there is none.

    Raises:
        ServiceError: the socket is that of another account.
    """
    try:
        address = (paths.service_folder() / _ADDRESS_FILE).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        return None
    if not is_same_account(connection):
        connection.close()
        raise ServiceError("The socket of the service belongs to another account", address, f"Remove {address}.")
    return connection


def is_same_account(connection: socket.socket | TransportSocket) -> bool:
    """Whether the process at the other end runs under our account; True where the system cannot say.

    The socket's folder is private too, so this only guards against a folder that was made accessible.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return bool(user == os.getuid())


def _runtime_folder() -> Path:
    """A folder that only we can enter."""
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    if base and os.access(base, os.W_OK):
        folder = Path(base) / "cnn-tui"
    else:
        folder = Path(tempfile.gettempdir()) / f"cnn-tui-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StorageError(f"Cannot create {folder}", str(error)) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        detail = f"{folder} is not a folder that only you can enter."
        raise ServiceError(
            "The service has no safe folder for its socket", detail, "Remove it, or set XDG_RUNTIME_DIR."
        )
    return folder
