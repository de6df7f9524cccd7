from __future__ import annotations

import json
from pathlib import Path

import pytest

from colors import fill
from kerastl.console import say


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = fill(tmp_path / "data", 12)
    (data / "red" / "bad.jpg").write_text("no photo")
    return data


def test_a_folder_is_checked_and_runs_leave_out_what_is_no_photo(
    program, within, recipe_file: Path, folder: Path, tmp_path: Path
):
    done = program("check", "data", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "train: 36 photos: 12 blue, 12 green, 12 red" in done.stdout
    assert "error" in done.stdout
    assert "files that are no photos: 1, such as red/bad.jpg (not an image)" in " ".join(
        done.stdout.split()
    )
    listed = (folder / "quarantine.txt").read_text()
    assert "red/bad.jpg\tnot an image\n" in listed
    report = tmp_path / "checks" / "data" / "report.json"
    assert json.loads(report.read_text())["findings"][0]["kind"] == "unreadable"
    assert "red/bad.jpg" in report.with_suffix(".html").read_text()
    run = within("run", recipe_file, "--data", "data", "--dry-run", cwd=tmp_path)
    assert f"Left out: 1 file that {folder / 'quarantine.txt'} names" in run.stdout
    assert "0 files skipped" in run.stdout
    # What a person adds stays, and what is a photo again is used again.
    with (folder / "quarantine.txt").open("a") as file:
        file.write("blue/blue_00.jpg\n")
    (folder / "red" / "bad.jpg").unlink()
    within("check", "data", cwd=tmp_path)
    lines = (folder / "quarantine.txt").read_text().splitlines()
    assert [line for line in lines if line[0] != "#"] == ["blue/blue_00.jpg"]


def test_strict_is_an_exit_status_and_json_is_alone(program, within, folder: Path, tmp_path: Path):
    done = program("check", "data", "--strict", "--json", cwd=tmp_path)
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["photos"] == {"train": {"blue": 12, "green": 12, "red": 12}}
    assert report["findings"][0]["details"] == ["not an image"]
    (folder / "red" / "bad.jpg").unlink()
    within("check", "data", "--strict", cwd=tmp_path)
    assert not (folder / "quarantine.txt").exists()


def test_a_run_says_what_may_mislead(within, recipe_file: Path, tmp_path: Path):
    data = fill(tmp_path / "data", 9)
    done = within(
        "run", recipe_file, "--data", data, "--output", "mine", "--no-export", cwd=tmp_path
    )
    text = " ".join(done.stdout.split())
    assert "Warning: class 'blue' has only" in text
    assert (
        "The photos that the warnings above are about are shown in mine/report/photos.html" in text
    )
    assert "class &#x27;blue&#x27; has only" in (tmp_path / "mine/report/photos.html").read_text()


def test_what_is_not_ours_is_not_overwritten(program, folder: Path, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").write_text("mine")
    done = program("check", "data", "--output", "mine", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "Error: mine holds something else. Name another folder with --output.\n"
    assert (tmp_path / "mine" / "report.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("place", "data"), [("data", "."), ("data/red", ".."), ("", "data/red/..")]
)
def test_a_report_is_named_for_the_folder_that_is_meant(
    within, folder: Path, tmp_path: Path, place: str, data: str
):
    (tmp_path / place / "report.json").write_text("{}")
    done = within("check", data, cwd=tmp_path / place)
    assert "Report: checks/data/report.html" in done.stdout
    assert (tmp_path / place / "report.json").read_text() == "{}"


def test_a_report_within_the_folder_is_no_class_of_it(within, folder: Path):
    (folder / "red" / "bad.jpg").unlink()
    for _ in range(2):
        done = within("check", ".", "--strict", "--json", cwd=folder)
        assert json.loads(done.stdout)["photos"] == {"train": {"blue": 12, "green": 12, "red": 12}}
    assert (folder / "checks" / "data" / "report.html").is_file()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "There is no folder"),
        (lambda path: path.mkdir(), "holds no class folders"),
        (lambda path: (path / "one").mkdir(parents=True), "has photos of the one class 'one'"),
    ],
)
def test_folders_that_cannot_be_checked(program, tmp_path: Path, make, message: str):
    make(tmp_path / "data")
    done = program("check", "data", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_a_folder_of_no_photos_at_all(within, tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "text.jpg").write_text("no photo")
    done = within("check", "data", cwd=tmp_path)
    assert "files that are no photos: 2" in " ".join(done.stdout.split())


def test_json_of_a_verb_leaves_what_is_printed_after_it_alone(
    within, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    asked = within("check", photos, "--json", cwd=tmp_path)
    assert asked.stdout.startswith("{")
    assert "train: 60 photos" in asked.stderr
    say("afterwards")
    assert capsys.readouterr().out == "afterwards\n"
