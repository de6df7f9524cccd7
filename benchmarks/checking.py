"""Measure how fast photos are read and checked.

    python benchmarks/checking.py [--photos 20000] [--rounds 3]

Photos of 1280 x 720 pixels are drawn, about 100 kB each.

    read      their rate at 160 pixels, decoded and resized by `read_photos`, over that of
              `keras.utils.image_dataset_from_directory`; 2,000 photos, in turn, four passes each:
              the median of all passes, and the best ones (many of Keras's take twice as long)
    check     the rate of `kerastl check` over that of reading and decoding each photo once
    again     seconds of a second check
    memory    the highest use of memory by the first check, in MB
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from statistics import median

from frozen_work import program

_DIFFERENT = 2000


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ["KERASTL_CACHE"] = f"{place}/cache"
        few, many = (Path(place) / name for name in ("few", "many"))
        draw(few, _DIFFERENT)
        draw(many, arguments.photos)
        ours, keras = [], []
        for _ in range(arguments.rounds):
            ours += program(OURS, str(few))["rates"]
            keras += program(KERAS, str(few))["rates"]
        for name, rates in (("kerastl", ours), ("Keras", keras)):
            print(f"{name}: photos/s", *(f"{rate:.0f}" for rate in rates))
        print(f"read: {median(ours) / median(keras):.2f} times image_dataset_from_directory")
        print(f"read: {max(ours) / max(keras):.2f} times its best pass", flush=True)
        decoded = program(DECODED, str(many))["seconds"]
        first, second = (program(CHECK, str(many)) for _ in range(2))
        rate = arguments.photos / first["seconds"]
        print(f"check: {rate:.0f} photos/s, {decoded / first['seconds']:.2f} times decoding alone")
        print(f"again: {second['seconds']:.2f} s")
        print(f"memory: {first['memory'] / 1e6:.0f} MB")


def draw(folder: Path, count: int) -> None:
    """Draw different photos, and the rest as those with other last bytes."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    drawn = []
    for number in range(count):
        path = folder / f"class {number % 4}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < _DIFFERENT:
            coarse = Image.fromarray(random.integers(0, 255, (9, 16, 3), np.uint8))
            smooth = np.asarray(coarse.resize((1280, 720), Image.Resampling.BICUBIC), np.float32)
            noise = random.normal(0, 6, (720, 1280, 1))
            image = Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8))
            image.save(path, quality=78)
            drawn.append(path)
        else:
            shutil.copy(drawn[number % _DIFFERENT], path)
            with path.open("ab") as file:
                file.write(str(number).encode())


OURS = """
import json, sys, time
from kerastl.data import ImageFolder, read_photos

split = ImageFolder(sys.argv[1]).find().photos
rates = []
for _ in range(5):
    began = time.perf_counter()
    read_photos(split, 160)
    rates.append(len(split) / (time.perf_counter() - began))
print(json.dumps({"rates": rates[1:]}))
"""

KERAS = """
import json, sys, time
import keras

data = keras.utils.image_dataset_from_directory(sys.argv[1], image_size=(160, 160))
rates = []
for _ in range(5):
    began = time.perf_counter()
    count = sum(len(labels) for _, labels in data)
    rates.append(count / (time.perf_counter() - began))
print(json.dumps({"rates": rates[1:]}))
"""

DECODED = """
import json, sys, time
import tensorflow as tf

files = tf.data.Dataset.list_files(sys.argv[1] + "/*/*", shuffle=False)
read = lambda path: tf.shape(tf.io.decode_jpeg(tf.io.read_file(path), channels=3))
began = time.perf_counter()
for _ in files.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(64).prefetch(4):
    pass
print(json.dumps({"seconds": time.perf_counter() - began}))
"""

CHECK = """
import json, resource, sys, time

began = time.perf_counter()
from kerastl.cache import Cache
from kerastl.data import ImageFolder
from kerastl.data.check import check
from kerastl.data.facts import known_of

cache = Cache()
labelled, facts = known_of(ImageFolder(sys.argv[1]).find(everything=True), cache)
check(labelled, facts, cache)
seconds = time.perf_counter() - began
scale = 1 if sys.platform == "darwin" else 1024
memory = scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "memory": memory}))
"""


if __name__ == "__main__":
    main()
