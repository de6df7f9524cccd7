from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from kerastl.errors import ExportError
from kerastl.serving.about import About

ABOUT = About("candy", ("mars", "twix\nand co", "ünsure"), 160, "pad", threshold=0.5)


def test_it_is_read_as_it_was_written(tmp_path: Path):
    (tmp_path / "about.json").write_text(ABOUT.as_text(), encoding="utf-8")
    assert About.read(tmp_path / "about.json") == ABOUT
    assert ABOUT.names.splitlines() == ["mars", "twix and co", "ünsure"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", ["alone"]),
        ("classes", "candy"),
        ("classes", 5),
        ("classes", ["mars", 3]),
        ("image_size", "160"),
        ("image_size", 0),
        ("resize", "stretch"),
        ("multi_label", "no"),
        ("threshold", "0.5"),
        ("scores", []),
    ],
)
def test_what_cannot_be_so_is_refused(name: str, value: Any):
    text = json.dumps({**attrs.asdict(ABOUT), name: value})
    with pytest.raises(ExportError, match=r"^somewhere is damaged"):
        About.from_text(text, "somewhere")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "candy"}', "null", "[" * 100_000])
def test_what_is_none_is_refused(text: str):
    with pytest.raises(ExportError, match=r"^somewhere is damaged: it does not say what it is"):
        About.from_text(text, "somewhere")


def test_a_folder_without_one_is_no_export(tmp_path: Path):
    with pytest.raises(ExportError, match="is no export of kerastl"):
        About.read(tmp_path / "about.json")
