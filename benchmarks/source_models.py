"""Measure what a source model is worth where photos are few: real photos, and the drawn candy.

    python benchmarks/source_models.py DATA [--seeds 3] [--only flowers-20]

DATA holds `candy_photos`, `flowers` and `weights`, the same as the tests' `KERASTL_TEST_DATA`. All
with MobileNetV2 of width 0.35 at 128 pixels; accuracy on photos that neither training nor the
choice of an epoch has seen:

    a  random weights, all layers trained for the seconds that d takes, the better of two ways:
       with and without augmentation
    b  a head on frozen random weights
    c  a head on frozen procedural weights
    d  procedural weights, the head first, then all layers
    e  ImageNet weights: frozen, as c; and fine-tuned, as d

The network of a has a fair chance: batch normalisation learns, with a momentum of 0.9 instead of
Keras's 0.999, and the learning rate falls to 0 at the end of its time. It is given the validation
photos to train on, too.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

import attrs
import keras
import numpy as np
import tensorflow as tf

import kerastl
from kerastl.console import console
from kerastl.data import TFDS, ImageFolder, Photos, read_photos
from kerastl.data.augmentation.light import DRAWS, views
from kerastl.labelled import DataSource, Labelled
from kerastl.recipe import Backbone, Head, Recipe, Stage

IMAGENET = "weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
SIZE = 128
# Of the photos of a class, those that choose the epoch.
VALIDATION = 0.2
HEAD = (Stage("frozen", epochs=30, learning_rate=1e-2),)
ALL = (
    Stage("frozen", epochs=5, learning_rate=5e-3),
    Stage("unfrozen", epochs=20, learning_rate=1e-3, unfreeze=1.0),
)


@attrs.frozen
class Few:
    """Some photos of each class of another source; what that holds back is for the test.

    Args:
        source: Where the photos come from.
        held_back: The name of its split that is only for the test.
        photos: How many of a class there are to learn from; all of them without.
        rest: Whether the photos that are not among those are for the test, too.
        seed: Draws the photos.
    """

    source: DataSource
    held_back: str
    photos: int | None = None
    rest: bool = False
    seed: int = 0

    def find(self) -> Labelled:
        """Return the photos in their splits."""
        found = self.source.find()
        labels = np.array(found.photos.labels)
        free = np.array(found.splits) != self.held_back
        random, learning = np.random.default_rng(self.seed), np.zeros(len(labels), bool)
        validation = learning.copy()
        for label in range(len(found.classes)):
            some = random.permutation(np.flatnonzero(free & (labels == label)))[: self.photos]
            learning[some] = True
            validation[some[: max(1, round(VALIDATION * len(some)))]] = True
        test = ~learning if self.rest else ~free
        parts = {"train": learning & ~validation, "validation": validation, "test": test}
        photos = {
            name: found.photos.some(np.flatnonzero(part).tolist()) for name, part in parts.items()
        }
        return Labelled.of(photos, found.classes)


def main() -> None:
    """Print the accuracies, seed by seed, and a table of means and ranges."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    console.quiet = True
    flowers = ImageFolder(arguments.data / "flowers")
    candy_photos = ImageFolder(arguments.data / "candy_photos")
    sources = {
        "candy, drawn": Few(TFDS("candy"), "test"),
        "flowers": Few(flowers, "validation"),
        "flowers-20": Few(flowers, "validation", 20),
        "candy_photos-5": Few(candy_photos, "test", 5),
        "candy_photos-5, rest": Few(candy_photos, "test", 5, rest=True),
    }
    table = []
    for name, source in sources.items():
        if arguments.only in (None, name):
            rows = []
            for seed in range(arguments.seeds):
                rows.append(measured(source, str(arguments.data / IMAGENET), seed))
                shown = "  ".join(f"{way} {value:.3f}" for way, value in rows[-1].items())
                print(f"{name:<20} seed {seed}  {shown}", flush=True)
            table.append((name, rows))
    print()
    for name, rows in table:
        cells = [[row[way] for row in rows] for way in rows[0]]
        texts = [f"{mean(some):.3f} ({min(some):.3f} to {max(some):.3f})" for some in cells]
        print(f"| {name} | {' | '.join(texts)} |")


