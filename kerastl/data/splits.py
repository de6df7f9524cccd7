"""Divides labelled photos into splits, class by class, as a seed decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kerastl.errors import DataError


def divide(
    labels: Sequence[int], shares: Mapping[str, float], classes: Sequence[str], seed: int
) -> dict[str, list[int]]:
    """Divide photos so that each split has its share of each class, and at least one photo of it.

    scikit-learn's `train_test_split` refuses classes of a few photos, which are common here.

    Args:
        labels: One label a photo, an index into the classes.
        shares: The share (0..1) of each split beside `train`, which gets the rest.
        classes: The names of the classes, for the error.
        seed: Decides which photo goes where.

    Returns:
        For each split the sorted indices of its photos, `train` among them.

    Raises:
        DataError: A class has fewer photos than there are splits.
    """
    import numpy as np

    asked = {name: share for name, share in shares.items() if share > 0}
    found: dict[str, list[int]] = {name: [] for name in ("train", *shares)}
    random = np.random.default_rng(seed)
    for label, name in enumerate(classes):
        photos = random.permutation(np.flatnonzero(np.asarray(labels) == label))
        total = len(photos)
        if len(photos) <= len(asked):
            raise DataError(
                f"Class {name!r} has {len(photos)} photos; at least {len(asked) + 1} are needed to "
                f"draw {' and '.join(asked)} from the training photos."
            )
        for split, share, places in zip(
            asked, asked.values(), range(len(asked), 0, -1), strict=True
        ):
            # Each split still to come, and train, keeps at least one photo.
            count = min(max(1, round(share * total)), len(photos) - places)
            taken, photos = photos[:count], photos[count:]
            found[split].extend(taken.tolist())
        found["train"].extend(photos.tolist())
    return {split: sorted(indices) for split, indices in found.items()}
