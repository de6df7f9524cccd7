"""The whole run on one page: recipe -> data -> model -> stages -> evaluation -> export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import keras

from kerastl import runs
from kerastl.backbones.inference import Compiled, compiled
from kerastl.begun import recipe_of, splits_of
from kerastl.cache import Cache
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.data.page import write_page
from kerastl.data.photos import Photos
from kerastl.evaluation.scores import Scores
from kerastl.eventlog import command_to_watch
from kerastl.exports import about_run, export
from kerastl.files import replacing
from kerastl.labelled import Splits
from kerastl.preparation import (
    build_network,
    divide_photos,
    find_photos,
    inputs_of,
    read_splits,
    sized,
)
from kerastl.recipe import Recipe
from kerastl.record import Record
from kerastl.reporting import calibrated, report_on
from kerastl.rundir import RunDirectory
from kerastl.serving.form import Form
from kerastl.training.batch_size import within_memory
from kerastl.training.given import Callbacks, named_callbacks, require_callbacks
from kerastl.training.model import Network, over_views
from kerastl.training.overfit import check_overfit
from kerastl.training.stages import Training
from kerastl.training.state import State, assign
from kerastl.trial import examples_of, trial


@attrs.frozen(eq=False)
class Begun:
    """A run before its training: all that it is made of."""

    recipe: Recipe
    network: Network
    splits: Splits
    photos: dict[str, Photos]
    record: Record


@attrs.frozen(eq=False)
class Run:
    """What came of a run.

    Args:
        directory: Where everything of it is.
        classes: Their names, in the order of the logits.
        scores: By split.
        export: The SavedModel's folder, if it was asked for.
        weights: Which weights the backbone started from.
        seconds: By part of the work; those `before the first epoch`; and `total`.
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
    overfitting: bool = False,
    tensorboard: bool = False,
    callbacks: Callbacks = (),
    clock: Clock | None = None,
    file: Path | None = None,
) -> Run:
    """Run a recipe: train, evaluate, export.

    Nothing is written, and no earlier run replaced, before the model is built and the photos read.

    Args:
        recipe: What to run.
        output: The run directory; a new one under `runs/` unless it is given.
        overwrite: Whether an earlier run in that folder may be replaced.
        exporting: Whether a SavedModel is written.
        overfitting: Whether one batch has to be learned by heart first, and forgotten again.
        tensorboard: Whether the command that shows the run in TensorBoard is said.
        callbacks: Keras callbacks that see the training of every stage: of its tail, the part of
            the model that learns, with the epochs of all stages on one axis. They are called after
            kerastl's own; a run that is gone on with has to be given them again.
        clock: When the work began, if before this call.
        file: The recipe's file, to be kept beside what came of it.

    Raises:
        KerastlError: A mistake in the recipe, the data, the weights or the output.
    """
    require_callbacks(callbacks)
    clock, folder, cache = clock or Clock(), Path(output) if output else None, Cache()
    runs.check_free(folder, overwrite, inputs_of(recipe, file))
    keras.utils.set_random_seed(recipe.seed)
    labelled = find_photos(recipe, clock)
    network = build_network(recipe, labelled, clock)
    splits, report = divide_photos(recipe, labelled, clock, cache)
    photos = read_splits(recipe, splits, network, clock, cache)
    recipe = sized(recipe, network, photos, clock)
    if overfitting:
        check_overfit(network.model, recipe, photos["train"], cache)
    directory = runs.create(recipe.name, folder, overwrite)
    record = Record.begin(directory, recipe, clock, file)
    record.values |= {"findings": report.as_json()["findings"], "exporting": exporting}
    record.add_data(splits, photos, network.weights)
    if report.serious and splits.root:
        page = directory.report / "photos.html"
        write_page(report, splits.root, page)
        say(f"The photos that the warnings above are about are shown in {page}")
    begun = Begun(recipe, network, splits, photos, record)
    return _go(begun, State(), cache, callbacks, tensorboard)


