from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kerastl.errors import RunDirectoryError
from kerastl.exports import about_run
from kerastl.rundir import RunDirectory

RECIPE = {"name": "sweets", "backbone": {"name": "MobileNet", "image_size": 32}}
RECORD = {"recipe": RECIPE, "classes": ["mars", "twix"], "weights": None}


def directory(folder: Path, **changes: Any) -> RunDirectory:
    found = RunDirectory(folder)
    found.write_record({**RECORD, **changes})
    return found


def test_what_a_run_says_of_its_model(tmp_path: Path):
    about = about_run(directory(tmp_path, scores={"test": {"accuracy": 0.9}}))
    assert (about.name, about.classes, about.image_size) == ("sweets", ("mars", "twix"), 32)
    assert about.scores == {"test": {"accuracy": 0.9}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": {"backbone": RECIPE["backbone"]}}, "it does not say what its model is"),
        ({"recipe": {"name": "sweets"}}, "it does not say what its model is"),
        ({"recipe": {**RECIPE, "backbone": 5}}, "it does not say what its model is"),
        ({"recipe": {**RECIPE, "backbone": {"name": "MobileNet"}}}, "it does not say what"),
        ({"scores": {"test": 5}}, "it does not say what its model is"),
        ({"weights": 5}, "it does not say what its model is"),
        ({"recipe": {**RECIPE, "name": None}}, "its model's name cannot be so"),
        ({"recipe": {**RECIPE, "resize": "stretch"}}, "its model's resize cannot be so"),
        ({"classes": [["mars"], "twix"]}, "its model's classes cannot be so"),
    ],
)
def test_a_record_that_does_not_say_it_is_damaged(
    tmp_path: Path, changes: dict[str, Any], message: str
):
    with pytest.raises(RunDirectoryError, match=rf"run\.json is damaged: {message}"):
        about_run(directory(tmp_path, **changes))
