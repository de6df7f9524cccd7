"""Runs a recipe on one device and on two, which are a processor's, in a process of its own.

How many devices there are has to be said before TensorFlow begins.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import attrs
import tensorflow as tf

import kerastl
from kerastl import flow
from kerastl.backbones import devices
from kerastl.recipe import Recipe
from kerastl.record import Record
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


@contextmanager
def copied(folder: Path, epoch: int) -> Iterator[None]:
    """Copy the directory of a run to the folder as it is after an epoch."""
    save = Record.save_state

    def save_and_copy(record: Record, state: State) -> None:
        save(record, state)
        if state.epoch == epoch:
            shutil.copytree(record.directory.path, folder)

    pauses = {"_SECONDS_BETWEEN_SAVES": 0.0, "_PAUSES_A_SAVE": 0.0}
    with (
        mock.patch.object(Record, "save_state", save_and_copy),
        mock.patch.multiple("kerastl.training.callbacks", **pauses),
    ):
        yield


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
        with mock.patch.object(devices, "strategy", return_value=two), copied(folder / "both", 3):
            kerastl.run(recipe, folder / "two")
        # The second stage alone has something to divide; it is traced once a device.
        assert parts.call_count == 2
    flow.resume(str(folder / "both"), exporting=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