def measured(source: Few, imagenet: str, seed: int) -> dict[str, float]:
    """Return the accuracy of each way."""
    source = attrs.evolve(source, seed=seed)
    fine_tuned, seconds = transferred(source, "procedural", ALL, seed)
    random = max(from_random(source, seconds, seed, augment) for augment in (False, True))
    return {
        "a": random,
        "b": transferred(source, None, HEAD, seed)[0],
        "c": transferred(source, "procedural", HEAD, seed)[0],
        "d": fine_tuned,
        "e frozen": transferred(source, imagenet, HEAD, seed)[0],
        "e fine-tuned": transferred(source, imagenet, ALL, seed)[0],
        "seconds": seconds,
    }


def recipe_of(
    source: DataSource, weights: str | None, stages: tuple[Stage, ...], seed: int
) -> Recipe:
    """Return the recipe of one way."""
    backbone = Backbone("MobileNetV2", SIZE, options={"alpha": 0.35}, weights=weights)
    return Recipe(
        name="measured", data=source, backbone=backbone, head=Head(), stages=stages, seed=seed
    )


def transferred(
    source: DataSource, weights: str | None, stages: tuple[Stage, ...], seed: int
) -> tuple[float, float]:
    """Return the accuracy on the test photos, and the seconds of the stages."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = recipe_of(source, weights, stages, seed)
        run = kerastl.run(recipe, Path(folder) / "run", exporting=False)
    seconds = sum(value for part, value in run.seconds.items() if part.startswith("stage "))
    return run.scores["test"].accuracy, seconds


def from_random(source: DataSource, seconds: float, seed: int, augment: bool) -> float:
    """Return the accuracy of the network when all of it learns from random weights."""
    keras.utils.set_random_seed(seed)
    splits = source.find().parted()
    train, validation, test = (read_photos(split, SIZE) for split in splits[:3])
    model = recipe_of(source, None, HEAD, seed).build(len(splits.classes))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    model.compile(
        optimizer=keras.optimizers.AdamW(0.0, weight_decay=0.02),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    batches = _batches(train, validation, seed, augment)
    # The graph is traced before the time begins, and learns nothing by it.
    model.fit(batches, steps_per_epoch=1, verbose=0)
    model.fit(batches, steps_per_epoch=10**9, callbacks=[Timed(seconds)], verbose=0)
    logits = model.predict(test.images.astype(np.float32), verbose=0)
    return float((logits.argmax(axis=1) == test.labels).mean())


def _batches(train: Photos, validation: Photos, seed: int, augment: bool) -> tf.data.Dataset:
    images = np.concatenate([train.images, validation.images])
    labels = np.concatenate([train.labels, validation.labels])
    rows = tf.data.Dataset.from_tensor_slices((images, labels))
    rows = rows.shuffle(len(labels), seed=seed).batch(min(32, len(labels)), drop_remainder=True)
    rows = rows.repeat()

    def seen(number: tf.Tensor, batch: Any) -> Any:
        key = tf.stack([tf.constant(seed, tf.int64), number])
        draws = tf.random.stateless_uniform((DRAWS, tf.shape(batch[0])[0]), key)
        return views(batch[0], draws, SIZE), batch[1]

    if augment:
        rows = rows.enumerate().map(seen, num_parallel_calls=2)
    else:
        rows = rows.map(lambda some, label: (tf.cast(some, tf.float32), label))
    return rows.prefetch(2)


class Timed(keras.callbacks.Callback):
    """Ends a training after so many seconds; until then the learning rate falls to 0."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.highest = seconds, 3e-3

    def on_train_begin(self, logs: Any = None) -> None:
        """Look at the clock."""
        self.began = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the learning rate: a tenth of the time it climbs, then it falls along a cosine."""
        done = min(1.0, (time.perf_counter() - self.began) / self.seconds)
        climbed, fallen = done / 0.1, 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))
        self.model.optimizer.learning_rate = self.highest * min(climbed, fallen)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop when the time is over."""
        if time.perf_counter() - self.began > self.seconds:
            self.model.stop_training = True


if __name__ == "__main__":
    main()
