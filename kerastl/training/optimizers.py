"""Optimisers as every training here uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import keras

from kerastl.backbones.cuts import depths
from kerastl.errors import UsageError, did_you_mean, one_line
from kerastl.stage import Stage
from kerastl.training.schedules import schedule_of

_DEFAULTS: dict[str, dict[str, Any]] = {"SGD": {"momentum": 0.9}}
# Running averages reach back no fewer steps than this.
_FEWEST = 5


def optimizer_of(stage: Stage, steps: int, tail: keras.Model, whole: keras.Model) -> Any:
    """Return the stage's optimiser.

    Args:
        stage: What it is to be.
        steps: Steps an epoch.
        tail: What is trained.
        whole: The model that it is a part of.

    Raises:
        UsageError: There is no such optimiser, or it does not know one of its options.
    """
    options = dict(stage.optimizer_options)
    if stage.clip is not None:
        options["global_clipnorm"] = stage.clip
    if stage.accumulate > 1:
        options["gradient_accumulation_steps"] = stage.accumulate
    if stage.averaging:
        reach = stage.averaging * stage.horizon * steps
        options |= {"use_ema": True, "ema_momentum": momentum_of(reach)}
    scales = _scales(stage.layer_decay, tail, whole) if stage.layer_decay < 1 else ()
    rate = schedule_of(stage, steps)
    return optimizer(stage.optimizer, rate, stage.weight_decay, whole, scales, options)


def optimizer(
    name: str,
    rate: Any,
    weight_decay: float,
    model: keras.Model,
    scales: Sequence[float] = (),
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """Return an optimiser that spares biases and normalisation where it decays weights.

    Args:
        name: A class of `keras.optimizers`.
        rate: The learning rate, or its schedule.
        weight_decay: The decoupled weight decay (Loshchilov & Hutter, 2019).
        model: What is trained, for the precision its layers compute in.
        scales: What the learning rate of each trainable variable is multiplied with, or nothing.
        options: More of its own arguments.

    Raises:
        UsageError: There is no such optimiser, or it does not know one of its options.
    """
    # AdamW takes a decay of 0 off as well, and evaluates the schedule for each variable.
    kind = _known("Adam" if name == "AdamW" and not weight_decay else name)
    kind = _scaled(kind, scales) if scales else kind
    given = {**_DEFAULTS.get(name, {}), "weight_decay": weight_decay or None, **options}
    try:
        made = kind(rate, **given)
    except (TypeError, ValueError) as error:
        raise UsageError(f"Optimizer {name} cannot be made: {one_line(error)}") from error
    if weight_decay:
        made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    # Keras scales the loss by itself only where the model's own policy is mixed_float16, and not
    # where its layers' are: small gradients would become 0.
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        return keras.optimizers.LossScaleOptimizer(made)
    return made


def steps_of(optimizer: Any) -> int:
    """Return how many steps an optimiser has gone; batches that it accumulates make one.

    One that scales the loss may have left some out.
    """
    return int(_inner(optimizer).iterations)


def last_rate(optimizer: Any) -> float:
    """Return the learning rate of the last step that was taken."""
    inner = _inner(optimizer)
    rate = inner._learning_rate
    # Schedules are asked by the number of the batch.
    batches = steps_of(optimizer) * (inner.gradient_accumulation_steps or 1)
    return float(rate(max(0, batches - 1)) if callable(rate) else rate)


def _inner(optimizer: Any) -> Any:
    """Return the optimiser that takes the steps, which may be within one that scales the loss."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def momentum_of(steps: float) -> float:
    """Return how much of a running average has to stay for it to reach back so many steps."""
    return 1 - 1 / max(_FEWEST, steps)


def _known(name: str) -> Any:
    base = keras.optimizers.Optimizer
    kinds = {
        each: kind
        for each, kind in vars(keras.optimizers).items()
        if isinstance(kind, type) and issubclass(kind, base) and hasattr(kind, "update_step")
    }
    kinds = {each: kind for each, kind in kinds.items() if kind.update_step is not base.update_step}
    if name not in kinds:
        hint = did_you_mean(name, kinds)
        raise UsageError(f"There is no optimizer {name!r} in keras.optimizers. {hint}")
    return kinds[name]


def _scales(decay: float, tail: keras.Model, whole: keras.Model) -> list[float]:
    """Return what the learning rate of each variable that learns is multiplied with."""
    found = {
        id(weight): decay**depth
        for operation, depth in depths(whole)
        for weight in operation.weights
    }
    return [found[id(weight)] for weight in tail.trainable_weights]


def _scaled(kind: Any, scales: Sequence[float]) -> Any:
    """Return an optimiser whose learning rate differs from variable to variable."""

    class Scaled(kind):  # type: ignore[misc]
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            scale = scales[self._get_variable_index(variable)]
            super().update_step(gradient, variable, learning_rate * scale)

        def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
            # As Keras has it, but for the scale.
            for variable in variables if self.weight_decay is not None else ():
                if self._use_weight_decay(variable):
                    scale = scales[self._get_variable_index(variable)]
                    rate = keras.ops.cast(self.learning_rate * scale, variable.dtype)
                    variable.assign(variable - variable * self.weight_decay * rate)

    Scaled.__name__ = kind.__name__
    return Scaled
