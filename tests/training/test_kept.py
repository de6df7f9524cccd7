from __future__ import annotations

import pytest

from kerastl.training.kept import tell_kept
from kerastl.training.state import State


def state(losses: dict[str, list[float]]) -> State:
    rows = [
        {"stage": stage, "validation_loss": loss} for stage, some in losses.items() for loss in some
    ]
    values = [row["validation_loss"] for row in rows]
    return State(0, rows, min(values), values.index(min(values)) + 1)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ({"frozen": [1.0, 0.9], "unfrozen": [0.5]}, "Kept: epoch 3, of stage unfrozen, validation"),
        ({"frozen": [1.0, 0.9], "unfrozen": [3.7, 1.5]}, "Stage unfrozen has found nothing better"),
        ({"frozen": [9e6, 8e6]}, "far above the 1.386 of chance: training has diverged"),
    ],
)
def test_what_is_kept_is_told(
    losses: dict[str, list[float]], expected: str, capsys: pytest.CaptureFixture[str]
):
    tell_kept(state(losses), 4, several=False)
    told = capsys.readouterr().out
    assert expected in told
    assert ("nothing better" in told) == ("nothing better" in expected)
    assert ("diverged" in told) == ("diverged" in expected)
