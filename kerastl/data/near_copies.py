"""Finds photos that show the same, but are not the same to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from kerastl.cache import id_of

Images = npt.NDArray[np.float32]
Thumbnails = npt.NDArray[np.uint8]
Pairs = npt.NDArray[np.int64]

# So many cosines of each direction are a photo's print, as in pHash (Zauner, 2010).
_COSINES = 8
# Photos whose prints are less alike are no copies; those above are compared pixel by pixel.
_ALIKE = 0.75
# The least share of a copy's variance that is explained by the other photo and small shifts of it,
# without what so many photos and more have in common, but for a part that is always its own.
_EXPLAINED = 0.97
_ENOUGH = 50
_LEAST_OWN = 0.1
_ROWS_AT_ONCE = 512
# A photo is compared with so many others that come after it, those most like it.
_MOST_NEIGHBOURS = 12
_PAIRS_AT_ONCE = 1024
_IMAGES_AT_ONCE = 1024
# Mean colours less their brightness are so far apart at most; nearer to grey there is no hue.
_HUES_APART, _COLORLESS = 40.0, 3.0
# Below this contrast, in grey levels, there is nothing to tell photos apart by.
_LEAST_CONTRAST = 2.0


def near_copies(thumbnails: Thumbnails, means: npt.NDArray[np.uint8]) -> Pairs:
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
    both = zip(thumbnails, means, strict=True)
    looks = np.array([id_of(image.tobytes(), mean.tobytes()) for image, mean in both])
    _, firsts, same = np.unique(looks, return_index=True, return_inverse=True)
    # Photos that look the same to the last bit need no comparison.
    alike = np.stack([firsts[same], np.arange(len(looks))], axis=1)
    contrasts = _in_parts(lambda images: images.std(axis=(1, 2)), thumbnails)
    alike = alike[(alike[:, 0] != alike[:, 1]) & (contrasts >= _LEAST_CONTRAST)]
    firsts.sort()
    near = firsts[_linking(thumbnails[firsts], means[firsts])]
    return np.unique(np.sort(np.concatenate([alike, near]), axis=1), axis=0)


def _linking(thumbnails: Thumbnails, means: npt.NDArray[np.uint8]) -> Pairs:
    """Return pairs that link photos of which no two are the same."""
    # In half precision all of them together take little memory.
    images = _in_parts(lambda some: _blurred(some).astype(np.float16), thumbnails)
    prints = _in_parts(_prints, thumbnails)
    most = (1 - _EXPLAINED) * _own_spread(images)
    found = np.empty((0, 2), np.int64)
    groups = np.arange(len(images))
    for one, other, turns in _candidates(prints):
        hues = _are_alike_in_hue(means[one].astype(np.float32), means[other].astype(np.float32))
        pairs = np.stack([one, other, turns], axis=1)[hues]
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            some = pairs[start : start + _PAIRS_AT_ONCE]
            some = some[groups[some[:, 0]] != groups[some[:, 1]]]
            for turn in np.unique(some[:, 2]).tolist():
                one, other = some[some[:, 2] == turn, :2].T
                first, second = (images[side].astype(np.float32) for side in (one, other))
                pair = _turned(first, turn), second
                copies = (_unexplained(*pair) <= most[other]) | (
                    _unexplained(*reversed(pair)) <= most[one]
                )
                found = np.concatenate([found, np.stack([one, other], axis=1)[copies]])
            groups = components(found, len(images))
    return found


def components(pairs: Pairs, count: int) -> npt.NDArray[np.int64]:
    """Return, for so many photos, the number of the group that pairs make each a part of."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = pairs.T
    links = coo_array((np.ones(len(one)), (one, other)), shape=(count, count))
    members: npt.NDArray[np.int64] = connected_components(links, directed=False)[1]
    return members


def _in_parts(function: Callable[[Images], Any], images: npt.NDArray[Any]) -> Any:
    """Return what a function makes of images of floats, without many of those at a time."""
    starts = range(0, len(images), _IMAGES_AT_ONCE)
    parts = (images[start : start + _IMAGES_AT_ONCE].astype(np.float32) for start in starts)
    return np.concatenate([function(part) for part in parts])


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


