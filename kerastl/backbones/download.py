"""Fetches a file to a temporary name, goes on where it was broken off, checks it, then names it."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path

import h5py
from filelock import FileLock

from kerastl.errors import WeightsError, one_line
from kerastl.files import cache_folder

Advance = Callable[[int, int], None]

_SILENCE = 30.0  # seconds without a byte after which a server is given up
_CHUNK = 2**18
_OK, _PARTIAL, _PAST_THE_END = 200, 206, 416


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
        # Two processes that fetch the same file: the second finds it there.
        with FileLock(_lock(target)):
            if not target.is_file():
                _fetch(url, target, checksum, advance)
    except (OSError, HTTPException) as error:
        raise WeightsError(f"{target.name} cannot be fetched: {one_line(error)}.") from error


def _lock(target: Path) -> Path:
    folder = cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{target.name}.lock"


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
    try:
        answer = _ask(url, begun)
    except urllib.error.HTTPError as error:
        if error.code != _PAST_THE_END:
            raise
        # There is nothing after what is here: it is whole, or it is of another file.
        return
    with answer:
        if answer.status != _PARTIAL:
            begun = 0
        rest = answer.headers.get("Content-Length")
        total = begun + int(rest) if rest else 0
        with partial.open("ab" if begun else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                advance(file.tell(), total)
            received = file.tell()
    if received < total:
        raise OSError(f"the connection broke off after {received:,} of {total:,} bytes")


def _ask(url: str, begun: int) -> HTTPResponse:
    headers = {"Range": f"bytes={begun}-"} if begun else {}
    request = urllib.request.Request(url, headers=headers)
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=_SILENCE)
    return answer


def _difference(path: Path, checksum: str | None) -> str:
    """Return what is wrong with a file; empty where nothing is."""
    if checksum:
        found = checksum_of(path, checksum)
        return "" if found == checksum else f"has the checksum {found}, not {checksum}"
    return "" if h5py.is_hdf5(path) else "is no HDF5 file"


def checksum_of(path: Path, like: str) -> str:
    """Return the checksum of a file, in hexadecimal, of the kind that another one is of."""
    kind = "md5" if len(like) == hashlib.md5(usedforsecurity=False).digest_size * 2 else "sha256"
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
