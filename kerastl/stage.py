"""One stage of training, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from kerastl import stage_rules, validators
from kerastl.stage_rules import AUTO, FROZEN, NORMALIZATION

# A stage whose epochs are not told ends by itself, or after so many.
_MOST_EPOCHS = 100


@attrs.frozen
class Stage:
    """One stage of training: what learns, for how long, how fast.

    Args:
        name: What the stage is called in settings, records and figures.
        epochs: How many times every training photo is seen; `"auto"` ends the stage where the
            validation loss has not fallen for `patience` epochs.
        learning_rate: The highest learning rate of the stage; `"auto"` finds one (Smith, 2017).
        unfreeze: Share of the backbone that learns, counted in layers with weights from its end:
            0 is the head alone, 1 everything. It is snapped to the nearest cut.
        gradual: In so many parts of about equal length the share that learns grows to `unfreeze`,
            from the top down (Howard & Ruder, 2018). For data unlike the source's.
        schedule: `"cosine"` climbs to `learning_rate` and falls to 0 (Loshchilov & Hutter, 2017),
            `"one-cycle"` does so from a 25th to a 10,000th (Smith & Topin, 2018), `"step"` climbs
            and then falls to a tenth twice, after each third of the rest (He et al., 2016),
            `"plateau"` halves where the validation loss has not fallen for half of `patience`,
            `"constant"` stays where it is then.
        warmup: Share (0..1) of the stage that climbs, of `patience` epochs where `epochs` is
            `"auto"`; `"plateau"` and `"constant"` climb from epoch to epoch. Of 0, all begin at
            `learning_rate`.
        patience: Epochs without a lower validation loss that `"auto"` and `"plateau"` wait for.
        optimizer: The name of a class of `keras.optimizers`. `"AdamW"` without weight decay is
            Adam (Kingma & Ba, 2015); `"SGD"` has a momentum of 0.9 unless its options say it.
        optimizer_options: More of its own arguments, such as `{"momentum": 0.95}`.
        weight_decay: The decoupled weight decay (Loshchilov & Hutter, 2019); biases and
            normalisation are spared.
        layer_decay: What the learning rate is multiplied with at each cut on the way from the head
            down (Clark et al., 2020); 1 is the same for all. For large backbones and few photos.
        clip: The longest that all gradients together may be, None for as long as they are
            (Pascanu et al., 2013). Where the loss jumps.
        accumulate: Steps whose gradients are averaged before one is taken. Where a large batch
            does not fit into memory.
        averaging: Share (0..1) of the stage, of `patience` epochs where `epochs` is `"auto"`, that
            a running average of the weights reaches back over; the average is what is validated
            and kept (Polyak & Juditsky, 1992).
        l2_sp: How strongly what learns of the backbone is held to its pretrained values, by the
            half of the squared distance in the loss (Li et al., 2018). For few photos.
        lora: The rank of what is added to kernels after the cut, which are left as they are
            themselves; 0 for none (Hu et al., 2022). It has few weights, for few photos.
        normalization: What becomes of batch normalisation. `"frozen"` leaves its statistics as they
            are; `"estimated"` finds them anew before the stage begins, on 64 of the training photos
            (Li et al., 2016), for photos unlike the source's; `"training"` lets what lies after the
            cut learn and follow each batch, for many photos and large batches.
        augment: How training sees other views of the photos: `"light"` shows a part of each,
            mirrored or not, in another light (Szegedy et al., 2015). `"randaugment"` changes such
            a part by two operations (Cubuk et al., 2020), `"trivialaugment"` by one of any strength
            (Müller & Hutter, 2021), `"augmix"` mixes it with what chains of weak ones make of it
            (Hendrycks et al., 2020). None shows photos as they are.
        erase: The probability (0..1) that a rectangle of a photo is then filled with noise (Zhong
            et al., 2020).
        views: How many views of each photo there are, which the epochs turn through: their
            features are computed once and kept. None draws a new view in each epoch.
        mix: How photos of a batch, and their labels, are mixed: `"mixup"` lays one over another
            (Zhang et al., 2018), `"cutmix"` puts a part of one into another (Yun et al., 2019).
        mix_alpha: The parameter of the Beta distribution of their shares: the larger, the more is
            mixed. None is 0.2 for mixup, 1.0 for cutmix.
    """

    name: str = attrs.field(validator=validators.name)
    epochs: int | str = attrs.field(validator=validators.whole_or_auto("a number of epochs"))
    learning_rate: float | str = attrs.field(
        validator=validators.must_be(
            "a number above 0, or 'auto'",
            lambda value: value == AUTO or (validators.is_number(value) and value > 0),
        )
    )
    unfreeze: float = attrs.field(default=0.0, validator=validators.share)
    gradual: int = attrs.field(
        default=1,
        kw_only=True,
        validator=[validators.whole("a number of parts", 1), stage_rules.not_auto],
    )
    schedule: str = attrs.field(
        default="cosine",
        validator=[
            validators.one_of("cosine", "one-cycle", "step", "plateau", "constant"),
            stage_rules.with_a_horizon,
        ],
    )
    warmup: float = attrs.field(default=0.2, kw_only=True, validator=validators.part)
    patience: int = attrs.field(
        default=5, kw_only=True, validator=validators.whole("a number of epochs", 1)
    )
    optimizer: str = attrs.field(default="AdamW", kw_only=True, validator=validators.name)
    optimizer_options: Mapping[str, Any] = attrs.field(
        factory=dict, kw_only=True, validator=[validators.mapping, stage_rules.without_fields]
    )
    weight_decay: float = attrs.field(default=0.0, validator=validators.from_zero)
    layer_decay: float = attrs.field(
        default=1.0, kw_only=True, validator=validators.share_above_zero
    )
    clip: float | None = attrs.field(
        default=None,
        kw_only=True,
        validator=attrs.validators.optional(validators.above_zero),
    )
    accumulate: int = attrs.field(
        default=1, kw_only=True, validator=validators.whole("a number of steps", 1)
    )
    averaging: float = attrs.field(default=0.0, kw_only=True, validator=validators.part)
    l2_sp: float = attrs.field(default=0.0, kw_only=True, validator=validators.from_zero)
    lora: int = attrs.field(
        default=0, kw_only=True, validator=[validators.whole("a rank", 0), stage_rules.above_a_cut]
    )
    normalization: str = attrs.field(
        default=FROZEN,
        kw_only=True,
        validator=[validators.one_of(*NORMALIZATION), stage_rules.with_statistics],
    )
    augment: str | None = attrs.field(
        default=None,
        converter=validators.as_augment,
        validator=attrs.validators.optional(
            validators.one_of("light", "randaugment", "trivialaugment", "augmix")
        ),
    )
    erase: float = attrs.field(default=0.0, kw_only=True, validator=validators.share)
    views: int | None = attrs.field(
        default=None,
        validator=[
            attrs.validators.optional(validators.whole("a number of views", 1)),
            stage_rules.of_something,
        ],
    )
    mix: str | None = attrs.field(
        default=None,
        kw_only=True,
        validator=[
            attrs.validators.optional(validators.one_of("mixup", "cutmix")),
            stage_rules.without_views,
        ],
    )
    mix_alpha: float | None = attrs.field(
        default=None,
        kw_only=True,
        validator=[attrs.validators.optional(validators.above_zero), stage_rules.of_a_mixture],
    )

    @property
    def most_epochs(self) -> int:
        """The number of its epochs, or the most that there may be."""
        return _MOST_EPOCHS if self.epochs == AUTO else int(self.epochs)

    @property
    def horizon(self) -> int:
        """The number of its epochs, or of those that it waits for a lower validation loss."""
        return self.patience if self.epochs == AUTO else int(self.epochs)

    @property
    def plain(self) -> Stage:
        """The same stage, but that it sees photos as they are."""
        return attrs.evolve(self, augment=None, erase=0.0, views=None, mix=None, mix_alpha=None)

    @property
    def endless(self) -> bool:
        """Whether each epoch sees something else."""
        return bool(self.mix) or (self.views is None and self.view_in(0) is not None)

    def view_in(self, epoch: int) -> int | None:
        """Return the number of the view that an epoch sees; None for the photo as it is."""
        if not (self.augment or self.erase):
            return None
        return epoch % self.views if self.views else epoch

    def rated(self, rate: float) -> Stage:
        """Return the stage with a learning rate where its own is to be found."""
        return attrs.evolve(self, learning_rate=rate) if self.learning_rate == AUTO else self

    def parts(self) -> tuple[Stage, ...]:
        """Return the stages that it is made of: itself, unless it unfreezes gradually."""
        if self.gradual == 1:
            return (self,)
        epochs = self.most_epochs
        ends = [epochs * number // self.gradual for number in range(self.gradual + 1)]
        return tuple(
            attrs.evolve(
                self,
                name=f"{self.name}-{number + 1}",
                epochs=ends[number + 1] - ends[number],
                unfreeze=self.unfreeze * (number + 1) / self.gradual,
                gradual=1,
            )
            for number in range(self.gradual)
        )
