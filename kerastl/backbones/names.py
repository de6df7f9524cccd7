"""The names of all backbones, without the seconds that it takes to import Keras."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from kerastl.errors import UsageError, did_you_mean


def require_name(name: str) -> None:
    """Make sure that a name is one of the constructors that Keras lists.

    Raises:
        UsageError: It is none.
    """
    known = _listed()
    if known and name not in known:
        raise UsageError(
            f"There is no backbone {name!r} in keras.applications. {did_you_mean(name, known)}"
        )


def _listed() -> set[str]:
    """Return the names in Keras's own list; none where it cannot be read."""
    found = find_spec("keras")
    if found is None or found.origin is None:
        return set()
    listed = Path(found.origin).parent / "applications" / "__init__.py"
    try:
        text = listed.read_text(encoding="utf-8")
    except OSError:
        return set()
    return set(re.findall(r"\b([A-Z]\w*) as \1\b", text))
