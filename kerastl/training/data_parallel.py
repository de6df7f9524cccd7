"""A model that several devices train together, each on a part of every batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kerastl.backbones import devices

_unpacked = keras.utils.unpack_x_y_sample_weight


def on_all_devices(model: keras.Model) -> keras.Model:
    """Return the model, or, where there are several devices to train it, one that has them do so.

    Args:
        model: A functional model to one tensor; both share the layers.
    """
    several = devices.strategy()
    return DataParallel(model, several) if several else model


class DataParallel(keras.Model):  # type: ignore[misc]
    """A model whose steps are run by the replicas of a strategy, each on a part of the batch.

    Its variables stay those of one device. The gradients of all replicas are added up there, so
    optimisers do all that they do on one device, and checkpoints know of no devices. Keras's own
    training under a strategy refuses batches that do not part evenly, counts a photo of the smaller
    part for more, and can neither accumulate gradients nor clip those of all replicas together.

    Args:
        model: What is to be trained.
        several: The strategy.
    """

    def __init__(self, model: keras.Model, several: tf.distribute.Strategy) -> None:
        inputs = model.inputs if len(model.inputs) > 1 else model.inputs[0]
        super().__init__(inputs, model.outputs[0], name=model.name)
        self.several = several

    def compile(self, **options: Any) -> None:
        """Set optimiser, loss and metrics; XLA would put all of a step on one device."""
        super().compile(jit_compile=False, **options)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take a step on a batch, and return the metrics so far."""
        logits, losses, gradients = self._run(self._learn, data)
        self.optimizer.apply([tf.add_n(parts) for parts in gradients], self.trainable_variables)
        return self._measured(data, tf.concat(logits, axis=0), tf.add_n(losses))

    def test_step(self, data: Any) -> dict[str, Any]:
        """Look at a batch, and return the metrics so far."""
        logits = tf.concat(self._run(self._look, data), axis=0)
        inputs, targets, weights = _unpacked(data)
        loss = self.compute_loss(inputs, targets, logits, weights, training=False)
        return self._measured(data, logits, loss)

    def _run(self, function: Callable[..., Any], data: Any) -> Any:
        """Call a function with each part of a batch; of each result, return those of all parts."""
        results = self.several.run(function, args=self._divided(data))
        return tf.nest.map_structure(self.several.experimental_local_results, results)

    def _divided(self, data: Any) -> tuple[Any, Any, Any]:
        """Return, for each replica, its photos, how many of them count, and their share.

        Where there are fewer photos than replicas, some have one that does not count: not every
        operation of a GPU takes an empty batch.
        """
        data = keras.utils.pack_x_y_sample_weight(*_unpacked(data))
        photos, count = tf.shape(tf.nest.flatten(data)[0])[0], self.several.num_replicas_in_sync

        def part(context: Any) -> tuple[Any, Any, Any]:
            number = context.replica_id_in_sync_group
            start, stop = photos * number // count, photos * (number + 1) // count
            first = tf.minimum(start, photos - 1)
            last = tf.maximum(stop, first + 1)
            some = tf.nest.map_structure(lambda column: column[first:last], data)
            return some, stop - start, (stop - start) / photos

        # Where the batch is, so that no GPU is sent more than its part.
        with tf.device("CPU:0"):
            divided: tuple[Any, Any, Any] = (
                self.several.experimental_distribute_values_from_function(part)
            )
        return divided

    def _learn(self, data: Any, photos: Any, share: Any) -> tuple[Any, Any, list[Any]]:
        """Return the logits of a part, what it adds to the batch's loss, and the gradients."""
        inputs, targets, weights = _unpacked(data)
        with tf.GradientTape() as tape:
            logits = self(inputs, training=True)
            loss = self.compute_loss(inputs, targets, logits, weights)
            # Keras has divided it by the number of replicas, as if all parts were equal.
            loss *= self.several.num_replicas_in_sync * tf.cast(share, loss.dtype)
            scaled = self.optimizer.scale_loss(loss)
        zeros = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(scaled, self.trainable_variables, unconnected_gradients=zeros)
        return logits[:photos], loss, gradients

    def _look(self, data: Any, photos: Any, share: Any) -> Any:
        """Return the logits of a part."""
        return self(_unpacked(data)[0], training=False)[:photos]

    def _measured(self, data: Any, logits: Any, loss: Any) -> dict[str, Any]:
        inputs, targets, weights = _unpacked(data)
        (tracker,) = (metric for metric in self.metrics if metric.name == "loss")
        tracker.update_state(loss, sample_weight=tf.shape(logits)[0])
        metrics: dict[str, Any] = self.compute_metrics(inputs, targets, logits, weights)
        return metrics
