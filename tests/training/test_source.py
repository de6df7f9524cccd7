from __future__ import annotations

from pathlib import Path
from typing import Never

import attrs
import keras
import numpy as np
import pytest

from kerastl.clock import Clock
from kerastl.data import ImageFolder
from kerastl.data.stream import stream_batches, stream_of
from kerastl.pretraining import Phase, Pretraining, Stream
from kerastl.recipe import Backbone
from kerastl.training.model import Network
from kerastl.training.source import accuracy_of, train_source
from kerastl.training.state import State

# A source model is pretrained by the program in a test of its own.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pretraining(photos: Path) -> Pretraining:
    return Pretraining(
        backbone=Backbone("MobileNet", 64, options={"alpha": 0.25}, weights=None),
        data=ImageFolder(str(photos)),
        phases=(Phase("small", 20, 0.75), Phase("whole", 6)),
        learning_rate=1e-2,
        batch_size=7,
    )


@pytest.fixture(scope="module")
def stream(pretraining: Pretraining) -> Stream:
    return stream_of(pretraining.data, pretraining.seed, 80)


class _StopError(Exception):
    """Stands for Ctrl-C."""


def run(pretraining: Pretraining, stream: Stream, state: State, stop_after: int = 99) -> Network:
    keras.utils.set_random_seed(pretraining.seed)

    def save(state: State) -> None:
        if state.epoch == stop_after:
            raise _StopError

    return train_source(pretraining, lambda _: stream, save, Clock(), state)


@pytest.fixture(scope="module")
def trained(pretraining: Pretraining, stream: Stream) -> tuple[Network, State]:
    state = State()
    return run(pretraining, stream, state), state


def test_random_weights_become_a_network_that_tells_the_classes_apart(
    pretraining: Pretraining, stream: Stream, trained: tuple[Network, State]
):
    network, state = trained
    # Far better than a third, and by the statistics that predictions use.
    assert accuracy_of(network, pretraining, stream) > 0.8
    assert [row["stage"] for row in state.rows] == ["small"] * 20 + ["whole"] * 6
    assert network.backbone.input_shape == (None, 64, 64, 3)


def test_what_is_kept_is_the_average_of_the_weights(trained: tuple[Network, State]):
    network, state = trained
    last = dict(zip((v.path for v in network.model.variables), state.model, strict=True))
    kernels = [v for v in network.model.trainable_variables if "kernel" in v.path]
    distances = [np.abs(v.numpy() - last[v.path]).max() for v in kernels]
    assert 0 < max(distances) < 0.5


def test_its_statistics_are_those_of_the_average(
    pretraining: Pretraining, stream: Stream, trained: tuple[Network, State]
):
    network, _ = trained
    layer = next(x for x in network.backbone.layers if hasattr(x, "moving_mean"))
    before = keras.Model(network.backbone.inputs[0], layer.input)
    with stream_batches(stream, 64, 7, first=26 * stream.steps(7)) as batches:
        whole = batches.unbatch().batch(7).take(20)
        means = [before(images).numpy().mean(axis=(0, 1, 2)) for images, _ in whole]
    np.testing.assert_allclose(layer.moving_mean.numpy(), np.mean(means, axis=0), atol=1e-4)


def test_a_training_that_is_broken_off_in_either_phase_ends_with_the_same_weights(
    pretraining: Pretraining,
    stream: Stream,
    trained: tuple[Network, State],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    # Every epoch is a checkpoint.
    monkeypatch.setattr("kerastl.training.callbacks._SECONDS_BETWEEN_SAVES", -1.0)
    monkeypatch.setattr("kerastl.training.callbacks._PAUSES_A_SAVE", -1.0)
    state = State()
    for stop_after in (4, 22):
        with pytest.raises(_StopError):
            run(pretraining, stream, state, stop_after)
        state.save(tmp_path / "checkpoint.npz")
        state = State.load(tmp_path / "checkpoint.npz")
    network = run(pretraining, stream, state)
    whole, _ = trained
    for mine, theirs in zip(network.model.variables, whole.model.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def test_only_what_is_left_to_do_is_done(
    pretraining: Pretraining, stream: Stream, trained: tuple[Network, State]
):
    whole, done = trained

    def never(_: State) -> Never:
        pytest.fail("it was trained again")

    network = train_source(pretraining, lambda _: stream, never, Clock(), attrs.evolve(done))
    for mine, theirs in zip(network.model.variables, whole.model.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
