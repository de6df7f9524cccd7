"""The mistakes a person can mend: each is one line that says what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# What a terminal takes for a command; lines and columns are none.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class KerastlError(Exception):
    """A mistake that is told in one line, without a traceback."""

    exit_status = 1


class UsageError(KerastlError):
    """A recipe, a setting or an option that does not exist or has an impossible value."""

    exit_status = 2


class DataError(KerastlError):
    """Photos or labels that cannot be used."""


class WeightsError(KerastlError):
    """Weights that are missing or do not fit the backbone."""


class TrainingError(KerastlError):
    """Training that cannot come to anything."""


class RunDirectoryError(KerastlError):
    """A run directory that is missing, incomplete, in the way, or cannot be written."""


class ExportError(KerastlError):
    """An export that does not answer as the model does, or that cannot be opened."""


def one_line(error: BaseException, most: int = 200) -> str:
    """Return the text of somebody else's error as one line of at most so many characters."""
    return " ".join(str(error).split())[:most]


def without_controls(text: str) -> str:
    """Return a text, which a stranger may have written, without what commands a terminal."""
    return CONTROLS.sub("", text)


def cause(error: BaseException) -> str:
    """Return somebody else's error as one line that begins with its kind."""
    return f"{type(error).__name__}: {one_line(error)}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the sentence that offers the nearest of the known names, or all of them."""
    known = sorted(known)
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean {nearest[0]!r}?" if nearest else f"Known: {', '.join(known)}."
