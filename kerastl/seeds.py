"""A recipe run with several seeds, one after the other: how much of its scores is chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import attrs

from kerastl import runs
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.errors import UsageError
from kerastl.evaluation.scores import Scores
from kerastl.flow import Run, run
from kerastl.preparation import inputs_of
from kerastl.recipe import Recipe
from kerastl.stage_rules import AUTO
from kerastl.training.given import Callbacks
from kerastl.validators import is_whole

# Figures by split: accuracy, macro-F1 (0..1) and loss (nats).
Figures = dict[str, dict[str, float]]


@attrs.frozen(eq=False)
class SeedRuns:
    """What came of the runs of a recipe with several seeds.

    Args:
        runs: The runs by their seeds.
    """

    runs: Mapping[int, Run]

    @property
    def mean(self) -> Figures:
        """The mean of accuracy, macro-F1 and loss over the seeds, by split."""
        return self._figures(mean)

    @property
    def deviation(self) -> Figures:
        """Their standard deviation, of a sample (n - 1), by split."""
        return self._figures(stdev)

    def by_split(self) -> dict[str, dict[int, Scores]]:
        """Return the scores of each seed, by those splits that all runs have."""
        first, *others = self.runs.values()
        return {
            split: {seed: one.scores[split] for seed, one in self.runs.items()}
            for split in first.scores
            if all(split in other.scores for other in others)
        }

    def _figures(self, of: Callable[[Sequence[float]], float]) -> Figures:
        return {
            split: {
                name: of([getattr(one, name) for one in scores.values()])
                for name in ("accuracy", "macro_f1", "loss")
            }
            for split, scores in self.by_split().items()
        }

    def as_json(self) -> dict[str, Any]:
        """Return the runs, mean and standard deviation, made of what JSON has."""
        return {
            "runs": [{"seed": seed, **one.as_json()} for seed, one in self.runs.items()],
            "mean": _rounded(self.mean),
            "standard_deviation": _rounded(self.deviation),
        }


def _rounded(figures: Figures) -> Figures:
    return {
        split: {name: round(value, 4) for name, value in some.items()}
        for split, some in figures.items()
    }


def run_seeds(
    recipe: Recipe,
    seeds: int,
    output: Path | str | None = None,
    *,
    overwrite: bool = False,
    exporting: bool = True,
    overfitting: bool = False,
    tensorboard: bool = False,
    callbacks: Callable[[Recipe], Callbacks] | None = None,
    clock: Clock | None = None,
    file: Path | None = None,
) -> SeedRuns:
    """Run a recipe with its seed and those that follow, each in a run directory of its own.

    All that a seed decides is decided anew each time: the splits that the data do not give, first
    weights, order, dropout, augmentation. Where a run fails, those before it stay.

    Args:
        recipe: What to run.
        seeds: How many seeds, from 2.
        output: The folder of the run directories, `seed-0` and so on; new ones under `runs/` unless
            it is given.
        overwrite: Whether earlier runs in those may be replaced.
        exporting: Whether SavedModels are written.
        overfitting: Whether one batch has to be learned by heart first, and forgotten again.
        tensorboard: Whether the command that shows each run in TensorBoard is said.
        callbacks: Makes the Keras callbacks of each run, as of `run`, from its recipe; objects are
            for one run alone.
        clock: When the work began, if before this call; the seconds of later runs are their own.
        file: The recipe's file, to be kept beside what came of it.

    Raises:
        KerastlError: A mistake in the recipe, the data, the weights or the output.
    """
    if not is_whole(seeds) or seeds < 2:
        raise UsageError(f"seeds must be a number of seeds from 2, not {seeds!r}.")
    if callbacks is not None and not callable(callbacks):
        raise UsageError("callbacks of several runs has to be a function that makes those of each.")
    recipes = [attrs.evolve(recipe, seed=recipe.seed + number) for number in range(seeds)]
    folders = [Path(output) / f"seed-{one.seed}" if output else None for one in recipes]
    # What is in the way of a later run is told before the first.
    for folder in folders:
        runs.check_free(folder, overwrite, inputs_of(recipe, file))
    done: dict[int, Run] = {}
    how: dict[str, Any] = {"overwrite": overwrite, "exporting": exporting, "file": file}
    how |= {"overfitting": overfitting, "tensorboard": tensorboard}
    for one, folder in zip(recipes, folders, strict=True):
        say(f"Seed {one.seed}, run {len(done) + 1} of {seeds}")
        how["callbacks"] = callbacks(one) if callbacks else ()
        result = run(_sized(one, done), folder, clock=None if done else clock, **how)
        _tell(one.seed, result)
        done[one.seed] = result
    return SeedRuns(done)


def _sized(recipe: Recipe, done: Mapping[int, Run]) -> Recipe:
    """Return the recipe with the batch size that the first run has found, if it has."""
    if not done or recipe.batch_size != AUTO:
        return recipe
    first = next(iter(done.values()))
    return attrs.evolve(recipe, batch_size=first.directory.require("recipe")["batch_size"])


def _tell(seed: int, result: Run) -> None:
    """Say what came of a run, which is to be known also where a later one fails."""
    split, scores = list(result.scores.items())[-1]
    figures = f"accuracy {scores.accuracy:.3f}, macro-F1 {scores.macro_f1:.3f}"
    say(f"Seed {seed}: {split} {figures}, loss {scores.loss:.3f}, in {result.directory.path}\n")
