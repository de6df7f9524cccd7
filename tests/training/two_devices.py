"""Runs a recipe on one device and on two, which are a processor's, in a process of its own.

How many devices there are has to be said before TensorFlow begins.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from unittest import mock

import attrs
import tensorflow as tf

import kerastl
from kerastl import flow
from kerastl.recipe import Recipe
from kerastl.record import Record
from kerastl.training import devices
from kerastl.training.data_parallel import DataParallel
from kerastl.training.state import State

# All that works on gradients.
_METHODS: dict[str, Any] = {
    "clip": 0.1,
    "accumulate": 2,
    "averaging": 0.2,
    "layer_decay": 0.8,
    "weight_decay": 0.01,
    "l2_sp": 0.01,
}
# Of 37 photos: four batches that do not part evenly, and one of a photo alone.
_ODD = 9


class KilledError(Exception):
    """Breaks a run off."""


def changed(recipe: Recipe) -> Recipe:
    """Return the recipe with what is hard for several devices, and without dropout."""
    frozen, unfrozen = recipe.stages
    return attrs.evolve(
        recipe,
        head=attrs.evolve(recipe.head, dropout=0.0),
        stages=(frozen, attrs.evolve(unfrozen, **_METHODS)),
        balance="weights",
        batch_size=_ODD,
    )


def break_off(recipe: Recipe, folder: Path, epoch: int) -> None:
    """Begin a run, and break it off after an epoch."""
    save = Record.save_state

    def save_and_break(record: Record, state: State) -> None:
        save(record, state)
        if state.epoch == epoch:
            raise KilledError

    pauses = {"_SECONDS_BETWEEN_SAVES": 0.0, "_PAUSES_A_SAVE": 0.0}
    with (
        mock.patch.object(Record, "save_state", save_and_break),
        mock.patch.multiple("kerastl.training.callbacks", **pauses),
    ):
        try:
            kerastl.run(recipe, folder, exporting=False)
        except KilledError:
            return


def main(folder: Path) -> None:
    """Run the recipe on one device, on two, and on two and then one."""
    (processor,) = tf.config.list_physical_devices("CPU")
    each = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [each, each])
    recipe = changed(kerastl.find(str(folder / "recipe.py")))
    two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    learn = DataParallel._learn
    with mock.patch.object(DataParallel, "_learn", autospec=True, side_effect=learn) as parts:
        kerastl.run(recipe, folder / "one", exporting=False)
        assert not parts.called
        with mock.patch.object(devices, "strategy", return_value=two):
            kerastl.run(recipe, folder / "two")
            # The second stage alone has something to divide; it is traced once a device.
            assert parts.call_count == 2
            break_off(recipe, folder / "both", epoch=3)
    flow.resume(str(folder / "both"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
