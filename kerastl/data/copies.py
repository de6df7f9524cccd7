"""Finds photos that are copies of one another, but not to the byte."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from kerastl.cache import Cache, code_of, gather, id_of, ids_of
from kerastl.data.facts import Facts

Images = npt.NDArray[np.float32]
Pairs = npt.NDArray[np.int64]

# So many cosines of each direction are a photo's print, as in pHash (Zauner, 2010).
_COSINES = 8
# Photos whose prints are less alike are no copies; those above are compared pixel by pixel.
_ALIKE = 0.75
# The least share of a copy's variance that is explained by the other photo and small shifts of it.
_EXPLAINED = 0.97
_ROWS_AT_ONCE = 512
_PAIRS_AT_ONCE = 1024
# Mean colours less their brightness are so far apart at most; nearer to grey there is no hue.
_HUES_APART, _COLORLESS = 40.0, 3.0
# Below this contrast, in grey levels, there is nothing to tell photos apart by.
_LEAST_CONTRAST = 2.0


def near_copies(thumbnails: npt.NDArray[np.uint8], means: npt.NDArray[np.uint8]) -> Pairs:
    """Return pairs that link all photos that are near-copies of one another.

    Of each photo the lowest cosines are compared with those of the eight ways in which another can
    be turned and mirrored. Where they are alike, one thumbnail is explained as the other in another
    light, a little shifted and stretched: by linear regression on the image and its derivatives
    along these changes, as in the first step of Lucas & Kanade (1981). Photos that others link
    already are not compared.

    What differs in its hue is no copy, as the same thing in another colour may be another class; a
    photo that has lost its colours is.

    Args:
        thumbnails: Grey, uint8 `[photos, side, side]`.
        means: The mean of each colour, uint8 `[photos, 3]`.

    Returns:
        Numbers of photos `[pairs, 2]`, the lower first, without repetition.
    """
    if len(thumbnails) < 2:
        return np.empty((0, 2), np.int64)
    looks = np.concatenate([thumbnails.reshape(len(thumbnails), -1), means], axis=1)
    _, firsts, same = np.unique(looks, axis=0, return_index=True, return_inverse=True)
    # Photos that look the same to the last bit need no comparison.
    alike = np.stack([firsts[same.reshape(-1)], np.arange(len(looks))], axis=1)
    alike = alike[(alike[:, 0] != alike[:, 1]) & (thumbnails.std(axis=(1, 2)) >= _LEAST_CONTRAST)]
    firsts.sort()
    near = firsts[_linking(thumbnails[firsts], means[firsts])]
    return np.unique(np.sort(np.concatenate([alike, near]), axis=1), axis=0)


def _linking(thumbnails: npt.NDArray[np.uint8], means: npt.NDArray[np.uint8]) -> Pairs:
    """Return pairs that link photos of which no two are the same."""
    images = _blurred(thumbnails.astype(np.float32))
    prints = _prints(thumbnails.astype(np.float32))
    found = np.empty((0, 2), np.int64)
    groups = np.arange(len(images))
    for one, other, turn in _candidates(prints):
        hues = _are_alike_in_hue(means[one].astype(np.float32), means[other].astype(np.float32))
        waiting = np.stack([one, other], axis=1)[hues]
        while len(waiting):
            waiting = waiting[groups[waiting[:, 0]] != groups[waiting[:, 1]]]
            some, waiting = waiting[:_PAIRS_AT_ONCE], waiting[_PAIRS_AT_ONCE:]
            turned, others = _turned(images[some[:, 0]], turn), images[some[:, 1]]
            explained = np.maximum(_explained(turned, others), _explained(others, turned))
            copies = some[explained >= _EXPLAINED]
            if len(copies):
                found = np.concatenate([found, copies])
                groups = components(found, len(images))
    return found


def kept_near_copies(
    thumbnails: npt.NDArray[np.uint8], means: npt.NDArray[np.uint8], cache: Cache
) -> Pairs:
    """Return the same, found again where the same photos were compared before.

    Args:
        thumbnails: Grey, uint8 `[photos, side, side]`.
        means: The mean of each colour, uint8 `[photos, 3]`.
        cache: Where it is looked for and kept.
    """
    one = ids_of([id_of(thumbnails.tobytes(), means.tobytes())])
    key = id_of(code_of(__name__), one.tobytes()).hex()
    found: list[Pairs] = []

    def pairs() -> Pairs:
        if not found:
            found.append(near_copies(thumbnails, means))
        return found[0]

    # How many there are is kept beside them: rows are of one size.
    counts, _ = gather(
        cache,
        cache.table("copies-count", key, (1,), np.int64),
        one,
        lambda numbers: [(numbers, np.array([[len(pairs())]]))],
    )
    count = int(counts[:].item())
    table = cache.table("copies", key, (count, 2), np.int64)
    rows, _ = gather(cache, table, one, lambda numbers: [(numbers, pairs()[np.newaxis])])
    return rows[:].reshape(-1, 2)


def all_copies(facts: Facts, cache: Cache) -> tuple[Pairs, Pairs]:
    """Return the pairs of photos that are copies to the byte, and those of near-copies.

    Args:
        facts: What is known of each; files that are no photos are in no pair.
        cache: Where it is looked for and kept.

    Returns:
        Numbers of photos `[pairs, 2]`. Of files that are the same, one is compared with others.
    """
    sound = np.flatnonzero(facts["reason"] == b"")
    ids = facts["id"][sound]
    _, firsts, same = np.unique(ids, axis=0, return_index=True, return_inverse=True)
    some = facts[sound][firsts]
    near = firsts[kept_near_copies(some["thumbnail"], some["mean"], cache)]
    others = np.setdiff1d(np.arange(len(sound)), firsts)
    exact = np.stack([firsts[same.reshape(-1)[others]], others], axis=1)
    return sound[exact], sound[near]


def components(pairs: Pairs, count: int) -> npt.NDArray[np.int64]:
    """Return, for so many photos, the number of the group that pairs make each a part of."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = pairs.T
    links = coo_array((np.ones(len(one)), (one, other)), shape=(count, count))
    members: npt.NDArray[np.int64] = connected_components(links, directed=False)[1]
    return members


