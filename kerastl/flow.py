"""The whole run on one page: recipe -> data -> model -> stages -> evaluation -> export."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import keras

from kerastl import rundir
from kerastl.backbones.inference import compiled
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.data.photos import Photos, read_photos
from kerastl.errors import DataError, RunDirectoryError
from kerastl.evaluation.figures import draw_confusion, draw_curves
from kerastl.evaluation.scores import Scores
from kerastl.recipe import Recipe, Splits
from kerastl.record import Record
from kerastl.rundir import RunDirectory
from kerastl.serving.saved_model import export, next_version
from kerastl.trained import evaluate, recipe_of
from kerastl.training.model import build
from kerastl.training.normalization import estimate_statistics
from kerastl.training.parts import split_and_freeze
from kerastl.training.stages import train
from kerastl.training.state import State, assign


@attrs.frozen(eq=False)
class Run:
    """What came of a run.

    Args:
        directory: Where everything of it is.
        classes: Their names, in the order of the logits.
        scores: By split.
        export: The SavedModel's folder, if it was asked for.
        weights: Which weights the backbone started from.
        seconds: By part of the work, and `total`.
    """

    directory: RunDirectory
    classes: tuple[str, ...]
    scores: Mapping[str, Scores]
    export: Path | None
    weights: str
    seconds: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the run made of what JSON has."""
        return {
            "run": str(self.directory.path),
            "export": str(self.export) if self.export else None,
            "weights": self.weights,
            "scores": {split: scores.summary() for split, scores in self.scores.items()},
            "seconds": dict(self.seconds),
        }


def run(
    recipe: Recipe,
    output: Path | str | None = None,
    *,
    overwrite: bool = False,
    exporting: bool = True,
    clock: Clock | None = None,
    file: Path | None = None,
) -> Run:
    """Run a recipe: train, evaluate, export.

    Args:
        recipe: What to run.
        output: The run directory; a new one under `runs/` unless it is given.
        overwrite: Whether an earlier run in that folder may be replaced.
        exporting: Whether a SavedModel is written.
        clock: When the work began, if before this call.
        file: The recipe's file, to be kept beside what came of it.

    Raises:
        KerastlError: A mistake in the recipe, the data, the weights or the output.
    """
    clock = clock or Clock()
    directory = rundir.create(recipe.name, Path(output) if output else None, overwrite)
    if file:
        with rundir.replacing(directory.recipe) as partial:
            shutil.copyfile(file, partial)
    return _go(recipe, Record.begin(directory, recipe, clock), State(), exporting)


def resume(name: str, *, exporting: bool = True, clock: Clock | None = None) -> Run:
    """Go on with a run that was broken off, from its last checkpoint.

    Args:
        name: The run directory, or a recipe's name for its newest run.
        exporting: Whether a SavedModel is written.
        clock: When the work began, if before this call.

    Raises:
        KerastlError: There is no such run, or it cannot be gone on with.
    """
    directory = rundir.find(name)
    values = directory.read_record()
    if values.get("status") == "finished":
        raise RunDirectoryError(f"{directory.path} is finished; there is nothing to resume.")
    recipe = recipe_of(directory)
    state = State.load(directory.checkpoint) if directory.checkpoint.is_file() else State()
    if state.epoch:
        say(f"Resuming {directory.path} after epoch {state.epoch}")
    return _go(recipe, Record(directory, clock or Clock(), values), state, exporting)


def rehearse(recipe: Recipe) -> None:
    """Do all of a run that comes before training, and write nothing.

    Raises:
        KerastlError: A mistake in the recipe, the data or the weights.
    """
    splits = recipe.data.load(recipe.seed)
    _read(recipe, splits)
    network = build(recipe, len(splits.classes))
    say(f"Weights: {network.weights}")
    say(f"Classes: {', '.join(splits.classes)}")
    for stage in recipe.stages:
        say(split_and_freeze(network.model, stage.unfreeze).describe(stage))


def _go(recipe: Recipe, record: Record, state: State, exporting: bool) -> Run:
    with record.running():
        clock, directory = record.clock, record.directory
        keras.utils.set_random_seed(recipe.seed)

        with clock.part("data"):
            splits = recipe.data.load(recipe.seed)
            photos = _read(recipe, splits)
            record.add_data(splits.classes, photos)

        with clock.part("model"):
            network = build(recipe, len(splits.classes))
            say(f"Weights: {network.weights}")
            record.update(weights=network.weights.name, weights_reason=network.weights.reason)

            if network.weights.name is None:
                estimate_statistics(network.model, photos["train"].images, recipe.seed)

        try:
            learning = (photos["train"], photos["validation"])
            train(network.model, recipe, learning, record.save_state, clock, state)
        finally:
            # Also where training is broken off: what was learned so far is of use.
            if state.best_epoch:
                _keep_best(network.model, state, record)

        model = compiled(network.model)
        with clock.part("evaluation"):
            scores = {
                name: evaluate(model, some, splits.classes, name, recipe.batch_size)
                for name, some in photos.items()
                if name != "train" and len(some)
            }
            _draw(directory, scores, state)
            record.update(scores={name: some.as_json() for name, some in scores.items()})

        exported = None
        if exporting:
            with clock.part("export"):
                exported = next_version(directory.export)
                export(model, splits.classes, exported)
                record.update(export=str(exported))
    weights = network.weights.name or "none"
    return Run(directory, splits.classes, scores, exported, weights, clock.report())


def _read(recipe: Recipe, splits: Splits) -> dict[str, Photos]:
    """Read the three splits, name what is no photo, and make sure of something to learn from."""
    photos = {
        name: read_photos(split, recipe.backbone.image_size, f"reading {name} photos")
        for name, split in splits.by_name().items()
    }
    skipped = [one for some in photos.values() for one in some.skipped]
    for one in skipped:
        say(f"Skipped {one.name}: {one.reason}")
    for name in ("train", "validation"):
        if not len(photos[name]):
            raise DataError(f"There are no usable {name} photos in {recipe.data}.")
    counts = ", ".join(f"{len(some)} {name}" for name, some in photos.items())
    say(f"Photos: {counts}; {len(skipped)} files skipped")
    return photos


def _keep_best(model: keras.Model, state: State, record: Record) -> None:
    """Store the best epoch's model."""
    assign(model.variables, state.best)
    with rundir.replacing(record.directory.model) as partial:
        model.save(partial)
    record.update(best_epoch=state.best_epoch, epochs=state.epoch)


def _draw(directory: RunDirectory, scores: Mapping[str, Scores], state: State) -> None:
    with rundir.replacing(directory.report / "training_curves.png") as partial:
        draw_curves(state.rows, partial)
    for split, some in scores.items():
        with rundir.replacing(directory.report / f"confusion_{split}.png") as partial:
            draw_confusion(some, split, partial)
