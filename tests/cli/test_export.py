from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from kerastl import trained
from kerastl.errors import UsageError
from kerastl.files import alone
from kerastl.rundir import RunDirectory


def told(done, status: int) -> str:
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


@pytest.fixture
def run(finished, tmp_path: Path) -> Path:
    directory, _ = finished
    leave = shutil.ignore_patterns("export", "logs", "*.npz", "*.png")
    return shutil.copytree(directory, tmp_path / "mine", ignore=leave)


def test_several_formats_at_once_each_with_card_and_record(
    run: Path, program, within, tmp_path: Path
):
    formats = ("--format", "litert", "--format", "onnx", "--quantize", "int8", "--max-loss", "1")
    done = within("export", "mine", *formats, "--output", "served", "--json", cwd=tmp_path)
    exports = json.loads(done.stdout)["exports"]
    assert exports == ["served/colors-litert-int8/1", "served/colors-onnx/1"]
    for name, quantization in zip(exports, ("int8", None), strict=True):
        folder = tmp_path / name
        record = json.loads((folder / "export.json").read_text())
        assert record["quantization"] == quantization
        assert record["about"]["classes"] == ["blue", "green", "red"]
        assert record["about"]["scores"]["test"]["images"] == 13
        assert record["parity"]["photos"] == 13
        for file, digest in record["sha256"].items():
            assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest
        card = (folder / "README.md").read_text()
        for text in (
            "library_name: ",
            "| test | 13 | ",
            "random values",
            "## Limits",
            "13 test photos",
        ):
            assert text in card
    again = within("export", "mine", "--format", "onnx", "--output", "served", cwd=tmp_path)
    assert again.stdout.startswith("Wrote served/colors-onnx/2: on 13 test photos its prob")
    with alone(tmp_path / "served" / "colors-onnx"):
        at_once = program("export", "mine", "--format", "onnx", "--output", "served", cwd=tmp_path)
    assert "served/colors-onnx is being written by another process" in told(at_once, 1)


def test_unsure_where_too_few_would_be_right(run: Path, within, tmp_path: Path, photos: Path):
    precision = ("--target-precision", "0.65", "--format", "onnx")
    done = within("export", "mine", *precision, "--output", "served", cwd=tmp_path)
    assert "of 10 validation photos are unsure; of the others " in done.stdout
    assert " unsure, of the others " in done.stdout.splitlines()[-1]
    about = json.loads((tmp_path / "served" / "colors-onnx" / "1" / "export.json").read_text())
    threshold = about["about"]["threshold"]
    assert 1 / 3 < threshold < 1
    answers = within("predict", "served/colors-onnx", photos, "--json", cwd=tmp_path)
    found = json.loads(answers.stdout)["predictions"]
    assert len(found) == 60
    for one in found:
        assert (one["label"] == "unsure") == (one["probability"] < threshold)


def test_no_class_may_be_called_as_doubtful_photos_are(run: Path):
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"green"', '"unsure"'))
    with pytest.raises(UsageError, match="rename the class, and train on it anew"):
        trained.load(str(run)).export(target_precision=0.65)


@pytest.mark.slow
def test_the_photos_of_a_run_may_be_gone(run: Path, program, within, tmp_path: Path, photos: Path):
    lock = json.loads((run / "splits.json").read_text())
    moved = json.dumps(lock).replace(str(photos), str(tmp_path / "gone"))
    (run / "splits.json").write_text(moved)
    done = program("export", "mine", "--format", "onnx", cwd=tmp_path)
    assert "photos of it are gone" in told(done, 1)
    assert "--data FOLDER" in told(done, 1)
    arguments = ("export", "mine", "--format", "onnx", "--data", photos)
    for some in (arguments, arguments[:-2]):
        done = program(*some, "--target-precision", "0.65", cwd=tmp_path)
        assert "--target-precision needs the run's own validation photos" in told(done, 1)
    other = within(*arguments, cwd=tmp_path)
    assert other.stdout.startswith("Wrote mine/export/colors-onnx/1: on 60 other photos")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quantize", "int8"], "--quantize is of litert; add --format litert"),
        (["--format", "litert", "--max-loss", "0.01"], "--max-loss is of what --quantize may cost"),
        (["--output", __file__], "is a file"),
        (["--format", "tflite"], "'tflite' is not one of"),
        (["--max-loss", "2"], "2.0 is not in the range"),
        (["--target-precision", "0"], "0.0 is not in the range"),
    ],
)
def test_wrong_usage(program, tmp_path: Path, arguments: list[str], message: str):
    assert message in told(program("export", "mine", *arguments, cwd=tmp_path), 2)


def test_what_a_run_has_exported_is_proven(finished):
    directory, _ = finished
    folder = directory / "export" / "colors" / "1"
    parity = json.loads((folder / "export.json").read_text())["parity"]
    assert parity["photos"] == parity["from_files"] == 13
    assert parity["difference"] < 1e-4
    record = RunDirectory(directory).read_record()
    assert record["export"] == "colors/1"
    assert parity["accuracy"] == pytest.approx(record["scores"]["test"]["accuracy"], abs=1e-4)
    assert record["calibration"].keys() == {"validation", "test"}
    signatures = tf.saved_model.load(str(folder)).signatures
    assert {*signatures} == {"serving_default", "image", "image_uint8", "embed", "explain"}
