from __future__ import annotations

from pathlib import Path

import pytest

from kerastl.errors import RunDirectoryError
from kerastl.files import replacing, write_text


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
