"""What the training of a source model needs, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from kerastl import settings, validators
from kerastl.errors import UsageError
from kerastl.labelled import DataSource
from kerastl.recipe import Backbone, Head

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Images = tuple["npt.NDArray[np.uint8]", "npt.NDArray[np.int64]"]

# Most of the images may be small: what a network learns from them goes on to hold for large ones,
# and each costs a fraction (Howard, 2018; Tan & Le, 2021).
_SMALL_SHARE = 0.8
_SMALL_SCALE = 0.6
# Some of Keras's networks take no smaller images than 75 pixels.
_LEAST_SMALL = 76


@attrs.frozen(eq=False)
class Stream:
    """Labelled images without end, in an order that the seed decides.

    It goes on in rounds. Each round sees every image of a pool once, in an order and in views of
    its own; the pool may change from round to round.

    Args:
        classes: The names of the classes, in the order of their labels.
        pool_size: How many images a pool has.
        epoch_rounds: How many rounds make an epoch.
        pools: Opens the pools of all rounds from the one of that number on: images, uint8
            `[pool_size, height, width, 3]`, and labels `[pool_size]`.
        held_out: Images that no pool has, and their labels, to measure on.
        fingerprint: Tells these images from others.
        seed: Decides the order and the views.
    """

    classes: tuple[str, ...]
    pool_size: int
    epoch_rounds: int
    pools: Callable[[int], AbstractContextManager[Iterator[Images]]] = attrs.field(repr=False)
    held_out: Images = attrs.field(repr=False)
    fingerprint: str
    seed: int

    @property
    def epoch_size(self) -> int:
        """How many images an epoch has."""
        return self.epoch_rounds * self.pool_size

    def batches_a_round(self, batch_size: int) -> int:
        """Return how many batches of about equal size, none larger than asked, make a round."""
        return -(-self.pool_size // batch_size)

    def steps(self, batch_size: int) -> int:
        """Return how many batches make an epoch."""
        return self.epoch_rounds * self.batches_a_round(batch_size)


class StreamSource(Protocol):
    """Where a stream comes from."""

    def stream(self, seed: int, image_size: int) -> Stream:
        """Return the stream of that seed; its images are of that height and width in pixels."""
        ...


@attrs.frozen
class Phase:
    """A part of the training in which all images are of one size.

    Args:
        name: What the phase is called in settings and records.
        epochs: How long it lasts. An epoch sees every photo once, or 20,480 drawn images.
        scale: Height and width of the images, as a share (0..1) of the backbone's image size.
    """

    name: str = attrs.field(validator=validators.name)
    epochs: int = attrs.field(validator=validators.whole("a number of epochs", 1))
    scale: float = attrs.field(default=1.0, validator=validators.share_above_zero)


def phases(image_size: int, epochs: int) -> tuple[Phase, ...]:
    """Return the usual phases: most epochs on small images, the last ones on whole ones."""
    small = round(_SMALL_SHARE * epochs)
    if _SMALL_SCALE * image_size < _LEAST_SMALL or not 0 < small < epochs:
        return (Phase("whole", epochs),)
    return Phase("small", small, _SMALL_SCALE), Phase("whole", epochs - small)


def _from_random(instance: Any, attribute: attrs.Attribute[Any], backbone: Backbone) -> None:
    if not isinstance(backbone, Backbone) or backbone.weights != (None,):
        raise UsageError(
            f"Pretraining.backbone must be a Backbone with weights=None, not {backbone!r}."
        )


def _named_apart(instance: Any, attribute: attrs.Attribute[Any], value: tuple[Phase, ...]) -> None:
    if not value or not all(isinstance(phase, Phase) for phase in value):
        raise UsageError("Pretraining.phases must hold at least one Phase, and nothing else.")
    if len({phase.name for phase in value}) < len(value):
        raise UsageError("Pretraining.phases must have different names.")


@attrs.frozen(kw_only=True)
class Pretraining:
    """The training of a source model from random weights.

    Args:
        backbone: The network, with weights=None.
        data: Where the images come from.
        phases: The phases, in order.
        head: The layers on top while it is trained; they are not kept.
        learning_rate: The highest learning rate. It climbs to it over the first part of the
            training and falls to 0 along a cosine (Loshchilov & Hutter, 2017).
        warmup: Share (0..1) of the training that climbs.
        weight_decay: The decoupled weight decay of AdamW (Loshchilov & Hutter, 2019).
        label_smoothing: Share (0..1) of each label that is spread over all classes.
        averaging: Share (0..1) of the training that the running average of the weights reaches
            back over; the average is what is kept in the end (Polyak & Juditsky, 1992).
        batch_size: Images a step.
        seed: Decides the first weights, the images and their order.
        precision: As in a recipe.
        storage: `"float16"` halves the weights file: each tensor is stored so unless it would lose
            more than a thousandth of a value.
        name: What its runs are called; the backbone's name unless it is given.
    """

    backbone: Backbone = attrs.field(validator=_from_random)
    data: StreamSource | DataSource
    phases: tuple[Phase, ...] = attrs.field(converter=validators.as_tuple, validator=_named_apart)
    head: Head = attrs.field(factory=lambda: Head(dropout=0.1))
    learning_rate: float = attrs.field(default=3e-3, validator=validators.above_zero)
    warmup: float = attrs.field(default=0.05, validator=validators.part)
    weight_decay: float = attrs.field(default=0.02, validator=validators.from_zero)
    label_smoothing: float = attrs.field(default=0.1, validator=validators.part)
    averaging: float = attrs.field(default=0.05, validator=validators.part)
    batch_size: int = attrs.field(default=128, validator=validators.whole("a number of images", 1))
    seed: int = attrs.field(default=0, validator=validators.seed)
    precision: str = attrs.field(
        default="auto", validator=validators.one_of("auto", "float32", "mixed")
    )
    storage: str = attrs.field(default="float32", validator=validators.one_of("float32", "float16"))
    name: str = attrs.field(
        default=attrs.Factory(lambda self: self.backbone.name, takes_self=True),
        validator=validators.name,
    )

    @property
    def epochs(self) -> int:
        """How many epochs all phases have together."""
        return sum(phase.epochs for phase in self.phases)

    def backbone_in(self, phase: Phase) -> Backbone:
        """Return the backbone for the images of a phase."""
        size = round(phase.scale * self.backbone.image_size)
        return attrs.evolve(self.backbone, image_size=size)

    def schedule(self) -> Iterator[tuple[Phase, range]]:
        """Yield the phases with the numbers of their epochs on the one axis of all phases."""
        start = 0
        for phase in self.phases:
            yield phase, range(start, start + phase.epochs)
            start += phase.epochs

    def override(self, path: str, text: str) -> Pretraining:
        """Return the same with one value changed: `override("phases.whole.epochs", "3")`."""
        return settings.override(self, path, text)
