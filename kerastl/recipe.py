"""What a run needs, as values: the recipe is the first word of the flow."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from kerastl import settings, validators
from kerastl.errors import UsageError
from kerastl.labelled import DataSource, Division
from kerastl.stage import Stage as Stage

if TYPE_CHECKING:
    import keras


# How a photo becomes a square unless the recipe says otherwise.
SQUASH = "squash"


@attrs.frozen
class Backbone:
    """A pretrained network of `keras.applications`, without its top.

    Args:
        name: The Keras constructor's own name, such as `"MobileNetV2"`.
        image_size: Height and width in pixels of the photos it is given.
        options: The constructor's own keyword arguments, such as `{"alpha": 0.35}`.
        weights: `"imagenet"`, `"procedural"` for the source model that kerastl ships, the path of
            an `.h5` or `.weights.h5` file, or `None` for random weights; a tuple of those is tried
            in order.
    """

    name: str = attrs.field(validator=validators.name)
    image_size: int = attrs.field(default=224, validator=validators.whole("a number of pixels", 32))
    options: Mapping[str, Any] = attrs.field(
        factory=dict,
        kw_only=True,
        validator=validators.mapping,
    )
    weights: tuple[str | None, ...] = attrs.field(
        default=("imagenet",),
        kw_only=True,
        converter=validators.as_tuple,
        validator=validators.must_be(
            "'imagenet', 'procedural', a path, None, or several of those",
            lambda value: value and all(item is None or isinstance(item, str) for item in value),
        ),
    )


@attrs.frozen
class Head:
    """The new layers on top of the backbone: pooling, hidden layers, dropout, logits.

    Args:
        pooling: `"avg"`, `"max"`, or `"avg+max"` for the two side by side.
        hidden: Units of each hidden dense layer, in order.
        dropout: Share of the values dropped before each dense layer, 0 to 1.
    """

    pooling: str = attrs.field(default="avg", validator=validators.one_of("avg", "max", "avg+max"))
    hidden: tuple[int, ...] = attrs.field(
        default=(),
        converter=validators.as_tuple,
        validator=validators.must_be(
            "units of dense layers, each from 1",
            lambda value: all(validators.is_whole(units) and units > 0 for units in value),
        ),
    )
    dropout: float = attrs.field(default=0.2, validator=validators.part)


def _named_apart(instance: Any, attribute: attrs.Attribute[Any], stages: tuple[Stage, ...]) -> None:
    if not stages or not all(isinstance(stage, Stage) for stage in stages):
        raise UsageError("Recipe.stages must hold at least one Stage, and nothing else.")
    names = [part.name for stage in stages for part in stage.parts()]
    if len({*names}) < len(names):
        raise UsageError(f"Recipe.stages must have different names, not {', '.join(names)}.")


def _with_hard_labels(instance: Any, attribute: attrs.Attribute[Any], balance: str | None) -> None:
    """Refuse class weights with labels that are of several classes at once.

    Which of the weights such a label has is anybody's guess.
    """
    if balance == "weights" and instance.label_smoothing:
        raise UsageError(
            "Recipe.balance='weights' and label_smoothing exclude each other; set label_smoothing "
            "to 0, or balance to 'sampler'."
        )
    mixing = [stage.name for stage in instance.stages if stage.mix]
    if balance == "weights" and mixing:
        raise UsageError(
            "Recipe.balance='weights' and mix exclude each other; set "
            f"stages.{mixing[0]}.mix to None, or balance to 'sampler'."
        )


def _after_a_head(instance: Any, attribute: attrs.Attribute[Any], interpolate: bool) -> None:
    if interpolate and (instance.stages[0].unfreeze or not instance.stages[-1].unfreeze):
        raise UsageError(
            "Recipe.interpolate goes from a head on frozen layers to what is fine-tuned; set it to "
            "False, or let the first stage have unfreeze=0 and the last one more."
        )


@attrs.frozen(kw_only=True)
class Recipe:
    """What a run needs, in the order of the flow.

    Args:
        name: What the recipe tells apart.
        data: Where the photos come from.
        division: How they are divided into splits where the data do not say it.
        resize: How photos become squares: `"squash"` scales both sides, `"crop"` takes the largest
            square from the middle, `"pad"` adds black to the shorter side.
        backbone: The pretrained network.
        head: The new layers.
        stages: The stages of training, in order.
        balance: What is done where some classes have more photos to learn from than others:
            `"weights"` counts each photo by how rare its class is, `"sampler"` shows photos of all
            classes equally often, `None` takes the photos as they are.
        focal: How much less a photo counts in the loss that is told right already, 0 for all alike
            (Lin et al., 2017); 2 is usual. Where a few hard photos are among many easy ones.
        interpolate: Whether the model that is kept lies between the best one before anything of
            the backbone learns and what is fine-tuned, where the validation loss is lowest on the
            straight way from one to the other (Wortsman et al., 2022).
        label_smoothing: Share (0..1) of each label that is spread over all classes, so that the
            model does not grow more certain than it is right (Szegedy et al., 2016). It is in the
            losses of the history, and not in those of the scores.
        test_views: How often the trained model looks at a photo: with 2 its logits are the mean of
            those of the photo and of its mirror image (Krizhevsky et al., 2012), in scores,
            predictions and the SavedModel alike.
        batch_size: Photos a training step; `"auto"` takes as many as fit into memory, up to
            64, and up to 32 without a GPU.
        seed: Decides the splits, the first weights, the order of photos, dropout, augmentation.
        precision: `"float32"`, `"mixed"` (16-bit arithmetic, 32-bit weights), or `"auto"`: mixed
            on a GPU that gains from it, otherwise float32, but for frozen layers on a processor
            that multiplies in bfloat16, where their features stay the same by it.
    """

    name: str = attrs.field(validator=validators.name)
    data: DataSource = attrs.field(
        validator=validators.must_be(
            "a data source", lambda value: callable(getattr(value, "find", None))
        )
    )
    division: Division = attrs.field(
        factory=Division,
        validator=validators.must_be("a Division", lambda value: isinstance(value, Division)),
    )
    resize: str = attrs.field(default=SQUASH, validator=validators.one_of(SQUASH, "crop", "pad"))
    backbone: Backbone = attrs.field(
        validator=validators.must_be("a Backbone", lambda value: isinstance(value, Backbone))
    )
    head: Head = attrs.field(
        factory=Head, validator=validators.must_be("a Head", lambda value: isinstance(value, Head))
    )
    stages: tuple[Stage, ...] = attrs.field(converter=validators.as_tuple, validator=_named_apart)
    balance: str | None = attrs.field(
        default=None,
        validator=[
            attrs.validators.optional(validators.one_of("weights", "sampler")),
            _with_hard_labels,
        ],
    )
    focal: float = attrs.field(default=0.0, validator=validators.from_zero)
    interpolate: bool = attrs.field(default=False, validator=[validators.truth, _after_a_head])
    label_smoothing: float = attrs.field(default=0.0, validator=validators.part)
    test_views: int = attrs.field(
        default=1,
        validator=validators.must_be(
            "1 or 2", lambda value: validators.is_whole(value) and value in (1, 2)
        ),
    )
    batch_size: int | str = attrs.field(
        default=32, validator=validators.whole_or_auto("a number of photos")
    )
    seed: int = attrs.field(default=0, validator=validators.seed)
    precision: str = attrs.field(
        default="auto", validator=validators.one_of("auto", "float32", "mixed")
    )

    @property
    def photos_a_step(self) -> int:
        """The batch size as a number, which `"auto"` has to have become before."""
        return int(self.batch_size)

    @property
    def parts(self) -> tuple[tuple[Stage, Stage], ...]:
        """Each stage that is trained, after the one of `stages` that it is, or is a part of."""
        return tuple((stage, part) for stage in self.stages for part in stage.parts())

    def unfreeze_after(self, epochs: int) -> Recipe:
        """Return the recipe with a frozen stage of so many epochs; 0 drops the stage."""
        if not validators.is_whole(epochs) or epochs < 0:
            raise UsageError(f"unfreeze_after must be a number of epochs from 0, not {epochs!r}.")
        stages = tuple(stage for stage in self.stages if epochs or stage.unfreeze)
        if not stages:
            raise UsageError(
                f"Recipe {self.name!r} has no stage that unfreezes; epochs must be 1 or more."
            )
        if epochs and all(stage.unfreeze for stage in stages):
            raise UsageError(f"Recipe {self.name!r} has no frozen stage; epochs must be 0.")
        return attrs.evolve(
            self,
            stages=tuple(s if s.unfreeze else attrs.evolve(s, epochs=epochs) for s in stages),
        )

    def override(self, path: str, text: str) -> Recipe:
        """Return the recipe with one value changed: `override("stages.unfrozen.epochs", "3")`."""
        return settings.override(self, path, text)

    def build(self, classes: int) -> keras.Model:
        """Return the Keras model: photos `[batch, height, width, 3]` of 0..255 in, logits out.

        Args:
            classes: Number of classes, the width of the logits.

        Raises:
            WeightsError: None of the backbone's weights can be had or fits.
        """
        from kerastl.training.model import build

        network = build(self, classes)
        if network.weights.reason:
            warnings.warn(f"Weights of the backbone: {network.weights}", stacklevel=2)
        return network.model
