"""Writes files and folders as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from kerastl.errors import RunDirectoryError

_PARTIAL, _LOCK = ".partial-", ".lock"


def cache_folder() -> Path:
    """Return where kerastl keeps what it has made: `KERASTL_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("KERASTL_CACHE") or platformdirs.user_cache_dir("kerastl"))


def keras_folder() -> Path:
    """Return the folder where Keras keeps the weights it has downloaded."""
    home = os.environ.get("KERAS_HOME", os.path.join("~", ".keras"))
    return Path(home).expanduser() / "models"


def absolute(path: str) -> Path:
    """Return a path from the root, with `~` and `..` as what they mean; links stay links."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def require_place(target: Path, beginning: bytes) -> None:
    """Make sure, before long work, that a file can be written, and takes no other one's place.

    Args:
        target: The file.
        beginning: How files of its kind begin.

    Raises:
        RunDirectoryError: There is a file of another kind, or the folder cannot be written.
    """
    folder = target.absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
        kept = target.exists() and (
            not target.is_file() or target.read_bytes()[: len(beginning)] != beginning
        )
    except OSError as error:
        raise RunDirectoryError(f"Cannot write {target}: {reason(error)}.") from error
    if not writable:
        raise RunDirectoryError(f"Cannot write {target}: {folder} is not yours to write to.")
    if kept:
        raise RunDirectoryError(f"{target} exists and is something else; name another file.")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep every other process from writing to a folder meanwhile.

    What a process that was killed has left half written is removed.

    Raises:
        RunDirectoryError: Another process is at it, or the place cannot be written.
    """
    from filelock import FileLock, Timeout

    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Whoever may write to the folder may do so after its owner.
        lock = FileLock(folder / _LOCK, blocking=False, mode=0o666)
        lock.acquire()
    except Timeout:
        raise RunDirectoryError(
            f"{folder} is being written by another process; wait for its end."
        ) from None
    except OSError as error:
        raise RunDirectoryError(f"Cannot write {folder}: {reason(error)}.") from error
    try:
        for path in folder.glob(f"{_PARTIAL}*"):
            _remove(path)
        yield
    finally:
        try:
            # Elsewhere the file of the lock stays: another process may have opened it.
            if is_new and [path.name for path in folder.glob("*")] == [_LOCK]:
                # While it is locked nobody else is in it.
                _remove(folder)
        finally:
            lock.release()


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a path to write to, which takes the target's place when the block ends well.

    Whatever happens on the way, the target is the whole old or the whole new one.

    Raises:
        RunDirectoryError: The disk is full, or the place cannot be written.
    """
    partial = target.with_name(f"{_PARTIAL}{os.getpid()}-{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, target)
    except OSError as error:
        raise RunDirectoryError(
            f"Cannot write {target}: {reason(error)}. What was written before is kept."
        ) from error
    finally:
        _remove(partial)


def write_text(target: Path, text: str) -> None:
    """Write a text file as a whole or not at all."""
    with replacing(target) as partial:
        # Names of files need not be text.
        partial.write_text(text, encoding="utf-8", errors="surrogateescape")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """Return what the system says of a failed write, without the name of the file."""
    return error.strerror or str(error).partition("\n")[0]
