"""The methods of fine-tuning do what they are for, and are gone on with to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import pytest

import kerastl
from kerastl.backbones.cuts import depths
from kerastl.backbones.engine import inference_graph
from kerastl.backbones.values import values_of
from kerastl.errors import UsageError
from kerastl.logits import losses_of
from kerastl.recipe import Recipe, Stage
from kerastl.training.interpolation import INTERPOLATION
from kerastl.training.model import build
from kerastl.training.optimizers import optimizer, optimizer_of
from kerastl.training.parts import split_and_freeze
from kerastl.training.stages import Training
from kerastl.training.state import State, assign
from networks import Learning, network


def trained(
    recipe: Recipe, learning: Learning, state: State | None = None, save: Any = lambda _: None
) -> tuple[keras.Model, State]:
    model, state = network(recipe, learning[0]), state or State()
    Training(model, recipe, learning, state, save=save).run()
    return model, state


def unfrozen(recipe: Recipe, **values: Any) -> Recipe:
    """Return the recipe with values of its second stage changed."""
    changed = attrs.evolve(recipe.stages[1], **values)
    return attrs.evolve(recipe, stages=(recipe.stages[0], changed))


def _many(recipe: Recipe) -> Recipe:
    return unfrozen(
        recipe,
        epochs=4,
        gradual=2,
        optimizer="SGD",
        schedule="one-cycle",
        clip=1.0,
        accumulate=2,
        averaging=0.2,
        layer_decay=0.8,
        l2_sp=0.01,
    )


def _until_it_is_enough(recipe: Recipe) -> Recipe:
    changed = unfrozen(
        recipe, epochs="auto", patience=2, schedule="plateau", normalization="estimated"
    )
    return attrs.evolve(changed, interpolate=True, focal=2.0)


def _following(recipe: Recipe) -> Recipe:
    return unfrozen(recipe, epochs=4, warmup=0.0, accumulate=7, normalization="training")


def _thin(recipe: Recipe) -> Recipe:
    return unfrozen(recipe, lora=2, unfreeze=0.4)


@pytest.mark.parametrize(
    ("methods", "stop"),
    [
        (_thin, 3),
        pytest.param(_many, 3, marks=pytest.mark.slow),
        pytest.param(_many, 4, marks=pytest.mark.slow),
        pytest.param(_until_it_is_enough, 4, marks=pytest.mark.slow),
        # In the epoch that is left nothing moves: its five steps are fewer than make one.
        pytest.param(_following, 5, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_gone_on_with_ends_as_without_a_stop(
    recipe: Recipe,
    learning: Learning,
    methods: Any,
    stop: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    for name in ("_SECONDS_BETWEEN_SAVES", "_PAUSES_A_SAVE"):
        monkeypatch.setattr(f"kerastl.training.callbacks.{name}", 0.0)
    recipe = methods(recipe)
    whole, expected = trained(recipe, learning)

    class KilledError(Exception):
        pass

    def save(state: State) -> None:
        state.save(tmp_path / "checkpoint.npz")
        if state.epoch == stop:
            raise KilledError

    with pytest.raises(KilledError):
        trained(recipe, learning, save=save)
    again, reached = trained(recipe, learning, State.load(tmp_path / "checkpoint.npz"))
    assert [{**row, "seconds": 0} for row in reached.rows] == [
        {**row, "seconds": 0} for row in expected.rows
    ]
    assert reached.audit == expected.audit
    for mine, theirs in zip(values_of(again.variables), values_of(whole.variables), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_stage_that_unfreezes_gradually(recipe: Recipe, learning: Learning):
    _, state = trained(unfrozen(recipe, gradual=2, unfreeze=0.4), learning)
    assert [row["stage"] for row in state.rows] == ["frozen"] * 2 + ["unfrozen-1", "unfrozen-2"]
    learned = [state.audit[name]["learning"] for name in ("frozen", "unfrozen-1", "unfrozen-2")]
    assert learned == sorted(set(learned))


def test_a_stage_that_ends_by_itself(recipe: Recipe, learning: Learning):
    _, state = trained(
        unfrozen(recipe, epochs="auto", patience=1, schedule="constant", learning_rate=0.3),
        learning,
    )
    losses = state.losses("unfrozen")
    assert len(losses) < 20
    assert losses[-1] >= min(losses[:-1])


@pytest.mark.slow
def test_learning_rates_that_fall_with_depth(recipe: Recipe, learning: Learning):
    model = network(recipe, learning[0])
    depth = {operation.name: number for operation, number in depths(model)}
    assert depth["head_logits"] == 0
    assert depth["conv_pw_13"] == 1
    ordered = [depth[f"conv_pw_{number}"] for number in range(13, 0, -1)]
    assert ordered == sorted(ordered)
    assert depth["conv1"] > ordered[0]

    def moved(layer_decay: float) -> dict[str, float]:
        model = network(recipe, learning[0])
        before = {weight.path: weight.numpy() for weight in model.weights}
        stage = Stage("s", 1, 1e-3, unfreeze=1.0, schedule="constant", layer_decay=layer_decay)
        tail = split_and_freeze(model, 1.0).tail
        tail.compile(optimizer_of(stage, 1, tail, model), "mse")
        tail.train_on_batch(learning[0].images[:4].astype(np.float32), np.eye(3)[[0, 1, 2, 0]])
        return {
            weight.path: float(np.abs(weight.numpy() - before[weight.path]).max())
            for weight in tail.trainable_weights
        }

    plain, falling = moved(1.0), moved(0.9)
    for name in ("conv1", "conv_pw_13", "head_logits"):
        path = f"{name}/kernel"
        assert falling[path] == pytest.approx(plain[path] * 0.9 ** depth[name], rel=1e-2)


def test_weights_decay_as_slowly_as_they_learn():
    first, second = keras.layers.Dense(2, name="first"), keras.layers.Dense(2, name="second")
    model = keras.Sequential([keras.Input((2,)), first, second])
    kernels = [layer.kernel for layer in (first, second)]
    before = values_of(kernels)
    decaying = optimizer("AdamW", 0.1, 0.5, model, scales=(0.1, 0.1, 1.0, 1.0))
    weights = model.trainable_weights
    decaying.apply([np.zeros(weight.shape, np.float32) for weight in weights], weights)
    for kernel, value, scale in zip(kernels, before, (0.1, 1.0), strict=True):
        np.testing.assert_allclose(kernel.numpy(), value * (1 - 0.1 * 0.5 * scale), rtol=1e-6)


def test_the_average_is_validated_and_kept(recipe: Recipe, learning: Learning):
    averaged = unfrozen(recipe, averaging=0.5, schedule="constant", epochs=3)
    model, state = trained(averaged, learning)
    logits = model.predict(learning[1].images.astype(np.float32), verbose=0)
    losses = losses_of(logits, learning[1].labels)
    best = state.rows[state.best_epoch - 1]
    assert best["stage"] == "unfrozen"
    assert float(losses.mean()) == pytest.approx(best["validation_loss"], rel=1e-3)


@pytest.mark.slow
def test_the_average_does_not_lead_the_training(recipe: Recipe, learning: Learning):
    def losses(**values: Any) -> list[float]:
        _, state = trained(unfrozen(recipe, schedule="constant", epochs=2, **values), learning)
        return [float(row["loss"]) for row in state.rows]

    assert losses(averaging=0.9) == losses()


@pytest.mark.slow
def test_weights_are_held_to_what_they_were(recipe: Recipe, learning: Learning):
    def distance(strength: float) -> float:
        held = unfrozen(recipe, l2_sp=strength, epochs=3, schedule="constant")
        model, state = trained(held, learning)
        start = state.anchor or values_of(network(recipe, learning[0]).variables)
        return sum(
            float(((now - before) ** 2).sum())
            for variable, now, before in zip(model.variables, state.model, start, strict=True)
            if "conv" in variable.path and "bn" not in variable.path
        )

    assert distance(100.0) < 0.2 * distance(0.0)


def test_what_holds_them_is_not_in_the_validation_loss(recipe: Recipe, learning: Learning):
    held = unfrozen(recipe, l2_sp=100.0, epochs=3, learning_rate=1e-2, schedule="constant")
    model, state = trained(held, learning)
    assign(model, state.model)
    logits = model.predict(learning[1].images.astype(np.float32), verbose=0)
    loss = float(losses_of(logits, learning[1].labels).mean())
    assert state.rows[-1]["validation_loss"] == pytest.approx(loss, rel=1e-3)
    assert float(state.rows[-1]["loss"]) > 2 * loss


def test_what_is_kept_lies_on_the_way_to_the_fine_tuned_model(recipe: Recipe, learning: Learning):
    both = attrs.evolve(unfrozen(recipe, epochs=3), interpolate=True)
    model, state = trained(both, learning)
    found = state.audit[INTERPOLATION]
    assert len(found["losses"]) == 11
    logits = model.predict(learning[1].images.astype(np.float32), verbose=0)
    loss = float(losses_of(logits, learning[1].labels).mean())
    assert loss == pytest.approx(min(found["losses"]), rel=1e-3)
    assert found["losses"][round(found["share"] * 10)] == min(found["losses"])


def test_what_is_kept_is_no_worse_than_the_best_epoch(
    recipe: Recipe, learning: Learning, capsys: pytest.CaptureFixture[str]
):
    frozen, tuned = recipe.stages
    # The second stage does harm: the way begins at the best epoch of the first, not at its last.
    harmed = (
        attrs.evolve(frozen, epochs=4, learning_rate=0.3, schedule="constant"),
        attrs.evolve(tuned, learning_rate=0.3, schedule="constant"),
    )
    model, state = trained(attrs.evolve(recipe, stages=harmed, interpolate=True), learning)
    logits = model.predict(learning[1].images.astype(np.float32), verbose=0)
    kept = float(losses_of(logits, learning[1].labels).mean())
    assert kept <= state.best_loss * 1.001
    found = state.audit[INTERPOLATION]
    assert found["losses"][0] == pytest.approx(min(state.losses("frozen")), rel=1e-3)
    in_vain = "Fine-tuning has found nothing better" in capsys.readouterr().out
    assert in_vain == (found["share"] == 0)


def test_a_way_that_goes_nowhere_is_warned_of(
    recipe: Recipe, learning: Learning, capsys: pytest.CaptureFixture[str]
):
    frozen, tuned = (
        attrs.evolve(stage, epochs=1, learning_rate=rate, schedule="constant", warmup=0.0)
        for stage, rate in zip(recipe.stages, (1e3, 1e-6), strict=True)
    )
    trained(attrs.evolve(recipe, stages=(frozen, tuned), interpolate=True), learning)
    assert "of chance: training has diverged" in capsys.readouterr().out


def test_half_of_the_way_adds_half_of_the_product(recipe: Recipe, learning: Learning):
    model, state = trained(attrs.evolve(_thin(recipe), interpolate=True), learning)
    share = state.audit[INTERPOLATION]["share"]
    layer = model.get_layer("conv_pw_13")
    assign(model, state.model)
    whole = layer.lora_kernel_a.numpy() @ layer.lora_kernel_b.numpy()
    assign(model, state.best)
    found = layer.lora_kernel_a.numpy() @ layer.lora_kernel_b.numpy()
    if state.best_epoch == state.epoch:
        np.testing.assert_allclose(found, share * whole, rtol=1e-4, atol=1e-7)
    assert state.best_epoch == state.epoch


def test_a_way_needs_both_ends(recipe: Recipe):
    for stages in (recipe.stages[:1], recipe.stages[1:]):
        with pytest.raises(UsageError, match="interpolate goes from a head on frozen layers to"):
            attrs.evolve(recipe, stages=stages, interpolate=True)


def test_statistics_are_estimated_anew_in_a_later_stage(recipe: Recipe, learning: Learning):
    model = network(recipe, learning[0])
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(layer.moving_mean * 1.1)
    before = model.get_layer("conv1_bn").moving_mean.numpy()
    state = State()
    Training(model, unfrozen(recipe, normalization="estimated"), learning, state).run()
    numbers = {variable.path: number for number, variable in enumerate(model.variables)}
    kept = state.model[numbers["conv1_bn/moving_mean"]]
    assert not np.allclose(kept, before)
    assert state.audit["unfrozen"]["unmoved"] == []


def test_more_steps_than_there_are_do_not_make_one(recipe: Recipe, tmp_path: Path):
    with pytest.raises(UsageError, match="has 10 steps in all, fewer than the accumulate=20"):
        kerastl.run(unfrozen(recipe, accumulate=20), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    "values",
    [
        {"accumulate": 8, "optimizer": "SGD"},
        pytest.param({"accumulate": 10}, marks=pytest.mark.slow),
        pytest.param({"optimizer": "Ftrl"}, marks=pytest.mark.slow),
    ],
)
def test_few_steps_are_no_fault(recipe: Recipe, learning: Learning, values: Any):
    _, state = trained(unfrozen(recipe, **values), learning)
    assert "unfrozen" in state.audit


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 64])
def test_batches_of_any_size(recipe: Recipe, learning: Learning, batch_size: int):
    _, state = trained(attrs.evolve(recipe, batch_size=batch_size), learning)
    assert state.audit.keys() == {"first batch", "frozen", "unfrozen"}


def test_what_is_added_to_kernels_learns_and_they_do_not(
    recipe: Recipe, learning: Learning, tmp_path: Path
):
    thin = _thin(recipe)
    model = network(thin, learning[0])
    before = {weight.path: weight.numpy() for weight in model.weights}
    photos = learning[1].images.astype(np.float32)
    plain = network(recipe, learning[0]).predict(photos, verbose=0)
    np.testing.assert_allclose(model.predict(photos, verbose=0), plain, atol=1e-5)
    state = State()
    Training(model, thin, learning, state).run()
    changed = {
        weight.path
        for weight in model.weights
        if not np.array_equal(weight.numpy(), before[weight.path])
    }
    layers = {path.split("/")[0] for path in changed}
    assert layers == {"head_logits", *(f"conv_pw_{number}" for number in range(8, 14))}
    assert {path.split("/")[1] for path in changed if path.startswith("conv")} == {
        "lora_kernel_a",
        "lora_kernel_b",
    }
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(
        again.predict(photos, verbose=0), model.predict(photos, verbose=0), atol=1e-5
    )
    (fast,) = inference_graph(model).once(photos)
    np.testing.assert_allclose(fast, model.predict(photos, verbose=0), rtol=1e-3, atol=1e-3)


def test_nothing_to_add_to_is_refused(recipe: Recipe):
    with pytest.raises(UsageError, match="set unfreeze above 0"):
        attrs.evolve(recipe.stages[0], lora=4)
    other = attrs.evolve(recipe.stages[1], name="third", lora=4)
    two = attrs.evolve(unfrozen(recipe, lora=2), stages=(*unfrozen(recipe, lora=2).stages, other))
    with pytest.raises(UsageError, match="the same rank, not"):
        build(two, 3)
    with pytest.raises(UsageError, match="but no convolution or dense layer of the backbone lies"):
        build(unfrozen(recipe, lora=2, unfreeze=0.001), 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"optimizer": "SDG"}, "no optimizer 'SDG' in keras.optimizers. Did you mean 'SGD'"),
        ({"optimizer_options": {"momentun": 1}}, "Optimizer AdamW cannot be made: .*momentun"),
        ({"optimizer_options": {"rate": 1}}, "Optimizer AdamW cannot be made: .*rate"),
    ],
)
def test_an_optimizer_that_does_not_exist(recipe: Recipe, values: Any, message: str):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    with pytest.raises(UsageError, match=message) as caught:
        optimizer_of(attrs.evolve(recipe.stages[0], **values), 5, model, model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": "auto"}, "Stage.schedule='cosine' has to know the number of epochs"),
        ({"epochs": "many"}, "a number of epochs from 1, or 'auto', not 'many'"),
        ({"epochs": 2, "gradual": 3}, "Stage.gradual=3 needs an epoch for each part"),
        ({"layer_decay": 0.0}, "Stage.layer_decay must be a share above 0"),
        ({"clip": 0}, "Stage.clip must be a number above 0"),
        ({"optimizer_options": 3}, "Stage.optimizer_options must be options by name"),
        ({"optimizer_options": {"weight_decay": 0.1}}, "has a field of its own: weight_decay"),
        ({"optimizer_options": {"global_clipnorm": 1}}, "has a field of its own: clip"),
        ({"normalization": "training", "averaging": 0.2}, "Stage.averaging and normalization="),
        ({"normalization": "training", "lora": 2, "unfreeze": 0.5}, "Stage.lora leaves batch norm"),
        ({"normalization": "none"}, "'frozen', 'estimated' or 'training', not 'none'"),
    ],
)
def test_impossible_stages(recipe: Recipe, values: Any, message: str):
    with pytest.raises(UsageError, match=message):
        attrs.evolve(recipe.stages[0], **values)
