from __future__ import annotations

from collections import Counter

import attrs
import numpy as np
import pytest
import tensorflow as tf

from kerastl.data.photos import Photos
from kerastl.data.pipeline import balanced
from kerastl.errors import DataError, UsageError
from kerastl.recipe import Recipe
from kerastl.training.losses import accuracy_of, loss_of, weights_of

LABELS = np.array([0] * 90 + [1] * 10)
SEVERAL = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]])


def photos(labels: np.ndarray, weights: np.ndarray | None = None) -> Photos:
    images = np.zeros((len(labels), 1, 1, 3), np.uint8)
    ids = np.zeros((len(labels), 16), np.uint8)
    return Photos(images, labels, ("",) * len(labels), ids, "", weights=weights)


def test_weights_make_the_classes_count_the_same():
    weights = weights_of(photos(LABELS), "weights")
    assert weights.dtype == np.float32
    assert weights.mean() == pytest.approx(1)
    assert weights[:90].sum() == pytest.approx(weights[90:].sum(), rel=1e-5)


def test_weights_of_photos_are_kept_within_a_class():
    of_photos = np.where(np.arange(100) % 2, 3, 1).astype(np.float32)
    assert weights_of(photos(LABELS), None) is None
    plain = weights_of(photos(LABELS, of_photos), None)
    np.testing.assert_allclose(plain, of_photos / 2)
    both = weights_of(photos(LABELS, of_photos), "weights")
    assert both[1] == pytest.approx(3 * both[0])
    assert both[:90].sum() == pytest.approx(both[90:].sum(), rel=1e-5)


def test_a_sampler_shows_the_classes_equally_often_and_each_photo_in_turn():
    seen: Counter[int] = Counter()
    for epoch in range(18):
        batches = list(balanced(LABELS, 32, 5, epoch))
        assert [len(batch) for batch in batches] == [32, 32, 32, 4]
        order = np.concatenate(batches)
        assert Counter(LABELS[order].tolist()) == {0: 50, 1: 50}
        seen.update(order.tolist())
        assert max(Counter(order.tolist()).values()) == 5
    assert min(seen.values()) >= 3
    again = np.concatenate(list(balanced(LABELS, 32, 5, 17)))
    np.testing.assert_array_equal(order, again)


def test_the_loss_of_several_labels_is_the_mean_over_them(recipe: Recipe):
    logits = np.random.default_rng(0).normal(size=SEVERAL.shape).astype(np.float32)
    targets = SEVERAL.astype(np.float32)
    expected = np.logaddexp(0, np.where(SEVERAL, -logits, logits)).mean()
    assert float(loss_of(recipe, SEVERAL)(targets, logits)) == pytest.approx(expected, rel=1e-5)


def test_rare_labels_count_more_when_balanced(recipe: Recipe):
    weighted = loss_of(recipe.override("balance", "weights"), SEVERAL)
    # Three photos of four have the first label and the third; nobody has the second.
    for targets, expected in (([0, 0, 1], 2 + 0.5 + 2 / 3), ([1, 1, 0], 2 / 3 + 1 + 2)):
        found = weighted(tf.constant([targets], tf.float32), tf.zeros((1, 3))).numpy()
        assert found == pytest.approx(np.log(2) * expected / 3)
    rare = np.eye(1, 1000, dtype=int).T
    found = loss_of(recipe.override("balance", "weights"), rare)
    assert found(tf.ones((1, 1)), tf.zeros((1, 1))).numpy() == pytest.approx(20 * np.log(2))
    with pytest.raises(DataError, match="cannot be shown equally often"):
        loss_of(recipe.override("balance", "sampler"), SEVERAL)


def test_accuracy_is_the_share_of_photos_of_which_all_is_right():
    metric = accuracy_of(SEVERAL)
    logits = np.where(SEVERAL, 1.0, -1.0)
    logits[0, 1] = 1.0
    metric.update_state(SEVERAL.astype(np.float32), logits)
    assert float(metric.result()) == pytest.approx(0.75)


def test_weights_are_refused_with_labels_of_several_classes_at_once(recipe: Recipe):
    with pytest.raises(UsageError, match="balance='weights' and label_smoothing exclude"):
        recipe.override("balance", "weights").override("label_smoothing", "0.1")
    assert recipe.override("balance", "sampler").override("label_smoothing", "0.1")
    with pytest.raises(UsageError, match=r"mix exclude each other; set stages\.unfrozen\.mix to"):
        recipe.override("stages.unfrozen.mix", "cutmix").override("balance", "weights")
    assert recipe.override("balance", "sampler").override("stages.unfrozen.mix", "cutmix")
    with pytest.raises(UsageError, match="balance must be 'weights' or 'sampler'"):
        recipe.override("balance", "both")


def test_the_focal_loss_counts_what_is_told_right_for_less(recipe: Recipe):
    logits = np.array([[4.0, 0.0, 0.0], [0.0, 0.1, 0.0]], np.float32)
    targets = np.eye(3, dtype=np.float32)[:2]
    labels = np.array([0, 1, 2])
    plain = loss_of(recipe, labels)
    focal = loss_of(attrs.evolve(recipe, focal=2.0), labels)
    shares = [
        np.mean(focal(targets[i : i + 1], logits[i : i + 1]))
        / np.mean(plain(targets[i : i + 1], logits[i : i + 1]))
        for i in range(2)
    ]
    certain = np.exp(logits).max(axis=1) / np.exp(logits).sum(axis=1)
    np.testing.assert_allclose(shares, (1 - certain) ** 2, rtol=1e-3)


@pytest.mark.parametrize("several", [False, True])
def test_the_focal_loss_counts_by_the_labels_as_they_are(recipe: Recipe, several: bool):
    focal = loss_of(
        attrs.evolve(recipe, focal=5.0, label_smoothing=0.1),
        np.eye(3, dtype=np.int64) if several else np.array([0, 1, 2]),
    )
    targets, logits = np.eye(3, dtype=np.float32)[:1], np.array([[1, -1, -1]], np.float32)
    sure, unsure = (focal(targets, size * logits) for size in (2.0, 0.1))
    assert np.mean(sure) < 0.1 * np.mean(unsure)


def test_labels_are_balanced_and_focal(recipe: Recipe):
    labels = np.array([[1, 0]] * 9 + [[0, 1]])
    logits, targets = np.array([[3, -3]], np.float32), np.array([[1, 0]], np.float32)
    recipe = attrs.evolve(recipe, balance="weights")
    plain, focal = (
        np.mean(loss_of(attrs.evolve(recipe, focal=gamma), labels)(targets, logits))
        for gamma in (0.0, 2.0)
    )
    missed = 1 - 1 / (1 + np.exp(-3.0))
    assert focal == pytest.approx(plain * missed**2, rel=1e-4)
