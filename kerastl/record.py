"""Writes down what a run is, what it has reached and what came of it: `run.json`."""

from __future__ import annotations

import csv
import io
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from kerastl import settings
from kerastl.clock import BEFORE, TOTAL, Clock
from kerastl.console import say
from kerastl.data.lock import write_lock
from kerastl.errors import RunDirectoryError, cause
from kerastl.eventlog import EventLog
from kerastl.files import alone, replacing, write_text
from kerastl.labelled import Splits
from kerastl.pretraining import Pretraining
from kerastl.recipe import Recipe
from kerastl.rundir import RunDirectory

if TYPE_CHECKING:
    from kerastl.backbones.weights import Weights
    from kerastl.data.photos import Photos
    from kerastl.training.state import State

_PACKAGES = ("kerastl", "tensorflow", "keras", "numpy", "pillow")


@attrs.define(eq=False)
class Record:
    """The record of one run; every change is written at once.

    Args:
        directory: Where it is written.
        clock: The seconds of each part of the work so far.
        values: What stands in it.
        logs: The history as TensorBoard shows it.
    """

    directory: RunDirectory
    clock: Clock
    values: dict[str, Any]
    logs: EventLog = attrs.field(init=False)

    @logs.default
    def _logs(self) -> EventLog:
        return EventLog(self.directory.logs)

    @classmethod
    def begin(
        cls,
        directory: RunDirectory,
        recipe: Recipe | Pretraining,
        clock: Clock,
        file: Path | None = None,
        verb: str = "run",
    ) -> Record:
        """Start the record of a new run, the recipe's file beside it."""
        values = {
            "verb": verb,
            "status": "begun",
            "recipe": settings.to_json(recipe),
            "file": str(file.resolve()) if file else None,
            "seed": recipe.seed,
            "versions": _versions(),
            "python": platform.python_version(),
            "device": _device(recipe.precision, verb),
        }
        record = cls(directory, clock, values)
        # From here on the folder is known to be a run's, wherever it is broken off.
        record.update()
        if file:
            with replacing(directory.recipe) as partial:
                shutil.copyfile(file, partial)
        return record

    @classmethod
    def again(cls, directory: RunDirectory, clock: Clock, force: bool = False) -> Record:
        """Take up the record of a run that was broken off.

        Args:
            directory: The run's.
            clock: Goes on with the seconds of each part.
            force: Whether it is taken up though versions or the recipe's file have changed.

        Raises:
            RunDirectoryError: The run is finished, its record is damaged, or what ran has changed.
        """
        values = directory.read_record()
        if values.get("status") == "finished":
            raise RunDirectoryError(f"{directory.path} is finished; there is nothing to resume.")
        if values.get("status") == "begun":
            raise RunDirectoryError(
                f"{directory.path} was broken off before anything was reached; begin it anew."
            )
        for key in ("recipe", "classes", "weights"):
            directory.require(key)
        seconds = dict(values.get("seconds", {}))
        clock.earlier = seconds.pop(TOTAL, 0.0)
        clock.before_training = seconds.pop(BEFORE, None)
        clock.seconds |= {part: clock.seconds.get(part, 0.0) + seconds[part] for part in seconds}
        record = cls(directory, clock, values)
        record.allow(_changes(directory, values), force)
        record.note_device()
        return record

    def allow(self, changes: Sequence[str], force: bool) -> None:
        """Make sure that a run goes on with what it began with, or that all know that it does not.

        Args:
            changes: What has changed since it began, in words.
            force: Whether it may go on nevertheless.

        Raises:
            RunDirectoryError: Something has changed, and it may not go on.
        """
        if not changes:
            return
        told = f"Since {self.directory.path} began, {'; '.join(changes)}"
        if not force:
            raise RunDirectoryError(
                f"{told}. It would not end as it would have; --force goes on nevertheless."
            )
        say(f"Warning: {told}. It will not end as it would have.")
        self.values["changes"] = [*self.values.get("changes", ()), *changes]

    def note_device(self) -> None:
        """Write down on what a run goes on; it may be another device than it began on."""
        device = _device(self.values["recipe"]["precision"], self.values.get("verb", "run"))
        before, self.values["device"] = self.values.get("device"), device
        if before != device:
            changes = self.values.get("changes", ())
            self.values["changes"] = [*changes, f"device {before} became {device}"]

    def update(self, **values: Any) -> None:
        """Add values and write the record."""
        self.values |= values
        self.values["seconds"] = self.clock.report()
        self.directory.write_record(self.values)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the status true, however the block ends."""
        with alone(self.directory.path):
            self.values.pop("error", None)
            self.update(status="running")
            try:
                yield
            except KeyboardInterrupt:
                self.update(status="interrupted")
                path = self.directory.path
                verb = self.values.get("verb", "run")
                begun = self.directory.checkpoint.is_file()
                what = "What was reached is in" if begun else "No epoch was finished in"
                how = "Go on" if begun else "Begin again"
                say(f"{what} {path}. {how} with: kerastl {verb} --resume {path}")
                raise
            except BaseException as error:
                self.values |= {"error": cause(error)}
                self._try_to_update(status="failed")
                raise
            self.update(status="finished")
            self.directory.checkpoints[1].unlink(missing_ok=True)

    def _try_to_update(self, **values: Any) -> None:
        """Update, unless that is what failed: the first error is the one to be told."""
        try:
            self.update(**values)
        except RunDirectoryError:
            return

    def add_data(self, splits: Splits, photos: Mapping[str, Photos], weights: Weights) -> None:
        """Write down what there is to begin with, all at once: without any of it none can go on.

        Args:
            splits: Which photo is in which split.
            photos: The same, read; which files were none.
            weights: Which weights the backbone starts from, and why.
        """
        write_lock(self.directory.splits, splits)
        self.update(
            classes=list(splits.classes),
            multi_label=splits.multi_label,
            splits={name: len(some) for name, some in photos.items()},
            skipped=[attrs.asdict(one) for some in photos.values() for one in some.skipped],
            weights=weights.name,
            weights_reason=weights.reason,
        )

    def save_state(self, state: State) -> None:
        """Write the checkpoint to resume from and the history so far."""
        newest, before = self.directory.checkpoints
        with replacing(newest) as partial:
            state.save(partial)
            if newest.is_file():
                os.replace(newest, before)
        write_text(self.directory.history, _csv(state.rows))
        self.logs.write(state.rows)
        stage = state.rows[-1]["stage"]
        self.update(stage=stage, epochs=state.epoch, best_epoch=state.best_epoch, audit=state.audit)


def _changes(directory: RunDirectory, values: Mapping[str, Any]) -> list[str]:
    """Return what is not as it was when the run began, in words: versions, the recipe's file."""
    before, now = values.get("versions", {}), _versions()
    changes = [
        f"{name} {before[name]} became {now[name]}"
        for name in _PACKAGES
        if name in before and before[name] != now[name]
    ]
    file, copy = Path(values.get("file") or ""), directory.recipe
    is_there = file.is_file() and copy.is_file()
    if is_there and file.read_bytes() != copy.read_bytes():
        changes.append(f"the recipe {file} was changed (the run goes on with its copy)")
    return changes


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}


def _device(precision: str, verb: str) -> str:
    from kerastl.backbones.devices import described

    return described(precision, several=verb == "run")


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()
