"""What is learned from in a stage: the outputs of its trunk, kept or computed when needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from kerastl.cache import Array, Cache, NoPlaceError, Numbers, Rows, code_of, gather, id_of, ids_of
from kerastl.data.augmentation import CODE, view_of
from kerastl.data.mixing import Mixing, mixing_of
from kerastl.data.photos import Photos
from kerastl.live import progress
from kerastl.recipe import Recipe, Stage
from kerastl.training.losses import weights_of
from kerastl.training.parts import Parts
from kerastl.training.trunk import Trunk, trunk_of

# Photos to learn from, and photos to validate on.
Learning = tuple[Photos, Photos]

# Features that the cache does not take may fill so many bytes of memory. Of more, each epoch
# computes its own.
_MOST_BYTES = 2 * 2**30
# Features of so many bytes are held in memory for a stage; of more, each batch is read from disk.
_HELD_BYTES = 2**28


@attrs.frozen(eq=False)
class Features:
    """What a tail is given for the photos of a split.

    Args:
        labels: As of `Photos`.
        dtype: The type of the inputs.
        of: Gives, for the photos of some numbers in an epoch, an array for each of its inputs.
        held: The inputs of all photos, where they are few enough and the same in each epoch.
        weights: How much each counts in the loss, float32 `[photos]`; None where all count alike.
        mixing: Says how the photos of some numbers are mixed in an epoch, which those that `of`
            gives are; None where they are not.
    """

    labels: npt.NDArray[np.int64] = attrs.field(repr=False)
    dtype: np.dtype[Any]
    of: Callable[[Numbers, int], list[Array]] = attrs.field(repr=False)
    held: list[Array] | None = attrs.field(default=None, repr=False)
    weights: npt.NDArray[np.float32] | None = attrs.field(default=None, repr=False)
    mixing: Callable[[Numbers, int], Mixing] | None = attrs.field(default=None, repr=False)

    def told(self) -> list[Array]:
        """Return what is told of the photos: labels, and weights if there are any."""
        return [self.labels] if self.weights is None else [self.labels, self.weights]

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.labels)


@attrs.frozen(eq=False)
class Source:
    """Where the features of a stage come from.

    Args:
        trunk: What lies before the stage's cut; None where that is at the photo.
        cache: Where features are looked for and kept.
        batch_size: Photos that the trunk is given at a time.
        seed: Decides, with photo and number, what is seen in a view.
    """

    trunk: Trunk | None
    cache: Cache
    batch_size: int
    seed: int

    def features(self, photos: Photos, stage: Stage, epochs: range, what: str) -> Features:
        """Return the features of the photos.

        The trunk never changes during the stage. What it makes of a photo, or of each of a number
        of views of it, is computed once and kept; of views without end it is computed as it is
        needed.

        Args:
            photos: The photos of a split.
            stage: Says how they are augmented.
            epochs: Those that will see them.
            what: What the progress bar says.
        """
        kept = self._kept(photos, stage, epochs, what)
        if self.trunk and not kept:
            # Here, as the batches are made in threads of TensorFlow's.
            self.trunk.traced()
        mixing = self._mixing(photos, stage)

        def of(numbers: Numbers, epoch: int) -> list[Array]:
            view = stage.view_in(epoch)
            if self.trunk and view in kept:
                return self.trunk.parted(kept[view][numbers])
            images = _seen(photos, numbers, stage, self.seed, view)
            images = mixing(numbers, epoch).photos(images) if mixing else images
            return self.trunk(images) if self.trunk else [images]

        if self.trunk is None:
            photo = np.dtype(np.uint8 if stage == stage.plain else np.float32)
            return Features(photos.labels, photo, of, mixing=mixing)
        few = len(photos) * self.trunk.width * self.trunk.dtype.itemsize <= _HELD_BYTES
        held = self.trunk.parted(kept[None][:]) if None in kept and few else None
        return Features(photos.labels, self.trunk.dtype, of, held, mixing=mixing)

    def _mixing(self, photos: Photos, stage: Stage) -> Callable[[Numbers, int], Mixing] | None:
        mix, size = stage.mix, photos.images.shape[1]
        if mix is None:
            return None
        return lambda numbers, epoch: mixing_of(
            photos.ids[numbers], self.seed, epoch, mix, stage.mix_alpha, size
        )

    def _kept(
        self, photos: Photos, stage: Stage, epochs: range, what: str
    ) -> dict[int | None, Rows]:
        """Compute what is worth to be kept, as far as there is a place for it."""
        if self.trunk is None or stage.endless:
            return {}
        views = {stage.view_in(epoch) for epoch in epochs}
        most = _MOST_BYTES / max(1, len(views))
        try:
            return {view: self._rows(self.trunk, photos, stage, view, most, what) for view in views}
        except NoPlaceError:
            return {}

    def _rows(
        self,
        trunk: Trunk,
        photos: Photos,
        stage: Stage,
        view: int | None,
        most: float,
        what: str,
    ) -> Rows:
        def computed(numbers: Numbers) -> Iterator[tuple[Numbers, Array]]:
            with progress(what, len(numbers)) as done:
                for start in range(0, len(numbers), self.batch_size):
                    some = numbers[start : start + self.batch_size]
                    yield some, trunk.whole(trunk(_seen(photos, some, stage, self.seed, view)))
                    done(len(some))

        key = id_of(trunk.key.encode(), photos.reader.encode()).hex()
        table = self.cache.table(trunk.name, key, (trunk.width,), trunk.dtype)
        ids = photos.ids if view is None else _ids(photos, stage, self.seed, view)
        return gather(self.cache, table, ids, computed, most)[0]


def _seen(photos: Photos, numbers: Numbers, stage: Stage, seed: int, view: int | None) -> Array:
    images = photos.images[numbers]
    if view is None:
        return images
    return view_of(images, photos.ids[numbers], seed, view, stage.augment, stage.erase)


def _ids(photos: Photos, stage: Stage, seed: int, view: int) -> npt.NDArray[np.uint8]:
    """Return the ids of views, which depend on what draws them, too."""
    drawn = f"{np.__version__} {stage.augment} {stage.erase} {seed} {view}"
    what = id_of(code_of(*CODE), drawn.encode())
    return ids_of(id_of(photo.tobytes(), what) for photo in photos.ids)


def features_of(
    parts: Parts, recipe: Recipe, stage: Stage, epochs: range, photos: Learning, cache: Cache
) -> tuple[Features, Features]:
    """Return what the tail of a stage is given for the photos to learn from and to validate on.

    Args:
        parts: The model, taken apart.
        recipe: Its precision, batch size, balance and seed.
        stage: How photos are augmented.
        epochs: The numbers of those that will see them.
        photos: For training and for validation.
        cache: Where features are looked for and kept.
    """
    train, validation = photos
    # With nothing to compute before the cut, the tail begins with the photo.
    some = train.some(np.arange(min(recipe.photos_a_step, len(train))))
    trunk = trunk_of(parts.trunk, recipe.precision, some, cache) if parts.trunk.weights else None
    source = Source(trunk, cache, recipe.photos_a_step, recipe.seed)
    plain = stage.plain
    what = f"{stage.name}: features"
    learned = source.features(train, stage, epochs, what)
    return (
        attrs.evolve(learned, weights=weights_of(train, recipe.balance)),
        source.features(validation, plain, epochs, what),
    )