def _are_alike_in_hue(one: Images, other: Images) -> npt.NDArray[np.bool_]:
    hues = [mean - mean.mean(axis=1, keepdims=True) for mean in (one, other)]
    apart = np.linalg.norm(hues[0] - hues[1], axis=1)
    least = np.minimum(*(np.linalg.norm(hue, axis=1) for hue in hues))
    alike: npt.NDArray[np.bool_] = (apart <= _HUES_APART) | (least <= _COLORLESS)
    return alike


def _blurred(images: Images) -> Images:
    from scipy.ndimage import gaussian_filter

    blurred: Images = gaussian_filter(images, (0, 1, 1))
    return blurred


def _prints(images: Images) -> Images:
    """Return the lowest cosines, each photo's of length 1; of photos without contrast zeros."""
    from scipy.fft import dctn

    found: Images = dctn(images, axes=(1, 2), norm="ortho")[:, :_COSINES, :_COSINES]
    found[:, 0, 0] = 0
    lengths = np.linalg.norm(found, axis=(1, 2), keepdims=True)
    least = _LEAST_CONTRAST * images.shape[1]
    return np.where(lengths >= least, found / np.maximum(lengths, least), np.float32(0))


def _candidates(prints: Images) -> Iterator[tuple[Pairs, Pairs, int]]:
    """Yield numbers of photos that may be copies, and how the first of them have to be turned."""
    flat = prints.reshape(-1, _COSINES**2)
    for start in range(0, len(prints), _ROWS_AT_ONCE):
        rows = prints[start : start + _ROWS_AT_ONCE]
        for turn in range(8):
            alike = _turned_print(rows, turn).reshape(-1, _COSINES**2) @ flat[start:].T
            one, other = np.nonzero(alike >= _ALIKE)
            later = one < other
            yield one[later] + start, other[later] + start, turn


def _turned(images: Images, turn: int) -> Images:
    """Return images in one of the eight ways in which a square can be turned and mirrored."""
    images = images.transpose(0, 2, 1) if turn & 4 else images
    rows, columns = (slice(None, None, -1 if turn & bit else 1) for bit in (2, 1))
    return images[:, rows, columns]


def _turned_print(prints: Images, turn: int) -> Images:
    """Return the prints of turned images: mirrored, every second cosine has the other sign."""
    signs = (-1.0) ** np.arange(prints.shape[1], dtype=np.float32)
    prints = prints.transpose(0, 2, 1) if turn & 4 else prints
    prints = prints * signs[:, np.newaxis] if turn & 2 else prints
    return prints * signs if turn & 1 else prints


def _explained(images: Images, others: Images) -> npt.NDArray[np.float64]:
    """Return the share of the others' variance that is explained by the images."""
    down, right = (np.asarray(each) for each in np.gradient(images, axis=(1, 2)))
    across = np.linspace(-1, 1, images.shape[1], dtype=np.float32)
    changes = [images, np.ones_like(images), right, across * right, down, across[:, None] * down]
    # At the edges there are no derivatives.
    basis = np.stack([change[:, 1:-1, 1:-1] for change in changes], axis=-1)
    basis = basis.reshape(len(images), -1, len(changes))
    wanted = others[:, 1:-1, 1:-1].reshape(len(images), -1, 1)
    gram = basis.transpose(0, 2, 1) @ basis + 1e-3 * np.eye(len(changes), dtype=np.float32)
    rest = wanted - basis @ np.linalg.solve(gram, basis.transpose(0, 2, 1) @ wanted)
    spread = ((wanted - wanted.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    share: npt.NDArray[np.float64] = 1 - (rest**2).sum(axis=(1, 2)) / np.maximum(spread, 1e-6)
    return share
