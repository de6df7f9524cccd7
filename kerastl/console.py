"""What a person reads: lines and tables, on standard output unless that is kept for JSON."""

from __future__ import annotations

from rich.console import Console

# One object for the whole program, so that `--json` can send it to standard error.
console = Console(highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """Print one line; square brackets are taken as they are."""
    console.print(line, markup=False)


def note(line: str) -> None:
    """Print one line on standard error, where it is in nobody's way."""
    Console(highlight=False, soft_wrap=True, stderr=True).print(line, markup=False)


def counted(number: int, what: str) -> str:
    """Return `1 photo`, `2 photos`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
