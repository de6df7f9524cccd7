"""What becomes of batch normalisation in a stage, on the oldest Keras as on the newest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs
import keras
import numpy as np
import pytest

from kerastl.recipe import Recipe
from kerastl.training.model import build
from kerastl.training.normalization import estimate_statistics, some_of
from kerastl.training.stages import Training
from networks import Learning

OLDEST = "3.12.0"
# The stage's cut lies before the last two blocks.
BELOW, ABOVE = "conv_pw_6_bn", "conv_pw_13_bn"


@pytest.mark.parametrize(
    ("policy", "moved"),
    [
        ("frozen", set()),
        ("estimated", {(BELOW, "moving_mean"), (ABOVE, "moving_mean")}),
        ("training", {(ABOVE, "moving_mean"), (ABOVE, "gamma")}),
    ],
)
def test_each_policy_moves_what_it_says(
    recipe: Recipe, learning: Learning, policy: str, moved: set[tuple[str, str]]
):
    stage = attrs.evolve(recipe.stages[1], epochs=1, normalization=policy)
    recipe = attrs.evolve(recipe, stages=(stage,))
    keras.utils.set_random_seed(recipe.seed)
    model = build(recipe, 3).model
    # Of other photos, so that there is something to find anew.
    estimate_statistics(model, [255 - some_of(learning[0].images, recipe.seed)])
    looked_at = [(name, part) for name in (BELOW, ABOVE) for part in ("moving_mean", "gamma")]
    before = {
        (name, part): getattr(model.get_layer(name), part).numpy() for name, part in looked_at
    }
    Training(model, recipe, learning).run()
    assert {
        (name, part)
        for name, part in looked_at
        if not np.array_equal(getattr(model.get_layer(name), part).numpy(), before[name, part])
    } == moved


@pytest.mark.slow
def test_the_oldest_keras_does_the_same(tmp_path: Path):
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path]
    if subprocess.run([*install, f"keras=={OLDEST}"], capture_output=True).returncode:
        pytest.skip(f"Keras {OLDEST} cannot be installed here")
    code = "import keras, sys; sys.exit(keras.__version__ != sys.argv[1])"
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code, OLDEST], env=env).returncode == 0
    tests = [sys.executable, "-m", "pytest", "-q", "-n", "0", __file__]
    done = subprocess.run(tests, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
