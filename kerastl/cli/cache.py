"""`kerastl cache`: what runs have computed and kept for later ones."""

from __future__ import annotations

import click

_EXAMPLES = """\b
Examples:
  kerastl cache list
  kerastl cache clear
  KERASTL_CACHE_LIMIT=50GB kerastl run candy
"""


@click.group(epilog=_EXAMPLES)
def cache() -> None:
    """List and clear what runs keep for later ones: decoded photos, features of frozen layers.

    What was not used for longest goes first when there is more than KERASTL_CACHE_LIMIT, 10GB by
    itself. It is all computed anew where it is missing.
    """


@cache.command("list", epilog="\b\nExamples:\n  kerastl cache list")
def list_() -> None:
    """List what is kept, its size, and when it was last used."""
    from datetime import datetime

    from rich.filesize import decimal
    from rich.table import Table

    from kerastl.cache import Cache
    from kerastl.console import console, say

    kept = Cache()
    table = Table(box=None, header_style="bold")
    table.add_column("kept", overflow="fold")
    table.add_column("size", justify="right")
    table.add_column("last used")
    for one in kept.kept():
        used = datetime.fromtimestamp(one.used).strftime("%Y-%m-%d %H:%M")
        table.add_row(one.name, decimal(one.size), used)
    console.print(table)
    say(f"\n{decimal(kept.size())} of at most {decimal(kept.limit)} in {kept.folder}")


@cache.command(epilog="\b\nExamples:\n  kerastl cache clear")
def clear() -> None:
    """Remove all that is kept; runs that are going on are not disturbed."""
    from rich.filesize import decimal

    from kerastl.cache import Cache
    from kerastl.console import say

    kept = Cache()
    say(f"Removed {decimal(kept.clear())} from {kept.folder}")
