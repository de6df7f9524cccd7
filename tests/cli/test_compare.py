"""Runs compared by the installed program."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kerastl.rundir import RunDirectory


def _flip(path: Path, photos: int) -> None:
    """Let the first photos be said to be of another class."""
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    classes = [cell.strip('"') for cell in head.split(",")[3:]]
    for number, row in enumerate(rows[:photos]):
        name, label, _, *probabilities = row.split(",")
        wrong = next(one for one in classes if f'"{one}"' != label)
        rows[number] = ",".join([name, label, f'"{wrong}"', *probabilities])
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


def _change(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    record = RunDirectory(folder).read_record()
    change(record)
    RunDirectory(folder).write_record(record)


def _unfreeze_more(record: dict[str, Any]) -> None:
    record["recipe"]["stages"][1]["unfreeze"] = 0.5
    record["recipe"]["backbone"]["options"] = {"alpha": 0.25, "depth_multiplier": 1}
    record["versions"]["keras"] = "9.9"


@pytest.fixture
def place(finished, tmp_path: Path) -> Path:
    """A folder of two runs: one that is right of all test photos, and one that is not."""
    directory, _ = finished
    for name in ("a", "b"):
        shutil.copytree(
            directory, tmp_path / name, ignore=shutil.ignore_patterns("export", "*.npz", "*.png")
        )
    right = RunDirectory(tmp_path / "a").predictions("test")
    rows = [row.split(",") for row in right.read_text(encoding="utf-8").splitlines()]
    told = [rows[0], *([row[0], row[1], row[1], *row[3:]] for row in rows[1:])]
    text = "".join(f"{','.join(row)}\n" for row in told)
    for name in ("a", "b"):
        RunDirectory(tmp_path / name).predictions("test").write_text(text, encoding="utf-8")
    _flip(RunDirectory(tmp_path / "b").predictions("test"), 7)
    _change(tmp_path / "b", _unfreeze_more)
    return tmp_path


def test_settings_scores_and_seconds_are_shown_side_by_side(program, place: Path):
    done = program("compare", "a", "b", cwd=place)
    assert done.returncode == 0, done.stderr
    settings, _, scores, seconds, words = done.stdout.split("\n\n")
    assert _rows(settings) == [
        ["Settings", "that", "differ"],
        ["setting", "a", "b"],
        ["stages.unfrozen.unfreeze", "0.2", "0.5"],
        ["versions.keras", RunDirectory(place / "a").require("versions")["keras"], "9.9"],
        ["backbone.options.depth_multiplier", "-", "1"],
    ]
    a, b = _rows(scores)[2:4]
    assert a[:6] == ["a", "13", "1.000", "(0.772-1.000)", "1.000", "(1.000-1.000)"]
    assert b[:3] == ["b", "13", f"{6 / 13:.3f}"]
    assert scores.endswith(" a: all 13 are right: how far off macro-F1 may be, they do not show")
    assert [row[0] for row in _rows(seconds)[-2:]] == ["before", "total"]
    assert words.splitlines()[-1] == (
        "b against a, 13 test photos of both: 0 right that were wrong, 7 the other way, "
        "p = 0.016: worse by more than chance."
    )


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_json_holds_all_of_it(program, finished, place: Path):
    done = program("compare", "b", "a", "--json", cwd=place)
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found["runs"] == ["b", "a"]
    assert found["settings"]["stages.unfrozen.unfreeze"] == ["0.5", "0.2"]
    recorded = json.loads(finished[1].stdout)["scores"]["validation"]
    for scores in found["scores"]:
        some = scores["validation"]
        for name in ("accuracy", "macro_f1", "loss", "images"):
            assert some[name] == recorded[name]
        low, high = some["accuracy_interval"]
        assert 0 <= low <= some["accuracy"] <= high <= 1
    same, test = found["differences"]
    assert (same["split"], same["gained"], same["lost"], same["p"]) == ("validation", 0, 0, 1)
    assert (test["run"], test["against"], test["photos"], test["of"]) == ("a", "b", 13, [13, 13])
    assert (test["gained"], test["lost"], test["more_than_chance"]) == (7, 0, True)
    assert test["p"] == pytest.approx(2 / 2**7)
    assert found["seconds"][0] == RunDirectory(place / "b").require("seconds")
    assert "Settings that differ" in done.stderr


def test_a_photo_that_was_moved_is_known_by_its_bytes(program, place: Path):
    for path in (RunDirectory(place / "b").splits, RunDirectory(place / "b").predictions("test")):
        path.write_text(path.read_text().replace("/colors/", "/moved/"))
    assert "13 test photos of both: " in program("compare", "a", "b", cwd=place).stdout
    splits = json.loads(RunDirectory(place / "b").splits.read_text())
    splits["test"]["ids"] = ["00" * 16] * 13
    RunDirectory(place / "b").splits.write_text(json.dumps(splits))
    assert "no test photo in common" in program("compare", "a", "b", cwd=place).stdout


def test_it_answers_without_tensorflow(place: Path):
    code = (
        "import sys; from kerastl.cli import cli\n"
        "cli(['compare', 'a', 'b'], standalone_mode=False)\n"
        "assert not {'tensorflow', 'keras', 'sklearn', 'matplotlib'} & {*sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _forget_predictions(place: Path) -> None:
    RunDirectory(place / "b").predictions("test").unlink()


def _cut(place: Path) -> None:
    path = RunDirectory(place / "b").predictions("test")
    path.write_text(path.read_text()[:-12])


def _lose_a_photo(place: Path) -> None:
    path = RunDirectory(place / "b").predictions("test")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


def _rename_classes(place: Path) -> None:
    _change(place / "b", lambda record: record.update(classes=["blue", "green", "rouge"]))
    for split in ("validation", "test"):
        path = RunDirectory(place / "b").predictions(split)
        path.write_text(path.read_text().replace('"red"', '"rouge"'))


def _stop(place: Path) -> None:
    _change(place / "b", lambda record: record.pop("scores"))
    _change(place / "b", lambda record: record.update(status="interrupted"))


REMEDY = "Write it anew with: kerastl evaluate b"


@pytest.mark.parametrize(
    ("names", "change", "status", "message"),
    [
        (["a"], None, 2, "Name two or more runs, and none of them twice."),
        (["a", "./a"], None, 2, "Name two or more runs, and none of them twice."),
        (["a", "gone"], None, 1, "There is no run directory 'gone'"),
        (["a", "b"], _forget_predictions, 1, f"no b/report/predictions_test.csv. {REMEDY}"),
        (["a", "b"], _cut, 1, f"photo 13 has 5 cells, not 6. {REMEDY}"),
        (["a", "b"], _lose_a_photo, 1, f"is damaged: it has 12 photos, not 13. {REMEDY}"),
        (
            ["a", "b"],
            _rename_classes,
            1,
            "green, rouge apart, and a blue, green, red",
        ),
        (["a", "b"], _stop, 1, "(status: interrupted). Finish it with: kerastl run --resume b"),
    ],
)
def test_mistakes_are_told_in_a_line(
    program, place: Path, names: list[str], change, status: int, message: str
):
    if change:
        change(place)
    done = program("compare", *names, cwd=place)
    assert done.returncode == status, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert done.stdout == ""
