"""Scores and timings as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from kerastl.clock import BEFORE, TOTAL
from kerastl.evaluation.scores import Scores


def score_table(scores: Mapping[str, Scores]) -> Table:
    """Return one row a split."""
    table = Table("split", box=None, title="Scores", title_justify="left", title_style="bold")
    for name in ("images", "accuracy", "macro-F1", "loss"):
        table.add_column(name, justify="right")
    for split, some in scores.items():
        figures = (f"{value:.3f}" for value in (some.accuracy, some.macro_f1, some.loss))
        table.add_row(Text(split), str(some.images), *figures)
    return table


def class_table(split: str, scores: Scores) -> Table:
    """Return one row a class."""
    title = f"Classes ({split})"
    table = Table("class", box=None, title=title, title_justify="left", title_style="bold")
    has_average = any(one.average_precision is not None for one in scores.by_class)
    more = ["average precision"] if has_average else []
    for name in ("images", "precision", "recall", "F1", *more):
        table.add_column(name, justify="right")
    for one in scores.by_class:
        values: list[float | None] = [one.precision, one.recall, one.f1]
        values += [one.average_precision] if has_average else []
        figures = ("" if value is None else f"{value:.3f}" for value in values)
        table.add_row(Text(one.name), str(one.images), *figures)
    return table


def time_table(seconds: Mapping[str, float]) -> Table:
    """Return one row for each part of the work."""
    table = Table("part", box=None, title="Seconds", title_justify="left", title_style="bold")
    table.add_column("seconds", justify="right")
    for part, value in seconds.items():
        style = "bold" if part in (BEFORE, TOTAL) else ""
        table.add_row(part, f"{value:.1f}", style=style)
    return table
