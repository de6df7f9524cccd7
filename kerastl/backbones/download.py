"""Fetches a file to a temporary name, goes on where it was broken off, checks it, then names it."""

from __future__ import annotations

import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path

import h5py
from filelock import FileLock

from kerastl.errors import WeightsError, one_line

Advance = Callable[[int, int], None]

_SILENCE = 30.0  # seconds without a byte after which a server is given up
_CHUNK = 2**18
_PARTIAL, _NO_SUCH_PLACE = 206, 416
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


def download(url: str, target: Path, checksum: str | None, advance: Advance) -> None:
    """Fetch a weights file; whatever happens on the way, the target is whole or not there.

    Args:
        url: Where it is.
        target: What it is to be. What has come of it so far lies beside it, and is gone on with the
            next time.
        checksum: Its MD5 or SHA-256 in hexadecimal; without one it has to be an HDF5 file at least.
        advance: Is told how many bytes there are by now, and how many there will be.

    Raises:
        WeightsError: It cannot be had whole, it is another file, or it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = target.with_name(f".{target.name}.lock")
        with FileLock(lock):
            try:
                # Two processes that fetch the same file: the second finds it there.
                if not target.is_file():
                    _fetch(url, target, checksum, advance)
            finally:
                lock.unlink(missing_ok=True)
    except (OSError, HTTPException) as error:
        raise WeightsError(f"{target.name} cannot be fetched: {one_line(error)}.") from error


def partial_path(target: Path) -> Path:
    """Return where a download that was broken off lies."""
    return target.with_name(f".partial-{target.name}")


def _fetch(url: str, target: Path, checksum: str | None, advance: Advance) -> None:
    partial = partial_path(target)
    _receive(url, partial, advance)
    difference = _difference(partial, checksum)
    if difference:
        # Going on with it would only end here again.
        partial.unlink()
        raise WeightsError(f"{target.name} from {url} {difference}. It was thrown away; try again.")
    os.replace(partial, target)


def _receive(url: str, partial: Path, advance: Advance) -> None:
    """Add to the partial file what it lacks."""
    begun = partial.stat().st_size if partial.is_file() else 0
    with _ask(url, begun) as answer:
        begun, total = _place(answer)
        with partial.open("r+b" if begun else "wb") as file:
            file.seek(begun)
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                advance(file.tell(), total)
            received = file.tell()
            file.truncate()
    if received < total:
        raise OSError(f"the connection broke off after {received:,} of {total:,} bytes")


def _ask(url: str, begun: int) -> HTTPResponse:
    """Ask for what comes after the bytes that there are; for all where a server has no such place.

    The last byte is asked for again, so that there is something to come where all were there.
    """
    begun = max(0, begun - 1)
    headers = {"Range": f"bytes={begun}-"} if begun else {}
    request = urllib.request.Request(url, headers=headers)
    try:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=_SILENCE)
    except urllib.error.HTTPError as error:
        if not begun or error.code != _NO_SUCH_PLACE:
            raise
        # What is here is of another file.
        return _ask(url, 0)
    return answer


def _place(answer: HTTPResponse) -> tuple[int, int]:
    """Return where in the file an answer begins, and how long the file is; 0 where nobody says."""
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if answer.status == _PARTIAL and found:
        return int(found[1]), int(found[2])
    return 0, int(answer.headers.get("Content-Length", 0))


def _difference(path: Path, checksum: str | None) -> str:
    """Return what is wrong with a file; empty where nothing is."""
    if checksum:
        found = checksum_of(path, checksum)
        return "" if found == checksum else f"has the checksum {found}, not {checksum}"
    return damage(path)


def damage(path: Path) -> str:
    """Say whether a file is cut off or no HDF5 file; empty where it is whole."""
    try:
        with h5py.File(path, "r"):
            return ""
    except OSError:
        return "is damaged or no HDF5 file"


def checksum_of(path: Path, like: str) -> str:
    """Return the checksum of a file, in hexadecimal, of the kind that another one is of."""
    kind = "md5" if len(like) == hashlib.md5(usedforsecurity=False).digest_size * 2 else "sha256"
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