def resume(
    name: str,
    *,
    exporting: bool | None = None,
    force: bool = False,
    tensorboard: bool = False,
    callbacks: Callbacks = (),
    clock: Clock | None = None,
) -> Run:
    """Go on with a run that was broken off, from its last checkpoint, on its own photos.

    Args:
        name: The run directory, or a recipe's name for its newest run that is not finished.
        exporting: Whether a SavedModel is written; if None, as was asked for when it began.
        force: Whether it goes on though photos, versions or the recipe's file have changed.
        tensorboard: As of `run`.
        callbacks: As of `run`.
        clock: When the work began, if before this call.

    Raises:
        KerastlError: There is no such run, or it cannot be gone on with.
    """
    require_callbacks(callbacks)
    record = Record.again(runs.find(name, finished=False), clock or Clock(), force)
    recipe, directory, cache = recipe_of(record.directory), record.directory, Cache()
    state = State.newest(directory.checkpoints)
    record.logs.written = state.epoch
    if exporting is not None:
        record.values["exporting"] = exporting
    say(f"Resuming {directory.path} after epoch {state.epoch}")
    keras.utils.set_random_seed(recipe.seed)
    with record.clock.part("reading"):
        splits, changes = splits_of(directory, recipe)
    record.allow(changes, force)
    network = build_network(recipe, splits, record.clock, begun=bool(state.epoch))
    if not state.epoch and network.weights.name != record.values["weights"]:
        record.allow([f"weights {record.values['weights']} became {network.weights.name}"], force)
    photos = read_splits(recipe, splits, network, record.clock, cache, begun=bool(state.epoch))
    begun = Begun(recipe, network, splits, photos, record)
    return _go(begun, state, cache, callbacks, tensorboard)


def _go(begun: Begun, state: State, cache: Cache, callbacks: Callbacks, tensorboard: bool) -> Run:
    recipe, record, photos, model = begun.recipe, begun.record, begun.photos, begun.network.model
    before = record.values.get("callbacks", ())
    record.values["callbacks"] = named_callbacks(callbacks, before)
    if tensorboard:
        say(f"Watch it with: {command_to_watch(record.directory.logs)}")
    # Its variables are those of the one that is trained, which looks at a photo once.
    answering = over_views(model, recipe.test_views)
    learning, save = (photos["train"], photos["validation"]), record.save_state
    training = Training(model, recipe, learning, state, cache, save, record.clock, callbacks)
    with record.running():
        try:
            with within_memory(recipe, model, photos["train"].labels):
                training.run()
        finally:
            # Also where training is broken off: what was learned so far is of use.
            if state.best_epoch:
                _keep(answering, state, record)

        with record.clock.part("evaluation"):
            answering = calibrated(answering, photos["validation"], recipe, record)
            _store(answering, record)
            asked = compiled(answering)
            scores = report_on(asked, photos, recipe, state, record)
        exported = _export(asked, begun) if record.values.get("exporting", True) else None
    weights, classes = record.values["weights"] or "none", tuple(record.values["classes"])
    return Run(record.directory, classes, scores, exported, weights, record.clock.report())


def _export(model: Compiled, begun: Begun) -> Path:
    """Write the SavedModel."""
    directory, record, photos = begun.record.directory, begun.record, begun.photos
    # Those that nothing was chosen by, where there are any.
    split = "test" if len(photos["test"]) else "validation"
    files, about = begun.splits.by_name()[split], about_run(directory)
    with (
        record.clock.part("export"),
        trial(model, about, split, files, photos[split], examples_of(photos["train"])) as proof,
    ):
        (target,) = export(model.model, about, directory, [Form()], proof)
        record.update(export=str(target.relative_to(directory.export)))
    return target


def _keep(model: keras.Model, state: State, record: Record) -> None:
    """Store where training stands, and the best epoch's model."""
    record.save_state(state)
    assign(model, state.best)
    _store(model, record)


def _store(model: keras.Model, record: Record) -> None:
    with replacing(record.directory.model) as partial:
        model.save(partial)
