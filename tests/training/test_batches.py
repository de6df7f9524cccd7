from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from kerastl.cache import Cache, id_of, ids_of
from kerastl.data.augmentation import view_of
from kerastl.data.photos import Photos
from kerastl.data.pipeline import shuffled
from kerastl.recipe import Recipe, Stage
from kerastl.training.batches import training_batches, validation_batches
from kerastl.training.features import Features, features_of
from kerastl.training.model import build
from kerastl.training.parts import Parts, split_and_freeze

COUNT, SIZE, EPOCH = 12, 5, 3


@pytest.fixture(scope="module")
def twelve() -> Photos:
    random = np.random.default_rng(0)
    return Photos(
        random.integers(0, 256, (COUNT, 32, 32, 3)).astype(np.uint8),
        np.arange(COUNT) % 3,
        ("",) * COUNT,
        ids_of(id_of(bytes([number])) for number in range(COUNT)),
        "",
        weights=random.uniform(0.5, 2, COUNT).astype(np.float32),
    )


@pytest.fixture(scope="module")
def parts(recipe: Recipe) -> Parts:
    return split_and_freeze(build(recipe, 3).model, 1.0)


def taken(
    recipe: Recipe, parts: Parts, photos: Photos, **changes: Any
) -> tuple[Features, list[tuple[np.ndarray, ...]], list[tuple[np.ndarray, ...]]]:
    """Return the features, and the batches for training and for validation of one epoch."""
    stage = Stage("all", EPOCH + 1, 1e-3, unfreeze=1.0, **changes)
    recipe = attrs.evolve(recipe, stages=(stage,))
    epochs = range(EPOCH, EPOCH + 1)
    train, validation = features_of(parts, recipe, stage, epochs, (photos, photos), Cache())
    learned = training_batches(train, parts.tail, SIZE, recipe.seed, epochs)
    seen = validation_batches(validation, parts.tail, SIZE)
    return train, list(learned.as_numpy_iterator()), list(seen.as_numpy_iterator())


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
@pytest.mark.parametrize("several", [False, True])
def test_photos_labels_and_weights_are_mixed_in_the_same_shares(
    recipe: Recipe, parts: Parts, twelve: Photos, mix: str, several: bool
):
    photos, targets = twelve, np.eye(3)[twelve.labels]
    if several:
        targets[:, 0] = 1
        photos = attrs.evolve(photos, labels=targets.astype(np.int64))
    train, batches, _ = taken(recipe, parts, photos, mix=mix, augment="trivialaugment")
    assert train.weights is not None
    numbers = list(shuffled(COUNT, SIZE, recipe.seed, EPOCH))
    for some, (inputs, labels, weights) in zip(numbers, batches, strict=True):
        mixing = train.mixing(some, EPOCH)
        seen = view_of(photos.images[some], photos.ids[some], recipe.seed, EPOCH, "trivialaugment")
        np.testing.assert_array_equal(inputs, mixing.photos(seen))
        own = mixing.shares[:, None]
        expected = own * targets[some] + (1 - own) * targets[some][mixing.partners]
        np.testing.assert_allclose(labels, expected, atol=1e-6)
        counted = train.weights[some]
        expected = mixing.shares * counted + (1 - mixing.shares) * counted[mixing.partners]
        np.testing.assert_allclose(weights, expected, rtol=1e-5)
    assert inputs.dtype == labels.dtype == weights.dtype == np.float32


@pytest.mark.parametrize("changes", [{"mix": "cutmix"}, {"augment": "augmix", "erase": 1.0}])
def test_validation_sees_photos_as_they_are(
    recipe: Recipe, parts: Parts, twelve: Photos, changes: dict[str, Any]
):
    _, _, batches = taken(recipe, parts, twelve, **changes)
    images, labels = (np.concatenate(each) for each in zip(*batches, strict=True))
    np.testing.assert_array_equal(images, twelve.images)
    np.testing.assert_array_equal(labels, np.eye(3)[twelve.labels])
