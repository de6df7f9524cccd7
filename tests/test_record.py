from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kerastl.backbones.devices import described
from kerastl.clock import Clock
from kerastl.record import Record
from kerastl.rundir import RunDirectory


@pytest.mark.parametrize(
    ("device", "changes"),
    [("an abacus", [f"device an abacus became {described('auto')}"]), (described("auto"), [])],
)
def test_a_run_that_goes_on_on_another_device_says_so(
    tmp_path: Path, device: str, changes: list[str]
):
    directory = RunDirectory(tmp_path)
    values: dict[str, Any] = {"recipe": {"precision": "auto"}, "classes": [], "weights": None}
    directory.write_record({**values, "device": device})
    record = Record.again(directory, Clock())
    assert record.values["device"] == described("auto")
    assert record.values.get("changes", []) == changes
