"""The list of files that runs leave out, in the folder of the photos; nothing is ever removed."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from kerastl.files import write_text

QUARANTINE = "quarantine.txt"

_HEAD = """\
# Files that kerastl leaves out, one a line, as paths in this folder. `kerastl check` writes those
# that are no photos, each with the reason after a tab; lines without one are yours, and stay.
"""


def quarantined(root: Path) -> set[str]:
    """Return the paths of the files that a folder's list names; none where there is no list."""
    return {os.path.normpath(os.path.join(root, name)) for name, _ in _lines(root)}


def quarantine(root: Path, reasons: Mapping[str, str], names: Collection[str]) -> bool:
    """Write a folder's list, which keeps what a person has added, and files not looked at now.

    Args:
        root: The folder of the photos.
        reasons: Why the files of these paths are no photos.
        names: The paths of all files that were looked at.

    Returns:
        Whether there is a list now.

    Raises:
        RunDirectoryError: It cannot be written.
    """
    looked_at = {os.path.relpath(path, root) for path in names}
    found = {os.path.relpath(path, root): reason for path, reason in reasons.items()}
    rows = [f"{name}\t{reason}" for name, reason in found.items() if _fits_a_line(name)]
    kept = [
        f"{name}\t{reason}" if reason else name
        for name, reason in _lines(root)
        # Other manifests may be of the same folder.
        if not reason or (name not in looked_at and (root / name).is_file())
    ]
    rows = kept + rows
    path = root / QUARANTINE
    if rows:
        text = _HEAD + "".join(f"{row}\n" for row in rows)
        if not path.is_file() or path.read_text(encoding="utf-8", errors="surrogateescape") != text:
            write_text(path, text)
    else:
        path.unlink(missing_ok=True)
    return bool(rows)


def _fits_a_line(name: str) -> bool:
    return not any(mark in name for mark in "\n\r\t") and not name.startswith("#")


def _lines(root: Path) -> list[tuple[str, str]]:
    """Return name and reason of each line; the reason is empty where a person wrote it."""
    try:
        text = (root / QUARANTINE).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    rows = (line.partition("\t") for line in text.split("\n"))
    return [(name, reason) for name, _, reason in rows if name.strip() and name[0] != "#"]
