from __future__ import annotations

import os
from pathlib import Path

import pytest

from kerastl import runs
from kerastl.errors import RunDirectoryError
from kerastl.files import alone
from kerastl.rundir import RunDirectory


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_runs_begun_in_the_same_second_do_not_meet():
    assert len({runs.create("candy").path for _ in range(5)}) == 5


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(RunDirectoryError, match="Name another folder"):
            runs.create("candy", tmp_path / "mine", overwrite)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_an_earlier_run_is_replaced_only_when_asked(tmp_path: Path):
    earlier = runs.create("candy", tmp_path / "mine")
    earlier.write_record({"status": "finished"})
    with pytest.raises(RunDirectoryError, match="add --overwrite"):
        runs.create("candy", tmp_path / "mine")
    assert earlier.read_record() == {"status": "finished"}
    runs.create("candy", tmp_path / "mine", overwrite=True)
    assert not earlier.record.exists()


@pytest.mark.parametrize(("folder", "output"), [("", "."), ("", "../mine"), ("report", "..")])
def test_the_run_that_one_is_inside_of_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, output: str
):
    earlier = RunDirectory(tmp_path / "mine")
    earlier.write_record({"status": "finished"})
    earlier.report.mkdir()
    monkeypatch.chdir(earlier.path / folder)
    with pytest.raises(RunDirectoryError, match=r"inside .*mine.* Change to a folder outside"):
        runs.create("candy", Path(output), overwrite=True)
    assert earlier.read_record() == {"status": "finished"}
    runs.create("candy", Path(output) / "new", overwrite=True)


def test_a_replaced_run_leaves_nothing_behind(tmp_path: Path):
    RunDirectory(tmp_path / "elsewhere").write_record({"status": "finished"})
    (tmp_path / "mine").symlink_to("elsewhere")
    directory = runs.create("candy", tmp_path / "mine", overwrite=True)
    assert list(directory.path.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "mine"}


def test_a_file_in_the_way_is_told(tmp_path: Path):
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(RunDirectoryError):
        runs.create("candy", tmp_path / "mine")
    with pytest.raises(RunDirectoryError, match="Cannot make the run directory"):
        runs.create("candy", tmp_path / "mine" / "below")


def test_a_name_means_the_newest_run_of_that_recipe():
    names = [f"{name}-20260101-00000{i}" for i, name in enumerate(["candy"] * 3 + ["candy-dark"])]
    for number, name in enumerate(names):
        directory = RunDirectory(Path("runs") / name)
        status = "running" if number == 2 else "finished"
        directory.write_record({"status": status, "recipe": {"name": name.partition("-2026")[0]}})
        os.utime(directory.record, (number, number))
        if number != 2:
            directory.model.write_bytes(b"")
    assert runs.find("candy").path.name == names[1]
    assert runs.find("candy", finished=False).path.name == names[2]
    # One that was stopped has a model, too, but not the one that was meant.
    RunDirectory(Path("runs") / names[2]).model.write_bytes(b"")
    assert runs.find("candy").path.name == names[1]
    assert runs.find(f"runs/{names[0]}").path.name == names[0]
    # A run that was killed before it began to train does not hide the others.
    RunDirectory(Path("runs") / "candy-0").write_record({"recipe": {"name": "candy"}})
    os.utime(Path("runs") / "candy-0" / "run.json", (1, 1))
    assert runs.find("candy", finished=False).path.name == names[2]
    # A folder of photos of that name does not stand in the way.
    Path("candy").mkdir()
    assert runs.find("candy").path.name == names[1]


@pytest.mark.parametrize("name", ["candy", "runs/candy-1", "../elsewhere", ""])
def test_a_run_that_does_not_exist_is_told(name: str):
    with pytest.raises(RunDirectoryError, match="There is no run directory"):
        runs.find(name)


def test_a_run_that_is_being_written_is_not_replaced(tmp_path: Path):
    earlier = runs.create("candy", tmp_path / "mine")
    earlier.write_record({"verb": "run"})
    with alone(earlier.path), pytest.raises(RunDirectoryError, match="is being written"):
        runs.create("candy", tmp_path / "mine", overwrite=True)
    assert earlier.record.is_file()
    runs.create("candy", tmp_path / "mine", overwrite=True)
    assert not earlier.record.exists()
