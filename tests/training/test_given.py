from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf

import kerastl
from kerastl import flow
from kerastl.backbones.values import values_of
from kerastl.data.photos import read_photos
from kerastl.errors import UsageError
from kerastl.recipe import Recipe
from kerastl.rundir import RunDirectory
from kerastl.training.model import build
from kerastl.training.normalization import estimate_statistics, some_of
from kerastl.training.stages import Training
from kerastl.training.state import State
from networks import Learning, network


class Seen(keras.callbacks.Callback):
    """Writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[int] = []
        self.learning: list[int] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.learning.append(len(self.model.trainable_weights))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= logs.keys()
        self.epochs.append(epoch)


class Spoiler(keras.callbacks.Callback):
    """Spoils the weights after an epoch, and fails."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 2:
            for weight in self.model.trainable_weights:
                weight.assign(weight * 0 + 7)
            raise ZeroDivisionError("spoiled")


class Ending(keras.callbacks.Callback):
    """Ends each stage after its first epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.stop_training = True


def rows_of(directory: Path) -> list[str]:
    """Return the history without its last column, the seconds."""
    lines = RunDirectory(directory).history.read_text().splitlines()
    return [line.rsplit(",", 1)[0] for line in lines]


def values_in(folder: Path) -> list[tuple[int, str, bytes]]:
    """Return the step, name and content of all that TensorBoard is given."""
    records = tf.data.TFRecordDataset([str(file) for file in folder.iterdir()])
    return [
        (event.step, value.tag, value.tensor.SerializeToString())
        for event in map(tf.compat.v1.Event.FromString, records.as_numpy_iterator())
        for value in event.summary.value
    ]


def test_callbacks_see_all_stages_and_one_that_fails_leaves_a_run_to_go_on_with(
    recipe: Recipe, finished, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    seen, directory = Seen(), RunDirectory(tmp_path / "mine")
    with pytest.raises(ZeroDivisionError, match="spoiled"):
        kerastl.run(recipe, directory.path, exporting=False, callbacks=[seen, Spoiler()])
    record = directory.read_record()
    assert (record["status"], record["error"]) == ("failed", "ZeroDivisionError: spoiled")
    assert record["callbacks"] == ["Seen", "Spoiler"]
    assert record["epochs"] == 3
    with monkeypatch.context() as patched:
        patched.setattr(flow, "_export", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kerastl.resume(str(directory.path), exporting=True, callbacks=[seen])
    kerastl.resume(str(directory.path), exporting=False)
    assert seen.epochs == [0, 1, 2, 3]
    head, unfrozen, again = seen.learning
    assert head < unfrozen == again
    printed = capsys.readouterr().out
    assert "given before: Spoiler\n" in printed
    assert "given before: Seen, Spoiler\n" in printed
    assert directory.read_record()["callbacks"] == ["Seen", "Spoiler"]
    # It has come to the same, to the last bit, as a run without callbacks.
    without, _ = finished
    assert rows_of(directory.path) == rows_of(without)
    told = directory.predictions("test").read_bytes()
    assert told == RunDirectory(without).predictions("test").read_bytes()
    # It was evaluated twice, and what TensorBoard shows of that is there once.
    assert sorted(values_in(directory.logs)) == sorted(values_in(without / "logs"))


def test_a_stage_that_a_callback_ends_early_is_audited_and_not_gone_on_with(recipe: Recipe):
    splits = recipe.data.load(recipe.seed)
    photos = read_photos(splits.train, 32), read_photos(splits.validation, 32)
    state, model = State(), build(recipe, 3).model
    estimate_statistics(model, [some_of(photos[0].images, recipe.seed)])
    Training(model, recipe, photos, state, given=[Ending()]).run()
    assert [row["stage"] for row in state.rows] == ["frozen", "unfrozen"]
    assert {"frozen", "unfrozen"} <= state.audit.keys()
    Training(model, recipe, photos, state).run()
    assert len(state.rows) == 2
    for value, best in zip(values_of(model.variables), state.best, strict=True):
        np.testing.assert_array_equal(value, best)


@pytest.mark.slow
def test_what_a_callback_leaves_at_the_end_is_not_gone_on_with(recipe: Recipe, learning: Learning):
    class Changing(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_end(self, logs: object = None) -> None:
            for weight in self.model.trainable_weights:
                weight.assign(weight * 2)

    def losses(*given: keras.callbacks.Callback) -> list[float]:
        state, model = State(), network(recipe, learning[0])
        Training(model, recipe, learning, state, given=given).run()
        return [float(row["loss"]) for row in state.rows]

    assert losses(Changing()) == losses()


def test_a_stage_that_ends_early_ends_with_the_average(recipe: Recipe, learning: Learning):
    averaged = attrs.evolve(recipe.stages[0], averaging=0.9, schedule="constant")
    recipe, state = attrs.evolve(recipe, stages=(averaged,)), State()
    Training(network(recipe, learning[0]), recipe, learning, state, given=[Ending()]).run()
    for now, best in zip(state.model, state.best, strict=True):
        np.testing.assert_array_equal(now, best)


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([Seen(), "mlflow"], r"objects of keras\.callbacks\.Callback, not an object of str\.$"),
        ([Seen], r"objects of keras\.callbacks\.Callback, not the class Seen\.$"),
        (Seen(), r"callbacks has to be a list, not an object of Seen\.$"),
    ],
)
def test_what_is_no_callback_is_refused(
    recipe: Recipe, tmp_path: Path, callbacks: Any, message: str
):
    with pytest.raises(UsageError, match=message):
        kerastl.run(recipe, tmp_path / "mine", callbacks=callbacks)
    with pytest.raises(UsageError, match=message):
        kerastl.resume(str(tmp_path / "mine"), callbacks=callbacks)
    assert not (tmp_path / "mine").exists()
