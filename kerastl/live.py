"""A bar with rate and time left while long work goes on, where there is a terminal to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from kerastl.console import console


class _RateColumn(ProgressColumn):
    """Photos a second."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        return Text(f"{rate:,.0f} photos/s" if rate else "")


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar with rate and time left while the block runs; nothing where there is no terminal.

    Args:
        description: What is being done.
        total: How many photos it will be done to.

    Yields:
        A function to be told how many more photos are done.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(description, total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def downloads() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Show a bar for each of the files that are fetched in the block; nothing without a terminal.

    Yields:
        From a file's name, a function to be told how many bytes of it there are and will be. Files
        may be fetched in several threads.
    """
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )

    def bar(name: str) -> Callable[[int, int], None]:
        task = bars.add_task(name, total=None)
        return lambda done, total: bars.update(task, completed=done, total=total or None)

    with bars:
        yield bar
