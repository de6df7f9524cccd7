"""The trained model and its photos -> scores, figures, and the end of the logs."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from kerastl.backbones.inference import Compiled, compiled
from kerastl.data.photos import Photos
from kerastl.evaluation.calibration import calibration, fit_temperature
from kerastl.evaluation.figures import draw_confusion, draw_curves
from kerastl.evaluation.mistakes import draw_mistakes
from kerastl.evaluation.scores import Scores
from kerastl.evaluation.scoring import Evaluation, evaluate
from kerastl.files import replacing
from kerastl.recipe import Recipe
from kerastl.record import Record
from kerastl.rundir import RunDirectory
from kerastl.training.model import with_temperature
from kerastl.training.state import State


def calibrated(
    model: keras.Model, validation: Photos, recipe: Recipe, record: Record
) -> keras.Model:
    """Return a model with a temperature that makes its probabilities true, which is written down.

    Args:
        model: From photos of 0..255 to logits.
        validation: What the temperature is fitted on.
        recipe: Its batch size.
        record: The run's.
    """
    (logits,) = compiled(model)(validation.images, recipe.photos_a_step, "calibrating")
    temperature = fit_temperature(logits, validation.labels)
    record.values["temperature"] = temperature
    return with_temperature(model, temperature)


def report_on(
    model: Compiled, photos: Mapping[str, Photos], recipe: Recipe, state: State, record: Record
) -> dict[str, Scores]:
    """Score a model on the photos that it has not learned from, and write down what came of it.

    Args:
        model: From photos of 0..255 to logits.
        photos: Those of each split.
        recipe: Its batch size.
        state: What training has reached.
        record: The run's.

    Returns:
        The scores of each split that has photos.

    Raises:
        RunDirectoryError: The disk is full, or the place cannot be written.
    """
    directory, classes = record.directory, record.values["classes"]
    found = {
        name: evaluate(
            model, some, classes, name, recipe.photos_a_step, directory.predictions(name)
        )
        for name, some in photos.items()
        if name != "train" and len(some)
    }
    scores = {name: one.scores for name, one in found.items()}
    _draw(directory, scores, state)
    record.logs.write_end(_images(directory, found, photos), model.graph(), state.best_epoch)
    # Without a temperature nothing has been divided.
    temperature = record.values.get("temperature", 1.0)
    off = {
        name: calibration(one.logits * temperature, photos[name].labels, temperature)
        for name, one in found.items()
    }
    record.update(scores={name: some.as_json() for name, some in scores.items()}, calibration=off)
    return scores


def _draw(directory: RunDirectory, scores: Mapping[str, Scores], state: State) -> None:
    with replacing(directory.report / "training_curves.png") as partial:
        draw_curves(state.rows, partial)
    for split, some in scores.items():
        with replacing(directory.confusion(split)) as partial:
            draw_confusion(some, split, partial)


def _images(
    directory: RunDirectory, found: Mapping[str, Evaluation], photos: Mapping[str, Photos]
) -> dict[str, bytes]:
    """Return what TensorBoard shows beside the history, as PNG files by their names."""
    # The test split where there is one: the validation split has chosen the epoch.
    last = [*found][-1]
    mistakes = draw_mistakes(found[last], photos[last].images)
    return {
        **{f"confusion/{split}": directory.confusion(split).read_bytes() for split in found},
        **{f"mistakes_{last}/{title}": png for title, png in mistakes.items()},
    }
