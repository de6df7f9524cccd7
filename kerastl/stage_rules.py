"""What the fields of a stage can be, and cannot be beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from kerastl.errors import UsageError

AUTO = "auto"
NORMALIZATION = FROZEN, ESTIMATED, TRAINING = ("frozen", "estimated", "training")
# What a field says of an optimiser, by the name of its argument.
_FIELDS = {
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "global_clipnorm": "clip",
    "gradient_accumulation_steps": "accumulate",
    "use_ema": "averaging",
    "ema_momentum": "averaging",
}
# Schedules that need not know how long a stage is: a rate holds for an epoch.
BY_EPOCH = ("plateau", "constant")


def with_a_horizon(instance: Any, attribute: attrs.Attribute[Any], schedule: str) -> None:
    """Refuse a schedule that has to know how long the stage is where nobody does."""
    if instance.epochs == AUTO and schedule not in BY_EPOCH:
        raise UsageError(
            f"Stage.schedule={schedule!r} has to know the number of epochs; with epochs='auto' it "
            "can be 'constant' or 'plateau'."
        )


def not_auto(instance: Any, attribute: attrs.Attribute[Any], parts: int) -> None:
    """Refuse parts of a stage that has fewer epochs, or nobody knows how many."""
    if parts > 1 and (instance.epochs == AUTO or parts > instance.epochs):
        raise UsageError(
            f"Stage.gradual={parts} needs an epoch for each part, not epochs={instance.epochs!r}."
        )


def above_a_cut(instance: Any, attribute: attrs.Attribute[Any], rank: int) -> None:
    """Refuse to add to layers of which none learns."""
    if rank and not instance.unfreeze:
        raise UsageError(
            f"Stage.lora={rank} adds to what lies after the stage's cut; set unfreeze above 0."
        )


def with_statistics(instance: Any, attribute: attrs.Attribute[Any], normalization: str) -> None:
    """Refuse what would go on with statistics of other weights, or not at all."""
    if normalization != TRAINING:
        return
    if instance.lora:
        raise UsageError(
            "Stage.lora leaves batch normalisation as it is; set normalization to 'frozen' or "
            "'estimated'."
        )
    if instance.averaging:
        raise UsageError(
            "Stage.averaging and normalization='training' exclude each other, as statistics are "
            "not averaged with the weights; set averaging to 0, or normalization to 'frozen'."
        )


def without_fields(
    instance: Any, attribute: attrs.Attribute[Any], options: Mapping[str, Any]
) -> None:
    """Refuse options of an optimiser that a field of the stage says already."""
    for name in options:
        if name in _FIELDS:
            raise UsageError(
                f"Stage.optimizer_options holds {name!r}, which has a field of its own: "
                f"{_FIELDS[name]}."
            )


def of_something(instance: Any, attribute: attrs.Attribute[Any], views: int | None) -> None:
    """Refuse views of what does not change."""
    # With a mixture, that is what is told.
    if views is not None and not (instance.augment or instance.erase or instance.mix):
        raise UsageError(
            f"Stage.views={views} is of what augment or erase change; set one of them, or views to "
            "None."
        )


def of_a_mixture(instance: Any, attribute: attrs.Attribute[Any], alpha: float | None) -> None:
    """Refuse the share of a mixture where nothing is mixed."""
    if alpha is not None and not instance.mix:
        raise UsageError(
            f"Stage.mix_alpha={alpha} is of a mixture; set mix to 'mixup' or 'cutmix', or "
            "mix_alpha to None."
        )


def without_views(instance: Any, attribute: attrs.Attribute[Any], mix: str | None) -> None:
    """Refuse to keep views of what is never the same."""
    if mix and instance.views is not None:
        raise UsageError(
            "Stage.mix and views exclude each other, as mixtures are never the same; set views to "
            "None, or mix to None."
        )
