from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerastl.cache import id_of, ids_of
from kerastl.data.mixing import Mixing, mixing_of

COUNT, SIZE = 16, 24
IDS = ids_of(id_of(bytes([number])) for number in range(COUNT))
# Each is of one color, by which it is told from the others.
PHOTOS = np.repeat(15 * np.arange(COUNT), SIZE * SIZE * 3).reshape(COUNT, SIZE, SIZE, 3)
PHOTOS = PHOTOS.astype(np.uint8)
LABELS = np.eye(4, dtype=np.int64)[np.arange(COUNT) % 4]


def drawn(mix: str, **changes: Any) -> Mixing:
    return mixing_of(
        **({"ids": IDS, "seed": 0, "epoch": 0, "mix": mix, "alpha": 1.0, "size": SIZE} | changes)
    )


def seen(mixing: Mixing) -> np.ndarray:
    return mixing.photos(PHOTOS)


def test_mixup_lays_photos_and_labels_over_one_another():
    mixing = drawn("mixup")
    mixed, labels = seen(mixing), mixing.rows(LABELS)
    assert mixed.dtype == labels.dtype == np.float32
    for number, (partner, share) in enumerate(zip(mixing.partners, mixing.shares, strict=True)):
        expected = share * PHOTOS[number] + (1 - share) * PHOTOS[partner]
        np.testing.assert_allclose(mixed[number], expected, rtol=1e-5, atol=1e-4)
        expected = share * LABELS[number] + (1 - share) * LABELS[partner]
        np.testing.assert_allclose(labels[number], expected, atol=1e-6)


def test_cutmix_puts_a_part_into_a_photo_and_its_share_into_the_label():
    mixing = drawn("cutmix")
    labels = mixing.rows(LABELS)
    for number, (partner, mixed) in enumerate(zip(mixing.partners, seen(mixing), strict=True)):
        own, other = (mixed == PHOTOS[each][0, 0, 0] for each in (number, partner))
        assert (own | other).all()
        share = other.mean() if partner != number else 0.0
        expected = (1 - share) * LABELS[number] + share * LABELS[partner]
        np.testing.assert_allclose(labels[number], expected, atol=1e-6)
        rows, columns = (np.flatnonzero((~own).any(axis=(axis, 2))) for axis in (1, 0))
        assert (~own).sum() == 3 * len(rows) * len(columns)


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_labels_of_mixtures_are_shares(mix: str):
    mixing = drawn(mix)
    assert 0 <= seen(mixing).min() <= seen(mixing).max() <= 255
    np.testing.assert_allclose(mixing.rows(LABELS).sum(axis=1), 1, atol=1e-6)
    several = mixing.rows(np.ones((COUNT, 3), np.int64))
    np.testing.assert_array_equal(several, np.ones((COUNT, 3)))
    weights = np.linspace(0.5, 2, COUNT).astype(np.float32)
    expected = mixing.shares * weights + (1 - mixing.shares) * weights[mixing.partners]
    np.testing.assert_allclose(mixing.rows(weights), expected, rtol=1e-5)


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_a_mixture_is_decided_by_seed_epoch_and_batch_alone(mix: str):
    first = seen(drawn(mix))
    others = [drawn(mix, **change) for change in ({"seed": 1}, {"epoch": 1}, {"ids": IDS[::-1]})]
    np.testing.assert_array_equal(seen(drawn(mix)), first)
    for other in others:
        assert np.abs(seen(other) - first).mean() > 1
    alone = mixing_of(IDS[:1], 0, 0, mix, None, SIZE)
    np.testing.assert_array_equal(alone.photos(PHOTOS[:1]), PHOTOS[:1])


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_a_larger_alpha_mixes_more(mix: str):
    ids = ids_of(id_of(str(number).encode()) for number in range(500))
    mixed = [np.minimum(s, 1 - s).mean() for s in (shares(mix, ids, a) for a in (0.1, 1, 9))]
    assert mixed == sorted(mixed)
    default = {"mixup": 0.2, "cutmix": 1.0}[mix]
    np.testing.assert_array_equal(shares(mix, ids, None), shares(mix, ids, default))


def shares(mix: str, ids: np.ndarray, alpha: float | None) -> np.ndarray:
    return drawn(mix, ids=ids, alpha=alpha).shares
