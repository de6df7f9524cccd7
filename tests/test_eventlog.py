from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from PIL import Image

from kerastl.errors import RunDirectoryError
from kerastl.eventlog import EventLog, command_to_watch
from kerastl.rundir import RunDirectory

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


def events_in(folder: Path) -> list[Any]:
    files = sorted(map(str, folder.iterdir()))
    records = tf.data.TFRecordDataset(files).as_numpy_iterator()
    return [tf.compat.v1.Event.FromString(record) for record in records]


def shown(events: list[Any], plugin: str) -> list[tuple[int, str, Any]]:
    return [
        (event.step, value.tag, tf.make_ndarray(value.tensor).tolist())
        for event in events
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == plugin
    ]


def read(folder: Path) -> list[tuple[int, str, float]]:
    return shown(events_in(folder), "scalars")


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return file.getvalue()


def test_each_epoch_is_written_once_and_at_once(tmp_path: Path):
    log = EventLog(tmp_path / "logs")
    log.write(ROWS[:1])
    assert {step for step, _, _ in read(tmp_path / "logs")} == {1}
    log.write(ROWS[:2])
    EventLog(tmp_path / "logs", written=2).write(ROWS)
    losses = [(step, value) for step, tag, value in read(tmp_path / "logs") if tag == "epoch/loss"]
    # Names of files end in a number, and are in another order from 10 on.
    assert sorted(losses) == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]


def test_the_end_is_there_once_and_is_the_last_one(tmp_path: Path):
    log = EventLog(tmp_path / "logs")
    log.write(ROWS)
    for step in (2, 3):
        EventLog(tmp_path / "logs").write_end({"a/1 b": png(3, 2), "c/2 d": png(1, 1)}, b"", step)
    events = events_in(tmp_path / "logs")
    assert shown(events, "images") == [
        (3, "a/1 b", [b"3", b"2", png(3, 2)]),
        (3, "c/2 d", [b"1", b"1", png(1, 1)]),
    ]
    assert [event.step for event in events if event.HasField("graph_def")] == [3]
    # TensorBoard passes over what is in a file before the one that it is at.
    assert [event.step for event in events if event.summary.value][-1] == 3


def test_nothing_new_makes_no_file(tmp_path: Path):
    EventLog(tmp_path / "logs", written=3).write(ROWS)
    assert not (tmp_path / "logs").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(RunDirectoryError, match=r"Cannot write .*logs"):
        EventLog(tmp_path / "logs").write(ROWS)
    with pytest.raises(RunDirectoryError, match=r"Cannot write .*logs"):
        EventLog(tmp_path / "logs").write_end({}, b"", 1)


def test_the_logs_of_a_run_end_in_matrices_mistakes_and_a_graph_without_weights(finished):
    directory, _ = finished
    record = RunDirectory(directory).read_record()
    events = events_in(directory / "logs")
    images = {tag: content for _, tag, content in shown(events, "images")}
    assert {step for step, _, _ in shown(events, "images")} == {record["best_epoch"]}
    matrix = RunDirectory(directory).confusion("validation")
    assert images["confusion/validation"][2] == matrix.read_bytes()
    mistakes = [tag for tag in images if tag.startswith("mistakes_test/")]
    wrong = round((1 - record["scores"]["test"]["accuracy"]) * record["scores"]["test"]["images"])
    assert len(mistakes) == wrong > 0
    assert {*images} == {"confusion/validation", "confusion/test", *mistakes}
    for tag in mistakes:
        assert images[tag][:2] == [b"32", b"32"]
    (serialized,) = (event.graph_def for event in events if event.HasField("graph_def"))
    nodes = tf.compat.v1.GraphDef.FromString(serialized).node
    assert any("head_logits" in node.name for node in nodes)
    assert max(node.attr["value"].tensor.ByteSize() for node in nodes) < 100


@pytest.mark.parametrize("there", [True, False])
def test_the_command_to_watch_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, there: bool):
    monkeypatch.setattr("kerastl.eventlog.find_spec", lambda name: object() if there else None)
    after = "" if there else " (first: pip install tensorboard)"
    assert command_to_watch(Path("my runs/1")) == f"tensorboard --logdir 'my runs/1'{after}"
