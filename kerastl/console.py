"""What a person reads: lines and tables, on standard output unless that is kept for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from rich.console import Console
from rich.segment import Segment

from kerastl.errors import without_controls


class _HarmlessConsole(Console):
    """A console that shows what names of a stranger's file hold, and does nothing that they say."""

    def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
        for segment in super().render(*arguments, **options):
            if segment.control:
                yield segment
            else:
                yield segment._replace(text=without_controls(segment.text))


# Names between colons are names, and no emoji.
_plain = partial(_HarmlessConsole, highlight=False, soft_wrap=True, emoji=False)
# One object for the whole program, so that `--json` can send it to standard error.
console: Console = _plain()


def say(line: str) -> None:
    """Print one line; square brackets are taken as they are."""
    console.print(line, markup=False)


def note(line: str) -> None:
    """Print one line on standard error, where it is in nobody's way."""
    _plain(stderr=True).print(line, markup=False)


def counted(number: int, what: str) -> str:
    """Return `1 photo`, `2 photos`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
