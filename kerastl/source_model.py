"""How a source model is made, on one page: images -> random network -> phases -> weights file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import keras

from kerastl import runs, settings
from kerastl.backbones.adapter import all_options, graph, preprocessing_name
from kerastl.backbones.manifest import Manifest, manifest_path, sha256_of, write_manifest
from kerastl.backbones.weights import load_file, write_weights
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.data.stream import stream_of
from kerastl.errors import DataError, RunDirectoryError
from kerastl.memory import keep_memory
from kerastl.pretraining import Phase, Pretraining, Stream
from kerastl.record import Record
from kerastl.rundir import RunDirectory
from kerastl.training.source import accuracy_of, train_source
from kerastl.training.state import State

# Images are made so much larger than what is seen of them, since a view shows a part of one.
_WIDER = 1.25


@attrs.frozen(eq=False)
class SourceModel:
    """What came of a pretraining.

    Args:
        directory: Where everything of it is.
        weights: The file that `--weights` takes.
        options: Those of the backbone that are not left at their defaults.
        manifest: What stands beside it.
        seconds: By part of the work, and `total`.
    """

    directory: RunDirectory
    weights: Path
    options: Mapping[str, Any]
    manifest: Manifest
    seconds: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return what came of it, made of what JSON has."""
        return {
            "run": str(self.directory.path),
            "weights": str(self.weights),
            "manifest": str(manifest_path(self.weights)),
            "accuracy": self.manifest.accuracy,
            "images_seen": self.manifest.images_seen,
            "seconds": dict(self.seconds),
        }


def pretrain(
    pretraining: Pretraining,
    output: Path | str | None = None,
    *,
    overwrite: bool = False,
    clock: Clock | None = None,
    command: str | None = None,
) -> SourceModel:
    """Train a backbone from random weights, and write its weights without top.

    Args:
        pretraining: What to train, and how.
        output: The run directory; a new one under `runs/` unless it is given.
        overwrite: Whether an earlier run in that folder may be replaced.
        clock: When the work began, if before this call.
        command: What the manifest is to name as the command that made it.

    Raises:
        KerastlError: A mistake in the settings, the data or the output.
    """
    clock, folder = clock or Clock(), Path(output) if output else None
    data = getattr(pretraining.data, "path", None)
    runs.check_free(folder, overwrite, [Path(data).expanduser()] if data else [])
    keep_memory()
    with clock.part("model"):
        for phase in pretraining.phases:
            # A backbone that cannot be built is told before an image is read.
            graph(pretraining.backbone_in(phase))
    keras.utils.set_random_seed(pretraining.seed)
    streams = _Streams(pretraining, clock)
    first = streams(pretraining.phases[0])
    directory = runs.create(pretraining.name, folder, overwrite)
    record = Record.begin(directory, pretraining, clock, verb="pretrain")
    record.update(command=command, weights=None, **_described(first))
    return _go(pretraining, record, streams, State())


def resume_pretraining(
    name: str, *, force: bool = False, clock: Clock | None = None
) -> SourceModel:
    """Go on with a pretraining that was broken off, from its last checkpoint.

    Args:
        name: The run directory, or a source model's name for its newest run that is not finished.
        force: Whether it goes on though versions have changed.
        clock: When the work began, if before this call.

    Raises:
        KerastlError: There is no such run, or it cannot be gone on with.
    """
    record = Record.again(runs.find(name, finished=False, verb="pretrain"), clock or Clock(), force)
    directory = record.directory
    pretraining = settings.from_json(directory.require("recipe"))
    if not isinstance(pretraining, Pretraining):
        raise RunDirectoryError(f"{directory.record} is damaged: its recipe is no pretraining.")
    state = State.newest(directory.checkpoints)
    record.logs.written = state.epoch
    say(f"Resuming {directory.path} after epoch {state.epoch}")
    keep_memory()
    keras.utils.set_random_seed(pretraining.seed)
    streams = _Streams(pretraining, record.clock)
    found = _described(streams(pretraining.phases[state.stage]))
    if any(record.values.get(key) != value for key, value in found.items()):
        raise DataError(f"{pretraining.data} no longer gives the images that the run was given.")
    return _go(pretraining, record, streams, state)


def _go(pretraining: Pretraining, record: Record, streams: _Streams, state: State) -> SourceModel:
    directory, clock, last = record.directory, record.clock, pretraining.phases[-1]
    with record.running():
        network = train_source(pretraining, streams, record.save_state, clock, state)
        with clock.part("weights"):
            write_weights(network.backbone, directory.source, pretraining.storage)
            # What is measured is what was written.
            load_file(network.backbone, directory.source)
            accuracy = accuracy_of(network, pretraining, streams(last))
            manifest = _manifest(pretraining, record, accuracy)
            write_manifest(manifest, directory.source)
            record.update(accuracy=accuracy)
    options = pretraining.backbone.options
    return SourceModel(directory, directory.source, options, manifest, clock.report())


def _manifest(pretraining: Pretraining, record: Record, accuracy: float) -> Manifest:
    backbone = pretraining.backbone
    return Manifest(
        backbone=backbone.name,
        options=all_options(backbone),
        image_size=pretraining.backbone_in(pretraining.phases[-1]).image_size,
        preprocessing=preprocessing_name(backbone),
        data=settings.to_json(pretraining.data),
        classes=record.values["classes"],
        images_seen=pretraining.epochs * record.values["epoch_size"],
        seed=pretraining.seed,
        accuracy=accuracy,
        sha256=sha256_of(record.directory.source),
        versions=record.values["versions"],
        command=record.values["command"],
    )


def _described(stream: Stream) -> dict[str, Any]:
    return {
        "classes": list(stream.classes),
        "epoch_size": stream.epoch_size,
        "images": stream.fingerprint,
    }


@attrs.define(eq=False)
class _Streams:
    """The images of each phase; those of the phase that is going on are kept."""

    pretraining: Pretraining
    clock: Clock
    _kept: dict[str, Stream] = attrs.field(factory=dict, init=False)

    def __call__(self, phase: Phase) -> Stream:
        if phase.name not in self._kept:
            with self.clock.part("data"):
                size = round(_WIDER * self.pretraining.backbone_in(phase).image_size)
                stream = stream_of(self.pretraining.data, self.pretraining.seed, size)
            self._kept = {phase.name: stream}
        return self._kept[phase.name]
