"""Writes the history for TensorBoard while training goes on; its package is not needed for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from kerastl.errors import RunDirectoryError, one_line

_SCALARS = ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate")


@attrs.define(eq=False)
class EventLog:
    """A folder of event files, one for each process that trained.

    Args:
        folder: Where they are written.
        written: How many rows of the history are in them already.
    """

    folder: Path
    written: int = 0
    _writer: Any = attrs.field(default=None, init=False)

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add those rows of the history that are not written yet.

        Raises:
            RunDirectoryError: The disk is full, or the place cannot be written.
        """
        import tensorflow as tf

        try:
            self._writer = self._writer or tf.summary.create_file_writer(str(self.folder))
            with self._writer.as_default():
                for row in rows[self.written :]:
                    _write(row)
            self._writer.flush()
        except (OSError, tf.errors.OpError) as error:
            raise RunDirectoryError(f"Cannot write {self.folder}: {one_line(error)}.") from error
        self.written = len(rows)


def _write(row: Mapping[str, Any]) -> None:
    import tensorflow as tf

    # `tf.summary.scalar` belongs to the package tensorboard; this is what it writes.
    scalar = tf.compat.v1.SummaryMetadata()
    scalar.plugin_data.plugin_name = "scalars"
    for name in _SCALARS:
        value = tf.constant(row[name], tf.float32)
        tf.summary.write(f"epoch/{name}", value, step=row["epoch"], metadata=scalar)
