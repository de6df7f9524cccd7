from __future__ import annotations

from pathlib import Path

import pytest

from kerastl.errors import RunDirectoryError
from kerastl.rundir import RunDirectory


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_a_damaged_record_is_told(tmp_path: Path, text: str):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunDirectoryError, match=r"run\.json is damaged"):
        RunDirectory(tmp_path).read_record()


def test_a_half_written_run_names_the_remedy(tmp_path: Path):
    directory = RunDirectory(tmp_path)
    with pytest.raises(RunDirectoryError, match=r"no run directory: it has no run\.json"):
        directory.require_model()
    directory.write_record({"status": "running"})
    with pytest.raises(RunDirectoryError, match=r"status: running.*kerastl run --resume"):
        directory.require_model()


@pytest.mark.parametrize(
    ("key", "value"), [("recipe", 5), ("seconds", "x"), ("classes", 5), ("status", None)]
)
def test_a_record_of_other_values_is_damaged(tmp_path: Path, key: str, value: object):
    directory = RunDirectory(tmp_path)
    directory.write_record({"status": "running", key: value})
    with pytest.raises(RunDirectoryError, match=f"run.json is damaged: its '{key}' cannot be so"):
        directory.read_record()
