from __future__ import annotations

import csv
import io
import json
import os
import pty
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import attrs
import numpy as np
import pytest

from kerastl.cli.predict import _line, _table
from kerastl.serving.about import About
from kerastl.serving.opened import answer_of
from kerastl.serving.predict import Prediction


@pytest.fixture(scope="module")
def place(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with some photos, and a file that is none."""
    folder = tmp_path_factory.mktemp("place")
    for color in ("red", "blue"):
        shutil.copytree(photos / color, folder / "mine" / color)
    (folder / "mine" / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture(scope="module")
def export(finished) -> Path:
    directory, _ = finished
    return directory / "export" / "colors"


def test_an_export_says_what_its_run_says(finished, export: Path, within, place: Path):
    directory, _ = finished
    arguments = ("mine/red/red_00.jpg", "mine/blue", "--top", "2", "--json")
    told = [within("predict", one, *arguments, cwd=place).stdout for one in (directory, export)]
    run, exported = (json.loads(text)["predictions"] for text in told)
    assert [one["file"] for one in run] == [one["file"] for one in exported]
    assert len(run) == 21
    for one, other in zip(run, exported, strict=True):
        assert one["label"] == other["label"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-4)


def test_a_table_of_what_a_pattern_means(finished, within, place: Path):
    directory, _ = finished
    patterns = ("mine/**/*_0[0-4].jpg", "mine/**/*_00.jpg")
    done = within("predict", directory, *patterns, "--csv", cwd=place)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [*rows[0]] == ["file", "label", "probability", "blue", "green", "red"]
    assert len(rows) == 10
    for row in rows:
        values = {name: float(row[name]) for name in ("blue", "green", "red")}
        assert sum(values.values()) == pytest.approx(1, abs=1e-4)
        assert values[row["label"]] == float(row["probability"]) == max(values.values())


def test_several_labels_are_in_one_cell_whatever_they_are_called():
    about = About("marks", ("a;b", "c", "d"), 32, multi_label=True)
    row = np.array([0.9, 0.8, 0.1], np.float32)
    table = _table([Prediction("x.jpg", answer_of(row, about), (0.9, 0.8, 0.1))], about.classes)
    (one,) = csv.DictReader(io.StringIO(table))
    assert next(csv.reader([one["label"]], delimiter=";")) == ["a;b", "c"]


def test_a_line_says_of_what_is_unsure_what_it_may_be():
    about, row = About("marks", ("a", "b", "c"), 32, threshold=0.9), np.array([0.2, 0.5, 0.3])
    for most, expected in ((1, "b 0.500"), (2, "b 0.500  c 0.300")):
        line = _line(Prediction("x.jpg", answer_of(row, about, most), ()))
        assert line == f"x.jpg  unsure  of: {expected}"
        sure = _line(
            Prediction("x.jpg", answer_of(row, attrs.evolve(about, threshold=0.4), most), ())
        )
        assert sure == f"x.jpg  {expected}"


def test_photos_are_copied_and_none_is_moved_or_overwritten(finished, within, place: Path):
    directory, _ = finished
    before = sorted(place.rglob("*"))
    arguments = ("predict", directory, "mine", "--sort-into", "sorted")
    for copied in (40, 0):
        done = within(*arguments, cwd=place)
        already = "" if copied else "; 40 were there already"
        assert f"Copied {copied} photos into sorted{already}\n" in done.stderr
        lines = [line.split() for line in done.stdout.splitlines()]
        labels = {Path(name).stem: label for name, label, _ in lines}
        found = [path for path in (place / "sorted").rglob("*") if path.is_file()]
        assert len(found) == 40
        for path in found:
            assert path.parent.name == labels[path.stem]
            original = next((place / "mine").rglob(path.name))
            assert path.read_bytes() == original.read_bytes()
    # One of the same name that is another one is kept beside it.
    other = next((place / "sorted").rglob("red_00.jpg"))
    other.write_bytes(b"mine")
    within(*arguments, cwd=place)
    assert other.read_bytes() == b"mine"
    assert other.with_stem("red_00-2").is_file()
    shutil.rmtree(place / "sorted")
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("way", ["--json", "--csv"])
def test_answers_are_told_where_copies_cannot_be_written(
    finished, program, place: Path, tmp_path: Path, way: str
):
    directory, _ = finished
    target = tmp_path / "sorted"
    target.mkdir()
    for name in ("blue", "green", "red"):
        (target / name).touch()
    done = program("predict", directory, "mine/red", way, "--sort-into", target, cwd=place)
    assert (done.returncode, done.stdout.count("red_")) == (1, 20)
    first, last = done.stderr.splitlines()[-2:]
    assert first == f"Copied 0 photos into {target}"
    assert last == f"Error: Cannot copy mine/red/red_00.jpg into {target}: File exists."


def test_what_comes_from_standard_input_is_not_sorted(finished, program, place: Path):
    directory, _ = finished
    arguments = ("predict", directory, "-", "--sort-into", "sorted")
    with (place / "mine" / "red" / "red_00.jpg").open("rb") as photo:
        done = program(*arguments, cwd=place, stdin=photo)
    assert done.returncode == 2
    assert "--sort-into copies files, and this photo came from standard input" in done.stderr


def test_standard_input_is_a_photo_or_paths_of_photos(finished, within, place: Path):
    directory, _ = finished
    arguments = ("predict", directory, "-", "--json")
    photo = (place / "mine" / "red" / "red_00.jpg").read_bytes()
    lines = b"mine/red/red_00.jpg\r\nmine/red/gone.jpg\nmine/red/red_01.jpg\n"
    (one,) = json.loads(within(*arguments, cwd=place, given=photo).stdout)["predictions"]
    told = json.loads(within(*arguments, cwd=place, given=lines).stdout)
    first, second = told["predictions"]
    assert told["skipped"] == [{"file": "mine/red/gone.jpg", "reason": "there is no such file"}]
    assert (one["file"], second["file"]) == ("-", "mine/red/red_01.jpg")
    assert one["probability"] == pytest.approx(first["probability"], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["mine", "--csv", "--json"], 2, "--csv and --json exclude each other"),
        (["mine", "--csv", "--top", "2"], 2, "the probabilities of all classes; leave --top out"),
        (["mine/*.heic"], 1, "There is no file or folder 'mine/*.heic'"),
        (["mine/notes.txt"], 1, "notes.txt: not an image"),
        (["mine/red", "--sort-into", "mine/notes.txt"], 2, "'mine/notes.txt' is a file"),
        (["mine/red", "--sort-into", "/proc/sorted"], 1, "Cannot copy mine/red/red_00.jpg into"),
    ],
)
def test_mistakes(finished, program, place: Path, arguments: list[str], status: int, message: str):
    directory, _ = finished
    done = program("predict", directory, *arguments, cwd=place)
    assert done.returncode == status
    assert message in done.stderr.splitlines()[-1]


def test_names_from_elsewhere_do_not_command_the_terminal(
    export: Path, program, place: Path, tmp_path: Path
):
    folder = Path(shutil.copytree(export / "1", tmp_path / "model"))
    text = (folder / "assets" / "about.json").read_text()
    # A title, and a colour.
    for name in ("blue", "green", "red"):
        text = text.replace(f'"{name}"', f'"\\u001b]0;title\\u0007{name}\\u001b[31m\\u009b"')
    (folder / "assets" / "about.json").write_text(text)
    shutil.copy(place / "mine" / "notes.txt", tmp_path / "no\x1b[31mtes.jpg")
    photo = place / "mine" / "red" / "red_00.jpg"
    done = program("predict", folder, photo, "no\x1b[31mtes.jpg", cwd=tmp_path, check=True)
    assert "[31m 0." in done.stdout
    assert "Skipped no[31mtes.jpg" in done.stderr
    told = program("predict", folder, photo, "--json", cwd=tmp_path, check=True).stdout
    assert "\x9b" in json.loads(told.splitlines()[-1])["predictions"][0]["label"]
    table = on_a_terminal("predict", folder, photo, "--csv", cwd=tmp_path)
    assert "file,label,probability,]0;titleblue[31m,]0;title" in table
    (tmp_path / "begun").mkdir()
    record = {"verb": "run", "status": "broken \x1b[31moff", "recipe": {}}
    (tmp_path / "begun" / "run.json").write_text(json.dumps(record))
    failed = program("predict", "begun", photo, cwd=tmp_path)
    assert failed.returncode == 1
    assert "broken [31moff" in failed.stderr
    for printed in (done.stdout, done.stderr, told, table, failed.stderr):
        assert not {"\x1b", "\x07", "\x9b"} & {*printed}


def on_a_terminal(*arguments: str | Path, cwd: Path) -> str:
    """Return what the installed program prints on one that knows no colours."""
    ours, theirs = pty.openpty()
    executable = Path(sys.executable).parent / "kerastl"
    command = [str(executable), *map(str, arguments)]
    env = {**os.environ, "TERM": "dumb"}
    subprocess.run(command, cwd=cwd, env=env, stdout=theirs, stderr=subprocess.DEVNULL, check=True)
    os.close(theirs)
    printed = b""
    # Linux ends what a terminal has to say with an error.
    with suppress(OSError):
        while part := os.read(ours, 4096):
            printed += part
    os.close(ours)
    return printed.decode()
