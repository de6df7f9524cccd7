"""Trains a backbone from random weights on a stream of images: how a source model is made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import attrs
import keras
import tensorflow as tf

from kerastl.backbones.values import values_of
from kerastl.clock import Clock
from kerastl.console import say
from kerastl.data.pipeline import read_ahead
from kerastl.data.stream import stream_batches
from kerastl.pretraining import Phase, Pretraining, Stream
from kerastl.training.callbacks import EpochLines, FiniteLosses, Keeper, Save
from kerastl.training.model import Network, build
from kerastl.training.normalization import estimate_statistics, quicken
from kerastl.training.optimizers import momentum_of, optimizer
from kerastl.training.schedules import cosine
from kerastl.training.state import State, assign, restore

Streams = Callable[[Phase], Stream]

# Running statistics reach no further back than this share of all steps.
_REMEMBERED = 0.05
# Batches that the statistics of the averaged weights are estimated on.
_BATCHES = 20


def train_source(
    pretraining: Pretraining, streams: Streams, save: Save, clock: Clock, state: State
) -> Network:
    """Train phase by phase, and return the network with the average of its last weights.

    Args:
        pretraining: What to train, and how.
        streams: Gives the images of a phase.
        save: Is given the state every few seconds and at the end of each phase.
        clock: Is told the seconds of each phase.
        state: A new one, or where an earlier training stopped.
    """
    for number, (phase, epochs) in enumerate(pretraining.schedule()):
        rest = range(state.epoch, epochs.stop)
        if rest:
            state.stage, stream = number, streams(phase)
            with clock.part(f"phase {phase.name}"):
                _run_phase(pretraining, phase, rest, stream, state, save)
    stream = streams(pretraining.phases[-1])
    with clock.part("averaging"):
        return _averaged(pretraining, stream, state)


def accuracy_of(network: Network, pretraining: Pretraining, stream: Stream) -> float:
    """Return the accuracy of a network of the last phase on the images held out."""
    size = pretraining.backbone_in(pretraining.phases[-1]).image_size
    held_out = _held_out(stream, size, pretraining.batch_size)
    return float(network.model.evaluate(held_out, verbose=0, return_dict=True)["accuracy"])


def _run_phase(
    pretraining: Pretraining, phase: Phase, epochs: range, stream: Stream, state: State, save: Save
) -> None:
    """Train the epochs of one phase that are left."""
    model = _network(pretraining, phase, stream, state).model
    size, steps = model.input_shape[1], stream.steps(pretraining.batch_size)
    say(
        f"Phase {phase.name}: epochs {phase.epochs} of {stream.epoch_size:,} images, each "
        f"{size} x {size}, {len(stream.classes)} classes"
    )
    values = state.model or values_of(model.variables)
    finite = FiniteLosses("learning_rate")
    keeper = Keeper(model, values, phase.name, state, save, best=False)
    batch_size, last = pretraining.batch_size, pretraining.epochs
    lines = EpochLines(phase.name, epochs, stream.epoch_size, batch_size, last, state, timed=True)
    opened = stream_batches(stream, size, batch_size, first=epochs.start * steps)
    with contextlib.closing(lines), opened as batches:
        model.fit(
            batches,
            initial_epoch=epochs.start,
            epochs=epochs.stop,
            steps_per_epoch=steps,
            shuffle=False,
            validation_data=_held_out(stream, size, batch_size),
            callbacks=[finite, keeper, lines],
            verbose=0,
        )


def _averaged(pretraining: Pretraining, stream: Stream, state: State) -> Network:
    """Return the network that training has reached with the running average of its weights."""
    network = _network(pretraining, pretraining.phases[-1], stream, state)
    network.model.optimizer.finalize_variable_values(network.model.trainable_variables)
    size, first = network.model.input_shape[1], _steps_in_all(pretraining, stream)
    with stream_batches(stream, size, pretraining.batch_size, first) as batches:
        # Every batch is to be whole: statistics of a few images are far off.
        whole = batches.unbatch().batch(pretraining.batch_size).take(_BATCHES)
        estimate_statistics(network.model, (images for images, _ in whole))
    return network


def _steps_in_all(pretraining: Pretraining, stream: Stream) -> int:
    """Return the steps of the whole training."""
    return pretraining.epochs * stream.steps(pretraining.batch_size)


def _network(pretraining: Pretraining, phase: Phase, stream: Stream, state: State) -> Network:
    """Build and compile the network for a phase's image size, and take up what was reached."""
    at_size = attrs.evolve(pretraining, backbone=pretraining.backbone_in(phase))
    network = build(at_size, len(stream.classes))
    model, steps = network.model, _steps_in_all(pretraining, stream)
    quicken(model, momentum_of(_REMEMBERED * steps))
    rate = cosine(pretraining.learning_rate, steps, round(pretraining.warmup * steps))
    reach = pretraining.averaging * steps
    model.compile(
        optimizer=optimizer(
            "AdamW",
            rate,
            pretraining.weight_decay,
            model,
            options={"use_ema": True, "ema_momentum": momentum_of(reach)},
        ),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=pretraining.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    if state.model:
        assign(model, state.model)
    restore(model.optimizer, model.trainable_variables, state)
    return network


def _held_out(stream: Stream, image_size: int, batch_size: int) -> tf.data.Dataset:
    """Return the images to measure on, reduced to the size, with one-hot labels."""
    images, labels = stream.held_out

    def reduced(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        small = tf.image.resize(image, [image_size, image_size], antialias=True)
        return small, tf.one_hot(label, len(stream.classes))

    rows = tf.data.Dataset.from_tensor_slices((images, labels))
    small = rows.map(reduced, num_parallel_calls=tf.data.AUTOTUNE)
    return read_ahead(small.batch(batch_size))
