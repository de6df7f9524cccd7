"""Writes what TensorBoard shows of a run; its package is needed to look at it, not to write it."""

from __future__ import annotations

import io
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from kerastl.errors import RunDirectoryError, one_line

_SCALARS = ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate")
# TensorBoard reads the files of a folder in the order of their names: this one is after those of
# the history, which go on in numbers.
_END = "events.out.tfevents.end"


def command_to_watch(folder: Path) -> str:
    """Return what to type to see a folder of logs in TensorBoard, and what before, if anything."""
    command = f"tensorboard --logdir {shlex.quote(str(folder))}"
    return command if find_spec("tensorboard") else f"{command} (first: pip install tensorboard)"


@attrs.define(eq=False)
class EventLog:
    """A folder of event files: the history, one for each process that trained, and the end.

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

        if len(rows) == self.written:
            return
        with _told(self.folder):
            self._writer = self._writer or tf.summary.create_file_writer(str(self.folder))
            with self._writer.as_default():
                for row in rows[self.written :]:
                    _write(row)
            self._writer.flush()
        self.written = len(rows)

    def write_end(self, images: Mapping[str, bytes], graph: bytes, step: int) -> None:
        """Write what a run has come to, in the place of what was written of it before.

        Args:
            images: PNG files by their names, which TensorBoard groups by what is before a `/`.
            graph: The model's, a `GraphDef` as TensorFlow serializes it.
            step: The epoch of the model.

        Raises:
            RunDirectoryError: The disk is full, or the place cannot be written.
        """
        import tensorflow as tf

        summary = tf.compat.v1.Summary(value=[_image(*named) for named in images.items()])
        contents = ({"file_version": "brain.Event:2"}, {"graph_def": graph}, {"summary": summary})
        with _told(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            # Not under another name first: TensorBoard would show a file left by a crash, too.
            with tf.io.TFRecordWriter(str(self.folder / _END)) as file:
                for content in contents:
                    event = tf.compat.v1.Event(wall_time=time.time(), step=step, **content)
                    file.write(event.SerializeToString())


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Tell in one line what keeps TensorFlow from writing to a folder."""
    import tensorflow as tf

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise RunDirectoryError(f"Cannot write {folder}: {one_line(error)}.") from error


def _write(row: Mapping[str, Any]) -> None:
    import tensorflow as tf

    for name in _SCALARS:
        value = tf.constant(row[name], tf.float32)
        tag = f"epoch/{name}"
        tf.summary.write(tag, value, step=row["epoch"], metadata=_shown_as("scalars"))


def _image(tag: str, png: bytes) -> Any:
    import tensorflow as tf
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        sides = [str(side).encode() for side in image.size]
    tensor = tf.make_tensor_proto([*sides, png], tf.string)
    return tf.compat.v1.Summary.Value(tag=tag, tensor=tensor, metadata=_shown_as("images"))


def _shown_as(plugin: str) -> Any:
    """Return what lets TensorBoard show a value so.

    `tf.summary.scalar` and `tf.summary.image` belong to its package; this is what they write.
    """
    import tensorflow as tf

    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = plugin
    return metadata
