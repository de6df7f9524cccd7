"""What does not fit into memory is told with what would; `batch_size="auto"` finds it before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import attrs
import keras
import numpy as np
import pytest
import tensorflow as tf

import kerastl
from kerastl import flow, rehearsal
from kerastl.backbones import engine
from kerastl.backbones.devices import hardware
from kerastl.backbones.inference import compiled
from kerastl.backbones.values import values_of
from kerastl.clock import Clock
from kerastl.errors import TrainingError
from kerastl.recipe import Recipe, Stage
from kerastl.rundir import RunDirectory
from kerastl.training.batch_size import with_batch_size, within_memory
from kerastl.training.optimizers import optimizer_of
from kerastl.training.state import State

LABELS = np.zeros(4, np.int64)
Limit = Callable[[int], None]


@pytest.fixture
def memory_for(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Let a step, of training or of validation, run out of memory with more photos than that."""

    def limit(photos: int) -> None:
        def check(count: Any) -> Any:
            # TensorFlow makes of it the error that it raises itself where memory runs out.
            if count > photos:
                raise MemoryError
            return count

        def call(self: Any, targets: Any, logits: Any) -> Any:
            with tf.control_dependencies([tf.numpy_function(check, [len_of(logits)], tf.int32)]):
                return plain(self, targets, tf.identity(logits))

        monkeypatch.setattr(loss, "call", call)

    loss = keras.losses.CategoricalCrossentropy
    plain = loss.call
    return limit


def len_of(tensor: Any) -> Any:
    return tf.shape(tensor)[0]


def history(directory: RunDirectory) -> list[dict[str, Any]]:
    return [{**row, "seconds": 0} for row in State.load(directory.checkpoint).rows]


def head_alone(recipe: Recipe, **values: Any) -> Recipe:
    return attrs.evolve(recipe, stages=(attrs.evolve(recipe.stages[0], epochs=1),), **values)


def exhausted(*_: Any) -> Never:
    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating a tensor")


@pytest.mark.slow
def test_a_step_that_does_not_fit_is_told_with_one_that_does_and_the_run_can_be_gone_on_with(
    recipe: Recipe, tmp_path: Path, memory_for: Limit, monkeypatch: pytest.MonkeyPatch
):
    memory_for(8)
    with pytest.raises(TrainingError) as caught:
        kerastl.run(head_alone(recipe, batch_size=20), tmp_path / "mine", exporting=False)
    assert str(caught.value) == (
        f"A step does not fit into the memory of {hardware()} with batch_size=20; 5 fits: "
        "--batch-size 5. Begin anew with it; --resume keeps to 20, and is for where there is more "
        "memory."
    )
    record = RunDirectory(tmp_path / "mine").read_record()
    assert record["status"] == "failed"
    assert "5 fits: --batch-size 5" in record["error"]
    monkeypatch.undo()
    again = flow.resume(str(tmp_path / "mine"))
    assert [row["epoch"] for row in history(again.directory)] == [1]


def test_a_step_that_no_photo_fits_is_told(recipe: Recipe, memory_for: Limit):
    model = recipe.build(3)
    before = values_of(model.variables)
    memory_for(0)
    with (
        pytest.raises(TrainingError, match=r"single photo does not fit .* --image-size than 32"),
        within_memory(recipe, model, LABELS),
    ):
        exhausted()
    for now, then in zip(values_of(model.variables), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_trunk_that_does_not_fit_is_told_also_where_a_thread_of_tf_data_runs_it(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def limited(graph: Any, precision: str) -> Any:
        run = forward(graph, precision)
        return lambda photos: exhausted() if len(photos) > 12 else run(photos)

    forward = engine.Graph.forward
    monkeypatch.setattr(engine.Graph, "forward", limited)
    monkeypatch.setattr("kerastl.training.stages.check_first_batch", lambda *_: {})
    monkeypatch.setenv("KERASTL_CACHE", str(tmp_path / "cache"))
    # The features of the ten photos to validate on fit, and are kept; those of fresh views are not.
    fresh = (attrs.evolve(recipe.stages[0], augment=True),)
    changed = attrs.evolve(recipe, stages=fresh, batch_size=16, precision="float32")
    with pytest.raises(TrainingError, match="with batch_size=16; 8 fits: --batch-size 8"):
        kerastl.run(changed, tmp_path / "mine", exporting=False)


def test_another_failure_is_not_taken_for_a_lack_of_memory(recipe: Recipe):
    with pytest.raises(tf.errors.InvalidArgumentError), within_memory(recipe, None, LABELS):
        raise tf.errors.InvalidArgumentError(None, None, "something else")


@pytest.mark.slow
def test_auto_takes_the_largest_that_fits_and_leaves_all_else_as_it_was(
    recipe: Recipe, tmp_path: Path, memory_for: Limit, capsys: pytest.CaptureFixture[str]
):
    memory_for(10)
    auto = kerastl.run(head_alone(recipe, batch_size="auto"), tmp_path / "auto", exporting=False)
    printed, record = capsys.readouterr().out, auto.directory.read_record()
    assert "Batch size: 8, the first of 32, 16, 8, 4, 2, 1 that fits into memory\n" in printed
    assert printed.startswith(f"Device: {record['device']}\n")
    assert record["recipe"]["batch_size"] == 8
    assert "batch size" in auto.seconds
    eight = kerastl.run(head_alone(recipe, batch_size=8), tmp_path / "eight", exporting=False)
    assert history(auto.directory) == history(eight.directory)
    states = [State.load(run.directory.checkpoint).model for run in (auto, eight)]
    for mine, theirs in zip(*states, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_auto_is_what_fits_in_every_stage(
    recipe: Recipe, memory_for: Limit, monkeypatch: pytest.MonkeyPatch
):
    def made(stage: Stage, *more: Any) -> Any:
        memory_for(5 if stage.unfreeze else 20)
        return optimizer_of(stage, *more)

    monkeypatch.setattr("kerastl.training.parts.optimizer_of", made)
    model = recipe.build(3)
    before = values_of(model.variables)
    found = with_batch_size(attrs.evolve(recipe, batch_size="auto"), model, LABELS, Clock())
    assert found == attrs.evolve(recipe, batch_size=4)
    for now, then in zip(values_of(model.variables), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_auto_is_found_in_a_rehearsal_too(recipe: Recipe, capsys: pytest.CaptureFixture[str]):
    rehearsal.rehearse(head_alone(recipe, batch_size="auto"))
    assert "Batch size: 32, the first of 32," in capsys.readouterr().out


def test_an_evaluation_that_does_not_fit_goes_on_by_halves():
    photo = keras.Input((4, 4, 3))
    model = keras.Model(photo, keras.layers.Flatten()(photo))
    images = np.random.default_rng(0).integers(0, 256, (11, 4, 4, 3)).astype(np.uint8)
    run, sizes = compiled(model), []

    def limited(most: int) -> Any:
        def function(photos: Any) -> Any:
            sizes.append(len(photos))
            return exhausted() if len(photos) > most else run.function(photos)

        return attrs.evolve(run, function=function)

    (expected,), (found,) = (some(images, 8, "") for some in (run, limited(3)))
    np.testing.assert_array_equal(found, expected)
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 1]
    with pytest.raises(TrainingError, match="does not fit into memory with a single photo"):
        limited(0)(images, 8, "")
