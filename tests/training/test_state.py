from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from kerastl.backbones.values import values_of
from kerastl.errors import RunDirectoryError
from kerastl.training.state import State, assign, restore


def row(loss: float) -> dict[str, float]:
    return {"validation_loss": loss}


@pytest.fixture
def model() -> keras.Model:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def test_it_comes_back_from_its_file(model: keras.Model, tmp_path: Path):
    state = State(stage=1)
    state.add(row(0.5), values_of(model.variables), [])
    state.add(row(0.7), values_of(model.variables), [np.array(7), np.ones((2, 2), np.float32)])
    state.save(tmp_path / "state.npz")
    again = State.load(tmp_path / "state.npz")
    assert (again.stage, again.epoch, again.best_epoch, again.best_loss) == (1, 2, 1, 0.5)
    for name in ("best", "model", "optimizer"):
        pairs = zip(getattr(again, name), getattr(state, name), strict=True)
        assert all(np.array_equal(mine, theirs) for mine, theirs in pairs)


def test_what_is_frozen_is_written_once(tmp_path: Path):
    frozen, learned = np.zeros(10_000, np.float32), np.ones(1, np.float32)
    state = State()
    state.add(row(0.5), [frozen, learned], [])
    state.add(row(0.7), [frozen, learned + 1], [])
    state.save(tmp_path / "state.npz")
    assert 40_000 < (tmp_path / "state.npz").stat().st_size < 50_000
    again = State.load(tmp_path / "state.npz")
    assert [int(values[1].item()) for values in (again.best, again.model)] == [1, 2]


def test_the_best_is_the_lowest_loss(model: keras.Model):
    state, first = State(), values_of(model.variables)
    later = [value + 1 for value in first]
    assert state.add(row(0.5), first, [])
    assert not state.add(row(0.5), later, [])
    assert not state.add(row(float("nan")), later, [])
    assert all(map(np.array_equal, state.best, first))
    assert all(map(np.array_equal, state.model, later))
    assert state.add(row(0.4), later, [])
    assert (state.best_epoch, state.best_loss) == (4, 0.4)


def test_values_are_copies(model: keras.Model):
    kept = values_of(model.variables)
    before = [value.copy() for value in kept]
    assign(model, [value + 1 for value in before])
    assert all(map(np.array_equal, kept, before))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04half"])
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes):
    (tmp_path / "state.npz").write_bytes(content)
    with pytest.raises(RunDirectoryError, match="is damaged"):
        State.load(tmp_path / "state.npz")


def test_values_of_another_model_are_refused(model: keras.Model):
    with pytest.raises(RunDirectoryError, match="of another model"):
        assign(model, [np.zeros((2, 2)), np.zeros(2)])


def test_an_optimizer_of_another_precision_is_refused(model: keras.Model):
    plain, scaled = (
        keras.optimizers.Adam(),
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
    )
    plain.build(model.trainable_variables)
    state = State(optimizer=values_of(plain.variables))
    with pytest.raises(RunDirectoryError, match=r"of another optimiser: .* or begin it anew"):
        restore(scaled, model.trainable_variables, state)


def test_what_a_layer_has_made_of_its_variables_is_made_anew():
    def built(mean: float) -> keras.Model:
        normalization = keras.layers.Normalization()
        normalization.build((None, 3))
        normalization.adapt_mean.assign([mean] * 3)
        normalization.finalize_state()
        inner = keras.Sequential([keras.Input((3,)), normalization])
        inputs = keras.Input((3,))
        return keras.Model(inputs, inner(inputs))

    photo, trained, resumed = np.ones((1, 3), np.float32), built(5.0), built(0.0)
    assert (np.asarray(resumed(photo)) != np.asarray(trained(photo))).all()
    assign(resumed, values_of(trained.variables))
    np.testing.assert_array_equal(resumed(photo), trained(photo))
