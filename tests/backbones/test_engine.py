from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from kerastl.backbones.engine import Forward, Graph, inference_graph

PHOTOS = np.random.default_rng(0).integers(0, 256, (19, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def graph() -> Graph:
    keras.utils.set_random_seed(0)
    photo = keras.Input((32, 32, 3))
    scaled = keras.layers.Rescaling(1 / 255)(photo)
    features = keras.layers.Conv2D(8, 3, strides=2)(scaled)
    features = keras.layers.BatchNormalization()(features)
    features = keras.layers.DepthwiseConv2D(3, activation="relu6")(features)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    return inference_graph(keras.Model(photo, [features, pooled]))


@pytest.fixture(scope="module")
def forward(graph: Graph) -> Forward:
    return graph.forward("float32")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 19])
def test_a_photo_is_answered_alike_among_however_many(graph: Graph, forward: Forward, count: int):
    expected = graph.once(PHOTOS)
    for photos in (PHOTOS, PHOTOS.astype(np.float32)):
        found = forward(photos[:count])
        assert len(found) == 2
        for some, each in zip(found, expected, strict=True):
            np.testing.assert_allclose(some, each[:count], rtol=1e-5, atol=1e-5)


def test_many_may_ask_at_once(forward: Forward):
    expected = forward(PHOTOS)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(forward, [PHOTOS] * 24):
            for some, each in zip(found, expected, strict=True):
                np.testing.assert_array_equal(some, each)


def test_half_as_many_bits_are_near(graph: Graph):
    (features, _), (exact, _) = graph.forward("bfloat16")(PHOTOS), graph.once(PHOTOS)
    assert features.dtype.name == "bfloat16"
    np.testing.assert_allclose(features.astype(np.float32), exact, atol=0.02)


THREADS = """
import threading
from pathlib import Path
import keras, numpy as np, tensorflow as tf
import kerastl
from kerastl.backbones.engine import inference_graph

photo = keras.Input((32, 32, 3))
deep = photo
for _ in range(20):
    deep = keras.layers.Conv2D(16, 3, padding="same")(deep)
forward = inference_graph(keras.Model(photo, deep)).forward("float32")
forward(np.zeros((8, 32, 32, 3), np.uint8))

def seconds():
    # Of each thread: what it has computed, by its name.
    return {
        stat.parent.name: sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))
        for stat in Path("/proc/self/task").glob("*/stat")
    }

before = seconds()
for _ in range(200):
    forward(np.zeros((8, 32, 32, 3), np.uint8))
mine = {str(t.native_id) for t in threading.enumerate() if t.name.startswith("core")}
spent = {name: now - before.get(name, 0) for name, now in seconds().items()}
print(sum(spent[name] for name in mine) / sum(spent.values()))
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells what each thread has computed"
)
def test_each_core_takes_its_photos_through_all_layers_by_itself():
    """A share of the layers by other threads would mean that cores wait for each other."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", THREADS], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 0.9
