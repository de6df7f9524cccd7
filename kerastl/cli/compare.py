"""`kerastl compare`: how runs differ, and whether by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from kerastl import runs
from kerastl.cli.options import json_option, print_json
from kerastl.errors import UsageError

if TYPE_CHECKING:
    from kerastl.evaluation.comparison import Difference, SplitScores
    from kerastl.evaluation.outcome import Outcome
    from kerastl.rundir import RunDirectory

_EXAMPLES = """\b
Examples:
  kerastl compare runs/candy-20260131-120000 runs/candy-20260131-130000
  kerastl compare runs/mine/seed-0 runs/mine/seed-1 runs/mine/seed-2
  kerastl compare runs/plain candy --json
"""


class _Pair(NamedTuple):
    """How a later run differs from the first on a split."""

    split: str
    run: str
    against: str
    difference: Difference

    def line(self) -> str:
        return self.difference.line(self.run, self.against, self.split)

    def as_json(self) -> dict[str, Any]:
        about = {"split": self.split, "run": self.run, "against": self.against}
        return about | self.difference.as_json() | {"text": self.line()}


@click.command(epilog=_EXAMPLES)
@click.argument("names", metavar="RUN RUN...", nargs=-1)
@json_option
def compare(names: tuple[str, ...], as_json: bool) -> None:
    """Show how RUNs differ: run directories, or a recipe's name for its newest run.

    What differs in their settings, their scores and seconds. Scores have 95 % intervals: accuracy
    that of a share (Wilson, 1927), macro-F1 by the bootstrap (Efron & Tibshirani, 1993). Each later
    run is tested against the first on the photos that are in the same split of both (McNemar,
    1947): with a p below 0.05 they differ by more than chance.
    """
    directories = _directories(names)
    from kerastl.evaluation.outcome import differing, read_outcome, require_alike

    outcomes = [read_outcome(directory) for directory in directories]
    require_alike(outcomes)
    settings, pairs = differing(outcomes), _pairs(outcomes)
    scores = [outcome.scores() for outcome in outcomes]
    _show(outcomes, settings, scores, pairs)
    if as_json:
        found = {
            "runs": [outcome.name for outcome in outcomes],
            "settings": settings,
            "scores": [{split: one.as_json() for split, one in some.items()} for some in scores],
            "differences": [pair.as_json() for pair in pairs],
            "seconds": [outcome.seconds for outcome in outcomes],
        }
        print_json(found)


def _directories(names: Sequence[str]) -> list[RunDirectory]:
    """Return two or more runs."""
    found = [runs.find(name) for name in names]
    if len({one.path.resolve() for one in found}) < max(2, len(found)):
        raise UsageError("Name two or more runs, and none of them twice.")
    return found


def _pairs(outcomes: Sequence[Outcome]) -> list[_Pair]:
    from kerastl.evaluation.comparison import difference

    first, *others = outcomes
    return [
        _Pair(split, other.name, first.name, difference(before, other.predictions[split]))
        for split, before in first.predictions.items()
        for other in others
        if split in other.predictions
    ]


def _show(
    outcomes: Sequence[Outcome],
    settings: Mapping[str, Sequence[str | None]],
    scores: Sequence[Mapping[str, SplitScores]],
    pairs: Sequence[_Pair],
) -> None:
    """Print the tables, and in words what is meant."""
    from kerastl.console import console, say
    from kerastl.evaluation.tables import compared_scores, compared_times, setting_table

    names = _short(outcomes)
    if settings:
        console.print(setting_table(names, settings))
    else:
        say("The settings of all are the same.")
    for split in dict.fromkeys(split for some in scores for split in some):
        of_split = {
            name: some[split] for name, some in zip(names, scores, strict=True) if split in some
        }
        say("")
        console.print(compared_scores(split, of_split))
        for name, one in of_split.items():
            if one.caution:
                say(f" {name}: {one.caution}")
    say("")
    seconds = (outcome.seconds for outcome in outcomes)
    console.print(compared_times(dict(zip(names, seconds, strict=True))))
    for number, pair in enumerate(pairs):
        say(pair.line() if number else f"\n{pair.line()}")


def _short(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the names of the runs' folders, or where these are the same their whole paths."""
    names = [Path(outcome.name).name for outcome in outcomes]
    return names if len({*names}) == len(names) else [outcome.name for outcome in outcomes]
