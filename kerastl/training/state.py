"""What training has reached: its history, its best epoch, and all it needs to go on."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np

from kerastl.backbones.values import Arrays, settle
from kerastl.console import say
from kerastl.errors import RunDirectoryError

Row = dict[str, float | int | str]

_LISTS = ("best", "model", "optimizer", "anchor")


@attrs.define(eq=False)
class State:
    """The state of training after a whole number of epochs.

    Args:
        stage: Number of the stage that is going on.
        rows: The history, one row an epoch over all stages.
        best_loss: The lowest validation loss of all stages.
        best_epoch: The epoch it was reached in, counted from 1 over all stages; 0 for none.
        best: The model's variables after that epoch.
        model: The model's variables now.
        optimizer: The optimiser's variables now; empty between stages.
        audit: What was found of each stage that has ended, by its name.
        anchor: The model's variables before any of the backbone learned, of the best epoch by then,
            where a method needs them.
        unmoved: The numbers of the model's variables that are to learn in this stage and have not
            moved yet; None before its first epoch.
    """

    stage: int = 0
    rows: list[Row] = attrs.field(factory=list)
    best_loss: float = math.inf
    best_epoch: int = 0
    best: Arrays = attrs.field(factory=list)
    model: Arrays = attrs.field(factory=list)
    optimizer: Arrays = attrs.field(factory=list)
    audit: dict[str, Any] = attrs.field(factory=dict)
    anchor: Arrays = attrs.field(factory=list)
    unmoved: list[int] | None = None

    @property
    def epoch(self) -> int:
        """How many epochs are done, over all stages."""
        return len(self.rows)

    def losses(self, stage: str) -> list[float]:
        """Return the validation losses of the epochs of a stage."""
        return [float(row["validation_loss"]) for row in self.rows if row["stage"] == stage]

    def add(
        self,
        row: Row,
        model: Arrays,
        optimizer: Arrays,
        keep_best: bool = True,
        validated: Arrays | None = None,
    ) -> bool:
        """Take in an epoch: its row, and the values after it; return whether it is the best.

        Args:
            row: Its row of the history.
            model: What training goes on with.
            optimizer: The optimiser's variables.
            keep_best: Whether the best epoch is kept.
            validated: What was validated, where that is not what training goes on with.
        """
        self.rows.append(row)
        self.model, self.optimizer = model, optimizer
        loss = float(row["validation_loss"])
        if not (keep_best and loss < self.best_loss):
            return False
        self.best_loss, self.best_epoch = loss, self.epoch
        self.best = model if validated is None else validated
        return True

    def save(self, path: Path) -> None:
        """Write everything to one file, which is opened without running any code in it."""
        lists = {name: getattr(self, name) for name in _LISTS}
        # What is frozen is the very same array in the model and in its best epoch.
        arrays = {id(array): array for some in lists.values() for array in some}
        numbers = {one: str(number) for number, one in enumerate(arrays)}
        position = {
            "stage": self.stage,
            "rows": self.rows,
            "best_epoch": self.best_epoch,
            "audit": self.audit,
            "unmoved": self.unmoved,
            **{name: [numbers[id(array)] for array in some] for name, some in lists.items()},
        }
        named = {numbers[one]: array for one, array in arrays.items()}
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, position=np.array(json.dumps(position)), **named)

    @classmethod
    def newest(cls, paths: Sequence[Path]) -> State:
        """Read the first of the files that is whole; where there is none, nothing is reached yet.

        Args:
            paths: The newest first.

        Raises:
            RunDirectoryError: There are files, and all of them are damaged.
        """
        there = [path for path in paths if path.is_file()]
        for path in there:
            try:
                return cls.load(path)
            except RunDirectoryError as error:
                if path is there[-1]:
                    raise RunDirectoryError(f"{error} Begin the run anew.") from error
                say(f"{error} Going on from the checkpoint before it.")
        return cls()

    @classmethod
    def load(cls, path: Path) -> State:
        """Read what `save` wrote.

        Raises:
            RunDirectoryError: The file is damaged.
        """
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                position = json.loads(str(file["position"]))
                arrays = {name: file[name] for name in file.files}
            lists = {name: [arrays[number] for number in position[name]] for name in _LISTS}
            stage, rows, best_epoch = (position[key] for key in ("stage", "rows", "best_epoch"))
            loss = float(rows[best_epoch - 1]["validation_loss"]) if best_epoch else math.inf
            audit, unmoved = dict(position["audit"]), position["unmoved"]
        except Exception as error:
            raise RunDirectoryError(f"{path} is damaged: it is no whole checkpoint.") from error
        return cls(stage, rows, loss, best_epoch, audit=audit, unmoved=unmoved, **lists)


def assign(model: keras.Model, values: Arrays) -> None:
    """Set the model's variables to values of `values_of`.

    Raises:
        RunDirectoryError: There are more or fewer of them, or of other shapes.
    """
    _assign(model.variables, values)
    settle(model)


def _assign(variables: Sequence[Any], values: Arrays) -> None:
    """Set variables to values.

    Raises:
        RunDirectoryError: There are more or fewer of them, or of other shapes.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise RunDirectoryError("The run's checkpoint is of another model; begin the run anew.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def restore(optimizer: keras.optimizers.Optimizer, variables: Sequence[Any], state: State) -> None:
    """Let an optimiser of these variables go on from where the state stands.

    Raises:
        RunDirectoryError: The state is of another optimiser, such as one for another precision.
    """
    optimizer.build(variables)
    if not state.optimizer:
        return
    try:
        _assign(optimizer.variables, state.optimizer)
    except RunDirectoryError as error:
        raise RunDirectoryError(
            "The run's checkpoint is of another optimiser: of another precision ('auto' means one "
            "on a GPU and another on a CPU) or another version of Keras. Go on with it on such a "
            "device and version as it began on, or begin it anew."
        ) from error
