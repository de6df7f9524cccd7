from __future__ import annotations

import shutil
from pathlib import Path

import filelock
import pytest

from kerastl.errors import RunDirectoryError
from kerastl.files import alone, replacing, write_text


def test_a_failed_write_keeps_what_was_there(tmp_path: Path):
    target = tmp_path / "file.txt"
    write_text(target, "old")

    def fail() -> None:
        with replacing(target) as partial:
            partial.write_text("half of the n")
            raise OSError(28, "No space left on device")

    with pytest.raises(RunDirectoryError, match=r"file\.txt: No space left on device"):
        fail()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_what_a_killed_process_has_left_half_written_is_removed(tmp_path: Path):
    (tmp_path / ".partial-1-checkpoint.npz").write_bytes(b"half")
    (tmp_path / ".partial-1-export").mkdir()
    (tmp_path / "checkpoint.npz").write_bytes(b"whole")
    with alone(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} == {".lock", "checkpoint.npz"}


def test_two_processes_do_not_write_to_one_folder(tmp_path: Path):
    folder = tmp_path / "new"
    with alone(folder), pytest.raises(RunDirectoryError, match=r"new is being written by another"):
        alone(folder).__enter__()
    assert not folder.exists()
    with alone(folder):
        (folder / "file").touch()
    assert {path.name for path in folder.iterdir()} == {".lock", "file"}
    with alone(folder), pytest.raises(RunDirectoryError):
        alone(folder).__enter__()


def test_a_folder_that_goes_away_meanwhile_hides_no_error(tmp_path: Path):
    folder = tmp_path / "new"

    def fail() -> None:
        with alone(folder):
            shutil.rmtree(folder)
            raise ValueError("the real one")

    with pytest.raises(ValueError, match="the real one"):
        fail()
    with alone(folder):
        pass


def test_a_folder_that_nothing_was_written_to_is_gone_before_another_process_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    release, there = filelock.FileLock.release, []

    def looking(lock: filelock.FileLock, force: bool = False) -> None:
        there.append((tmp_path / "new").exists())
        release(lock, force)

    monkeypatch.setattr(filelock.FileLock, "release", looking)
    with alone(tmp_path / "new"):
        pass
    assert there[0] is False
