"""Scores, timings and what differs between runs as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from kerastl.clock import BEFORE, TOTAL

# What compares runs reads no models, and does not wait for what scores them.
if TYPE_CHECKING:
    from rich.console import JustifyMethod

    from kerastl.evaluation.comparison import SplitScores
    from kerastl.evaluation.scores import Scores

_FIGURES = {"accuracy": "accuracy", "macro_f1": "macro-F1", "loss": "loss"}


def score_table(scores: Mapping[str, Scores]) -> Table:
    """Return one row a split."""
    table = _table("Scores", "split", ["images", *_FIGURES.values()])
    for split, some in scores.items():
        figures = (f"{getattr(some, name):.3f}" for name in _FIGURES)
        table.add_row(Text(split), str(some.images), *figures)
    return table


def seed_table(
    split: str,
    scores: Mapping[int, Scores],
    mean: Mapping[str, float],
    deviation: Mapping[str, float],
) -> Table:
    """Return one row for each seed, and below them mean and standard deviation of each figure."""
    table = _table(f"Scores ({split})", "seed", ["images", *_FIGURES.values()])
    for seed, some in scores.items():
        figures = (f"{getattr(some, name):.3f}" for name in _FIGURES)
        table.add_row(str(seed), str(some.images), *figures)
    for title, row in {"mean": mean, "standard deviation": deviation}.items():
        table.add_row(title, "", *(f"{row[name]:.3f}" for name in _FIGURES), style="bold")
    return table


def class_table(split: str, scores: Scores) -> Table:
    """Return one row a class."""
    has_average = any(one.average_precision is not None for one in scores.by_class)
    more = ["average precision"] if has_average else []
    table = _table(f"Classes ({split})", "class", ["images", "precision", "recall", "F1", *more])
    for one in scores.by_class:
        values: list[float | None] = [one.precision, one.recall, one.f1]
        values += [one.average_precision] if has_average else []
        figures = ("" if value is None else f"{value:.3f}" for value in values)
        table.add_row(Text(one.name), str(one.images), *figures)
    return table


def time_table(seconds: Mapping[str, float]) -> Table:
    """Return one row for each part of the work."""
    return compared_times({"seconds": seconds})


def compared_times(runs: Mapping[str, Mapping[str, float]]) -> Table:
    """Return one row for each part of the work, and a column for each run."""
    table = _table_of_runs("Seconds", "part", runs, "right")
    parts = dict.fromkeys(part for seconds in runs.values() for part in seconds)
    # What is several parts together comes last, also where the last run has a part of its own.
    for part in sorted(parts, key=lambda part: (part in (BEFORE, TOTAL), part == TOTAL)):
        values = [f"{some[part]:.1f}" if part in some else "" for some in runs.values()]
        # What was not to be done has taken no time.
        if {*values} - {"", "0.0"}:
            table.add_row(Text(part), *values, style="bold" if part in (BEFORE, TOTAL) else "")
    return table


def setting_table(runs: Iterable[str], settings: Mapping[str, Sequence[str | None]]) -> Table:
    """Return one row for each setting, and a column for each run; what a run lacks is a dash."""
    table = _table_of_runs("Settings that differ", "setting", runs, "left")
    for path, values in settings.items():
        table.add_row(Text(path), *(Text("-" if value is None else value) for value in values))
    return table


def compared_scores(split: str, runs: Mapping[str, SplitScores]) -> Table:
    """Return one row for each run, by its name."""
    title = f"Scores ({split}), with 95 % intervals"
    table = _table(title, "run", ["images", *_FIGURES.values()])
    first, *others = table.columns
    # Where it is narrow, a name is in two lines, and no figure.
    first.overflow = "fold"
    for column in others:
        column.no_wrap = True
    for name, some in runs.items():
        figures = (str(some.accuracy), str(some.macro_f1), f"{some.loss:.3f}")
        table.add_row(Text(name), str(some.images), *figures)
    return table


def _table(title: str, first: str, figures: Iterable[str]) -> Table:
    """Return a table without rows; columns after the first are aligned to the right."""
    table = Table(box=None, title=Text(title, style="bold"), title_justify="left")
    table.add_column(first)
    for name in figures:
        table.add_column(name, justify="right")
    return table


def _table_of_runs(title: str, first: str, runs: Iterable[str], justify: JustifyMethod) -> Table:
    """Return a table without rows, a column for each run; where it is narrow, only these wrap."""
    table = _table(title, first, [])
    table.columns[0].no_wrap = True
    for name in runs:
        table.add_column(Text(name), justify=justify, overflow="fold")
    return table
