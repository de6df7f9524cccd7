"""What a person names on the command line -> files; none is opened, without TensorFlow."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Sequence

import attrs

from kerastl.data.files import files_in
from kerastl.errors import DataError

STDIN = "-"
# What is no text has such bytes among its first.
_NO_TEXT, _FIRST = b"\0", 1024


@attrs.frozen
class Given:
    """Photos that are to be looked at.

    Args:
        files: The paths of files.
        photo: The bytes of one more, which came through standard input.
    """

    files: tuple[str, ...]
    photo: bytes | None = attrs.field(default=None, repr=False)


def gathered(paths: Sequence[str]) -> Given:
    """Find what paths mean.

    Args:
        paths: Files, folders of them however deep, patterns such as `photos/**/*.jpg`, and `-` for
            standard input: a photo, or paths, one a line.

    Raises:
        DataError: A path does not exist that is no line of standard input, or there is no file.
    """
    photo, lines = _from_stdin() if STDIN in paths else (None, [])
    files = [file for path in paths if path != STDIN for file in _files(path)]
    for line in lines:
        # Of a list that another program has made, one that is gone by now is left out later.
        files += files_in(line) if os.path.isdir(line) else [line]
    if not files and photo is None:
        raise DataError(f"There are no files in {_named(paths)}.")
    # A pattern means a file by its own name, and by that of each folder that it is in.
    once = {os.path.normpath(file): file for file in reversed(files)}
    return Given(tuple(reversed(once.values())), photo)


def _named(paths: Sequence[str]) -> str:
    return ", ".join("standard input" if path == STDIN else path for path in paths)


def _from_stdin() -> tuple[bytes | None, list[str]]:
    given = sys.stdin.buffer.read()
    if _NO_TEXT in given[:_FIRST]:
        return given, []
    return None, [line for line in os.fsdecode(given).splitlines() if line.strip()]


def _files(path: str) -> list[str]:
    if os.path.isdir(path):
        return files_in(path)
    if os.path.lexists(path):
        return [path]
    found = sorted(glob.glob(path, recursive=True))
    if not found:
        raise DataError(f"There is no file or folder {path!r}.")
    return [file for one in found for file in (files_in(one) if os.path.isdir(one) else [one])]
