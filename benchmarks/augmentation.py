"""Measure how many photos a second each method of augmentation takes, beside `light`.

    python benchmarks/augmentation.py FOLDER [--rounds 5]

FOLDER holds a `train` and a `val` folder of class folders. Every method is given the same batches
of 32 photos of 224 pixels, in turn, in one process. Seconds of the processor, of all its cores
together, are what is taken away from training: the ratio to `light` is that of photos in such a
second, the median over the rounds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from kerastl.data import ImageFolder
from kerastl.data.augmentation import view_of
from kerastl.data.mixing import mixing_of
from kerastl.data.photos import Photos, read_photos
from kerastl.recipe import Division

SIZE, BATCH, BATCHES = 224, 32, 6
METHODS = {
    "light": {"augment": "light"},
    "randaugment": {"augment": "randaugment"},
    "trivialaugment": {"augment": "trivialaugment"},
    "augmix": {"augment": "augmix"},
    "erase=0.5": {"augment": None, "erase": 0.5},
    "mixup": {"mix": "mixup"},
    "cutmix": {"mix": "cutmix"},
}


def main() -> None:
    """Print photos a second of every method, photos a processor's second, its ratio to `light`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    photos = read_photos(ImageFolder(arguments.folder).load(0, Division(test=0)).train, SIZE)
    runs = {name: run_of(photos.some(np.arange(BATCH)), **how) for name, how in METHODS.items()}
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for number in range(arguments.rounds + 1):
        for name, run in runs.items():
            rate = timed(run, number * BATCHES)
            if number:
                rates[name].append(rate)
    for name, some in rates.items():
        seconds, processor = (median(each) for each in zip(*some, strict=True))
        pairs = zip(some, rates["light"], strict=True)
        ratio = median(one[1] / other[1] for one, other in pairs)
        print(f"| {name} | {seconds:,.0f} | {processor:,.0f} | {ratio:.2f} |", flush=True)


def run_of(photos: Photos, mix: str | None = None, **how: object) -> Callable[[int], object]:
    """Return what makes the view of a number of a batch of photos."""
    images, ids = photos.images[:], photos.ids
    if mix is None:
        return lambda number: view_of(images, ids, 0, number, **how)
    return lambda number: mixing_of(ids, 0, number, mix, None, SIZE).photos(images)


def timed(run: Callable[[int], object], first: int) -> tuple[float, float]:
    """Return photos a second, and photos a second of the processor."""
    began = time.perf_counter(), time.process_time()
    for number in range(first, first + BATCHES):
        run(number)
    seconds, processor = time.perf_counter() - began[0], time.process_time() - began[1]
    return BATCH * BATCHES / seconds, BATCH * BATCHES / processor


if __name__ == "__main__":
    main()
