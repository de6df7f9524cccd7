from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from kerastl.errors import RunDirectoryError
from kerastl.eventlog import EventLog

ROWS = [
    {
        "epoch": epoch,
        "loss": 1 / epoch,
        "accuracy": 0.5,
        "validation_loss": 2.0,
        "validation_accuracy": 0.25,
        "learning_rate": 0.1,
    }
    for epoch in (1, 2, 3)
]


def read(folder: Path) -> list[tuple[int, str, float]]:
    files = sorted(map(str, folder.iterdir()))
    records = tf.data.TFRecordDataset(files).as_numpy_iterator()
    events = [tf.compat.v1.Event.FromString(record) for record in records]
    return [
        (event.step, value.tag, float(tf.make_ndarray(value.tensor)))
        for event in events
        for value in event.summary.value
    ]


def test_each_epoch_is_written_once_and_at_once(tmp_path: Path):
    log = EventLog(tmp_path / "logs")
    log.write(ROWS[:1])
    assert {step for step, _, _ in read(tmp_path / "logs")} == {1}
    log.write(ROWS[:2])
    EventLog(tmp_path / "logs", written=2).write(ROWS)
    losses = [(step, value) for step, tag, value in read(tmp_path / "logs") if tag == "epoch/loss"]
    # Names of files end in a number, and are in another order from 10 on.
    assert sorted(losses) == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(RunDirectoryError, match=r"Cannot write .*logs"):
        EventLog(tmp_path / "logs").write(ROWS)
