"""What came of a run, read from its directory without its model, to be compared with others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from kerastl import settings
from kerastl.data.lock import read_lock
from kerastl.errors import DataError, RunDirectoryError
from kerastl.evaluation.comparison import SplitScores, scored
from kerastl.evaluation.predictions import Predictions, read_predictions
from kerastl.rundir import RunDirectory

# What decides scores and seconds beside the recipe, by its key in a run's record.
_BESIDE = ("weights", "device", "python", "versions")


@attrs.frozen(eq=False)
class Outcome:
    """What came of a run.

    Args:
        directory: The run's.
        classes: The names of its classes.
        multi_label: Whether a photo has any number of labels.
        settings: The recipe's values as text, by their paths; and what else decides.
        predictions: What was said of the photos of each split.
        losses: Mean cross-entropy in nats of each split.
        seconds: By part of the work.
    """

    directory: RunDirectory
    classes: tuple[str, ...]
    multi_label: bool
    settings: Mapping[str, str]
    predictions: Mapping[str, Predictions] = attrs.field(repr=False)
    losses: Mapping[str, float]
    seconds: Mapping[str, float]

    @property
    def name(self) -> str:
        """The path of the run's directory, as it was given."""
        return str(self.directory.path)

    def scores(self) -> dict[str, SplitScores]:
        """Return the scores of each split, with their intervals."""
        return {split: scored(some, self.losses[split]) for split, some in self.predictions.items()}


def read_outcome(directory: RunDirectory) -> Outcome:
    """Read what came of a run.

    Raises:
        RunDirectoryError: The run has no scores or predictions, or what it wrote is damaged.
    """
    record = directory.read_record()
    scores = record.get("scores")
    if not scores:
        raise RunDirectoryError(
            f"{directory.path} has no scores yet (status: {record.get('status', 'unknown')}). "
            f"Finish it with: kerastl run --resume {directory.path}"
        )
    classes = tuple(directory.require("classes"))
    multi_label = bool(record.get("multi_label", False))
    recipe = settings.recorded(directory.require("recipe"))
    beside = {key: record[key] for key in _BESIDE if key in record}
    return Outcome(
        directory,
        classes,
        multi_label,
        dict(settings.paths(recipe | beside)),
        _predictions(directory, scores, classes, multi_label),
        {split: float(some["loss"]) for split, some in scores.items()},
        record.get("seconds", {}),
    )


def _predictions(
    directory: RunDirectory,
    scores: Mapping[str, Mapping[str, Any]],
    classes: Sequence[str],
    multi_label: bool,
) -> dict[str, Predictions]:
    """Return the predictions of each split; a photo is known by its bytes, or else by its name."""
    lock = read_lock(directory.splits)
    ids = dict(zip(lock.names, lock.ids, strict=True))
    found = {}
    for split, some in scores.items():
        path = directory.predictions(split)
        try:
            told = read_predictions(path, classes, multi_label)
            if len(told) != some["images"]:
                raise RunDirectoryError(
                    f"{path} is damaged: it has {len(told)} photos, not {some['images']}."
                )
        except RunDirectoryError as error:
            raise RunDirectoryError(
                f"{error} Write it anew with: kerastl evaluate {directory.path}"
            ) from error
        found[split] = attrs.evolve(told, photos=tuple(ids.get(one) or one for one in told.photos))
    return found


def require_alike(outcomes: Sequence[Outcome]) -> None:
    """Make sure that the runs tell the same classes apart.

    Raises:
        DataError: They do not, or photos of one alone have any number of labels.
    """
    first = outcomes[0]
    for other in outcomes[1:]:
        if {*other.classes} != {*first.classes}:
            raise DataError(
                f"{other.name} tells {', '.join(other.classes)} apart, and "
                f"{first.name} {', '.join(first.classes)}; name runs of the same classes."
            )
        if other.multi_label != first.multi_label:
            several, single = sorted((first, other), key=lambda one: not one.multi_label)
            raise DataError(
                f"Photos of {several.name} have any number of labels, and those of "
                f"{single.name} have one; name runs of the same kind."
            )


def differing(outcomes: Sequence[Outcome]) -> dict[str, list[str | None]]:
    """Return the settings that are not the same in all runs: a value for each run, or None."""
    paths = dict.fromkeys(path for outcome in outcomes for path in outcome.settings)
    rows = {path: [outcome.settings.get(path) for outcome in outcomes] for path in paths}
    return {path: values for path, values in rows.items() if len({*values}) > 1}
