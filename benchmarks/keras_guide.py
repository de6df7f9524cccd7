"""Train as the transfer-learning guide of Keras does, and print what it took as JSON.

    python benchmarks/keras_guide.py FOLDER BACKBONE [--image-size 160] [--frozen 20] [--unfrozen 0]

FOLDER holds a `train` and a `val` folder of class folders. It is the guide's script with what a
careful person adds: decoded photos are cached and prefetched by tf.data, and in the second stage
each BatchNormalization layer is frozen. `--first LAYER` unfreezes only from that layer of the
backbone on.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import keras
import tensorflow as tf


def main() -> None:
    """Train both stages."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("backbone")
    parser.add_argument("--options", type=json.loads, default={}, help="of the backbone, as JSON")
    parser.add_argument("--image-size", type=int, default=160)
    parser.add_argument("--weights")
    parser.add_argument("--frozen", type=int, default=20)
    parser.add_argument("--unfrozen", type=int, default=0)
    parser.add_argument("--first")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)

    train, validation = (
        photos(arguments.folder, split, arguments.image_size) for split in ("train", "val")
    )
    classes = len(train.class_names)
    shape = (arguments.image_size, arguments.image_size, 3)
    base = getattr(keras.applications, arguments.backbone)(
        include_top=False, weights=arguments.weights, input_shape=shape, **arguments.options
    )
    base.trainable = False
    inputs = keras.Input(shape)
    features = base(preprocess(arguments.backbone)(inputs), training=False)
    features = keras.layers.GlobalAveragePooling2D()(features)
    features = keras.layers.Dropout(0.2)(features)
    model = keras.Model(inputs, keras.layers.Dense(classes)(features))

    train, validation = prepared(train), prepared(validation)
    clocks = [fit(model, train, validation, arguments.frozen, 1e-3)]
    if arguments.unfrozen:
        unfreeze(base, arguments.first)
        clocks.append(fit(model, train, validation, arguments.unfrozen, 1e-5))
    accuracy = model.evaluate(validation, verbose=0, return_dict=True)["accuracy"]
    print(json.dumps({"epochs": [clock.seconds for clock in clocks], "accuracy": accuracy}))


def photos(folder: str, split: str, image_size: int) -> tf.data.Dataset:
    """Return the photos of a split and their labels."""
    return keras.utils.image_dataset_from_directory(
        f"{folder}/{split}", image_size=(image_size, image_size), batch_size=32, verbose=False
    )


def prepared(data: tf.data.Dataset) -> tf.data.Dataset:
    """Decode once, and read ahead."""
    return data.cache().prefetch(tf.data.AUTOTUNE)


def preprocess(backbone: str) -> Any:
    """Return the preprocessing that belongs to the backbone."""
    module = getattr(keras.applications, backbone).__module__.rpartition(".")[2]
    return getattr(keras.applications, module).preprocess_input


def unfreeze(base: keras.Model, first: str | None) -> None:
    """Let the backbone learn, from a layer on or all of it, but for batch normalisation."""
    base.trainable = True
    if first:
        base.get_layer(first)
    learns = first is None
    for layer in base.layers:
        learns = learns or layer.name == first
        layer.trainable = learns and not isinstance(layer, keras.layers.BatchNormalization)


def fit(
    model: keras.Model,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    epochs: int,
    learning_rate: float,
) -> Epochs:
    """Train a stage, and return its clock."""
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    clock = Epochs()
    model.fit(
        train,
        epochs=epochs,
        validation_data=validation,
        callbacks=[clock],
        verbose=0,
    )
    return clock


class Epochs(keras.callbacks.Callback):
    """Takes the seconds of each epoch; the first begins with the training."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin."""
        self.seconds: list[float] = []
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note an epoch, with its validation."""
        now = time.perf_counter()
        self.seconds.append(now - self.began)
        self.began = now


if __name__ == "__main__":
    main()
