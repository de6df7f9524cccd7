"""Several devices learn what one learns."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerastl.rundir import RunDirectory
from kerastl.training.state import State

pytestmark = pytest.mark.slow

_NUMBERS = ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, recipe_file: Path) -> Path:
    """The folder of runs on one device, on two, and on two and then one."""
    folder = tmp_path_factory.mktemp("devices")
    shutil.copy(recipe_file, folder / "recipe.py")
    script = Path(__file__).with_name("two_devices.py")
    done = subprocess.run(
        [sys.executable, script, folder], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("devices", ["two", "both"])
def test_it_does_not_matter_how_many_devices_train(runs: Path, devices: str):
    one, other = (RunDirectory(runs / name) for name in ("one", devices))
    expected, found = (State.load(run.checkpoint) for run in (one, other))
    assert found.audit.keys() == expected.audit.keys()
    assert found.best_epoch == expected.best_epoch
    for mine, theirs in zip(found.rows, expected.rows, strict=True):
        assert [mine[name] for name in _NUMBERS] == pytest.approx(
            [theirs[name] for name in _NUMBERS], rel=1e-4
        )
    for name in ("best", "model", "optimizer"):
        for array, other_array in zip(getattr(found, name), getattr(expected, name), strict=True):
            np.testing.assert_allclose(array, other_array, rtol=1e-3, atol=1e-5)
    scores, others = (run.read_record()["scores"] for run in (other, one))
    for split in scores:
        assert scores[split]["loss"] == pytest.approx(others[split]["loss"], rel=1e-4)


def test_what_two_devices_have_trained_is_saved_and_exported_as_ever(runs: Path):
    run = RunDirectory(runs / "two")
    photos = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    logits = keras.models.load_model(run.model)(photos)
    served = tf.saved_model.load(str(run.export / run.read_record()["export"])).signatures["image"]
    probabilities = served(images=tf.constant(photos))["probabilities"]
    np.testing.assert_allclose(probabilities, tf.nn.softmax(logits), rtol=1e-4, atol=1e-5)