def _candidates(prints: Images) -> Iterator[tuple[Pairs, Pairs, Pairs]]:
    """Yield numbers of photos that may be copies, and how the first of them have to be turned.

    Of photos that are all alike, such as faces in the middle of each, those most alike are enough.
    """
    flat = prints.reshape(-1, _COSINES**2)
    for start in range(0, len(prints), _ROWS_AT_ONCE):
        rows = prints[start : start + _ROWS_AT_ONCE]
        later = np.arange(start, len(prints)) > np.arange(start, start + len(rows))[:, np.newaxis]
        found = []
        for turn in range(8):
            alike = _turned_print(rows, turn).reshape(-1, _COSINES**2) @ flat[start:].T
            one, other = _most_alike(np.where(later, alike, -1))
            found.append((one, other, np.full(len(one), turn), alike[one, other]))
        one, other, turns, alike = map(np.concatenate, zip(*found, strict=True))
        order = np.lexsort((-alike, one))
        # The place of each among those of its row, the most alike first.
        places = np.arange(len(order)) - np.searchsorted(one[order], one[order])
        kept = order[places < _MOST_NEIGHBOURS]
        yield one[kept] + start, other[kept] + start, turns[kept]


def _most_alike(alike: Images) -> tuple[Pairs, Pairs]:
    """Return rows and columns of what is alike enough, the most alike of each row if many are."""
    are_alike = alike >= _ALIKE
    if np.count_nonzero(are_alike) <= len(alike) * _MOST_NEIGHBOURS:
        row, column = np.nonzero(are_alike)
        return row, column
    columns = np.argpartition(-alike, _MOST_NEIGHBOURS, axis=1)[:, :_MOST_NEIGHBOURS]
    rows = np.arange(len(alike))[:, np.newaxis]
    row, place = np.nonzero(alike[rows, columns] >= _ALIKE)
    return row, columns[row, place]


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


def _own_spread(images: Images) -> Images:
    """Return how far each photo is from even grey, less what all photos have in common.

    Of X-rays, or of faces in the middle of each photo, one explains most of any other.
    """
    whole: Images = _in_parts(lambda some: (_centered(some) ** 2).sum(axis=1), images)
    if len(images) < _ENOUGH:
        return whole
    sums = _in_parts(lambda some: _centered(some).sum(axis=0, keepdims=True), images)
    common = sums.sum(axis=0) / len(images)
    along = _in_parts(lambda some: _centered(some) @ common, images)
    shared = along**2 / max(float(common @ common), 1e-6)
    own: Images = np.maximum(whole - shared, _LEAST_OWN * whole)
    return own


def _centered(images: Images) -> Images:
    """Return images as rows of pixels, each less its mean."""
    inner = _inner(images)
    centered: Images = inner - inner.mean(axis=1, keepdims=True)
    return centered


def _inner(images: Images) -> Images:
    """Return images as rows of pixels but for their edges, where there are no derivatives."""
    return images[:, 1:-1, 1:-1].reshape(len(images), -1)


def _unexplained(images: Images, others: Images) -> Images:
    """Return how far the others are from what the images explain of them, squared."""
    down, right = (np.asarray(each) for each in np.gradient(images, axis=(1, 2)))
    across = np.linspace(-1, 1, images.shape[1], dtype=np.float32)
    changes = [images, np.ones_like(images), right, across * right, down, across[:, None] * down]
    basis = np.stack([_inner(change) for change in changes], axis=-1)
    wanted = _inner(others)[..., np.newaxis]
    gram = basis.transpose(0, 2, 1) @ basis + 1e-3 * np.eye(len(changes), dtype=np.float32)
    rest = wanted - basis @ np.linalg.solve(gram, basis.transpose(0, 2, 1) @ wanted)
    distance: Images = (rest**2).sum(axis=(1, 2))
    return distance
