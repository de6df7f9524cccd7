from __future__ import annotations

import attrs
import pytest

from kerastl.data import ImageFolder
from kerastl.errors import UsageError
from kerastl.recipe import Backbone, Head, Recipe, Stage


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stage("s", epochs=0, learning_rate=1e-3), "Stage.epochs must be"),
        (lambda: Stage("s", epochs=True, learning_rate=1e-3), "Stage.epochs must be"),
        (lambda: Stage("s", epochs=1, learning_rate=0), "Stage.learning_rate must be"),
        (lambda: Stage("s", epochs=1, learning_rate=float("inf")), "Stage.learning_rate must be"),
        (lambda: Stage("s", 1, 1e-3, unfreeze=1.5), "from 0 to 1, not 1.5"),
        (
            lambda: Stage("s", 1, 1e-3, schedule="linear"),
            "'plateau' or 'constant', not 'linear'",
        ),
        (
            lambda: Stage("s", 1, 1e-3, augment="autoaugment"),
            "'trivialaugment' or 'augmix', not",
        ),
        (lambda: Stage("s", 1, 1e-3, augment=1), "Stage.augment must be"),
        (lambda: Stage("s", 1, 1e-3, erase=2), "Stage.erase must be a share from 0 to 1"),
        (lambda: Stage("s", 1, 1e-3, mix="both"), "'mixup' or 'cutmix'"),
        (lambda: Stage("s", 1, 1e-3, mix="mixup", mix_alpha=0), "Stage.mix_alpha must be"),
        (lambda: Stage("s", 1, 1e-3, mix="mixup", views=2), "mix and views exclude each other"),
        (lambda: Stage("s", 1, 1e-3, views=2), "Stage.views=2 is of what augment or erase change"),
        (lambda: Stage("s", 1, 1e-3, mix_alpha=0.5), "Stage.mix_alpha=0.5 is of a mixture"),
        (lambda: Backbone("MobileNetV2", image_size=16), "Backbone.image_size must be"),
        (lambda: Backbone("MobileNetV2", weights=3), "Backbone.weights must be"),
        (lambda: Head(pooling="sum"), "Head.pooling must be"),
        (lambda: Head(hidden=(64, 0)), "Head.hidden must be"),
        (lambda: Head(dropout=1.0), "Head.dropout must be"),
    ],
)
def test_an_impossible_value_is_refused_in_one_line(make, message):
    with pytest.raises(UsageError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_truth_still_means_light_augmentation(recipe: Recipe):
    assert Stage("s", 1, 1e-3, augment=True).augment == "light"
    assert Stage("s", 1, 1e-3, augment=False).augment is None
    for text, expected in (("true", "light"), ("none", None), ("augmix", "augmix")):
        changed = recipe.override("stages.frozen.augment", text)
        assert changed.stages[0].augment == expected


def test_a_stage_says_what_its_epochs_see():
    plain = Stage("s", 1, 1e-3)
    assert (plain.view_in(5), plain.endless) == (None, False)
    erased = attrs.evolve(plain, erase=0.5, views=2)
    assert (erased.view_in(5), erased.endless) == (1, False)
    assert erased.plain == plain
    mixed = attrs.evolve(plain, mix="mixup")
    assert (mixed.view_in(5), mixed.endless) == (None, True)
    augmented = attrs.evolve(mixed, augment="augmix", mix=None)
    assert (augmented.view_in(5), augmented.endless) == (5, True)


@pytest.mark.parametrize("views", [0, 3, True, "two"])
def test_a_photo_is_looked_at_once_or_twice(recipe: Recipe, views):
    with pytest.raises(UsageError, match=r"Recipe\.test_views must be 1 or 2, not"):
        attrs.evolve(recipe, test_views=views)


def test_weights_are_a_tuple_however_they_are_written():
    assert Backbone("VGG16", weights="imagenet").weights == ("imagenet",)
    assert Backbone("VGG16", weights=None).weights == (None,)
    assert Backbone("VGG16", weights=["imagenet", None]).weights == ("imagenet", None)


def test_unfreeze_after_sets_the_length_of_the_frozen_stage(recipe: Recipe):
    changed = recipe.unfreeze_after(7)
    assert [stage.epochs for stage in changed.stages] == [7, 2]
    assert [stage.epochs for stage in recipe.stages] == [2, 2]


def test_unfreeze_after_0_drops_the_frozen_stage(recipe: Recipe):
    assert [stage.name for stage in recipe.unfreeze_after(0).stages] == ["unfrozen"]


def test_unfreeze_after_0_needs_a_stage_that_unfreezes(recipe: Recipe):
    frozen = attrs.evolve(recipe, stages=recipe.stages[:1])
    with pytest.raises(UsageError, match="no stage that unfreezes"):
        frozen.unfreeze_after(0)


def test_unfreeze_after_needs_a_frozen_stage(recipe: Recipe):
    unfrozen = attrs.evolve(recipe, stages=recipe.stages[1:])
    with pytest.raises(UsageError, match="no frozen stage"):
        unfrozen.unfreeze_after(5)
    assert unfrozen.unfreeze_after(0) == unfrozen


@pytest.mark.parametrize("epochs", [-1, 1.5, "five", True])
def test_unfreeze_after_takes_whole_numbers_from_0(recipe: Recipe, epochs):
    with pytest.raises(UsageError, match="number of epochs from 0"):
        recipe.unfreeze_after(epochs)


def test_stages_have_different_names():
    stage = Stage("s", 1, 1e-3)
    with pytest.raises(UsageError, match="different names"):
        Recipe(name="r", data=ImageFolder("x"), backbone=Backbone("VGG16"), stages=(stage, stage))


def test_build_gives_a_plain_keras_model(recipe: Recipe):
    import keras
    import numpy as np

    model = recipe.build(classes=4)
    assert isinstance(model, keras.Model)
    logits = model(np.zeros((2, 32, 32, 3), np.float32))
    assert logits.shape == (2, 4)
    assert logits.dtype == "float32"
