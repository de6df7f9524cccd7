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
    names = {name for name, _ in map(_parted, _lines(root)) if name}
    return {os.path.normpath(os.path.join(root, name)) for name in names}


def quarantine(root: Path, reasons: Mapping[str, str], names: Collection[str]) -> bool:
    """Write a folder's list, which keeps what a person has added, and files not looked at now.

    Args:
        root: The folder of the photos.
        reasons: Why the files of these paths are no photos.
        names: The paths of all files that were looked at.

    Returns:
        Whether the list names a file now.

    Raises:
        RunDirectoryError: It cannot be written.
    """
    looked_at = {os.path.relpath(path, root) for path in names}
    found = {os.path.relpath(path, root): reason for path, reason in reasons.items()}
    found = {name: reason for name, reason in found.items() if _fits_a_line(name)}
    lines = _kept(root, found, looked_at)
    listed = {name for name, reason in map(_parted, lines) if reason}
    lines += [f"{name}\t{reason}" for name, reason in found.items() if name not in listed]
    path = root / QUARANTINE
    if any(line.strip() for line in lines):
        text = _HEAD + "".join(f"{line}\n" for line in lines)
        if not path.is_file() or path.read_text(encoding="utf-8", errors="surrogateescape") != text:
            write_text(path, text)
    else:
        path.unlink(missing_ok=True)
    return any(_parted(line)[0] for line in lines)


def _kept(root: Path, found: Mapping[str, str], looked_at: Collection[str]) -> list[str]:
    """Return the lines of a list that stay, each where it is."""
    kept = []
    for line in _lines(root):
        name, reason = _parted(line)
        if name in found and reason:
            kept.append(f"{name}\t{found[name]}")
        # Other manifests may be of the same folder.
        elif not reason or (name not in looked_at and (root / name).is_file()):
            kept.append(line)
    return kept


def _fits_a_line(name: str) -> bool:
    return not any(mark in name for mark in "\n\r\t") and not name.startswith("#")


def _lines(root: Path) -> list[str]:
    """Return the lines of a list, without those that it begins with."""
    try:
        text = (root / QUARANTINE).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    ours = _HEAD.splitlines()
    return [line for line in text.removesuffix("\n").split("\n") if line not in ours]


def _parted(line: str) -> tuple[str, str]:
    """Return a line's file and reason; both are empty of a remark, the latter of a person's."""
    name, _, reason = line.partition("\t")
    return (name, reason) if name.strip() and name[0] != "#" else ("", "")
