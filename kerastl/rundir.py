"""The folder a run writes to; the only file that knows the names of the files in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

from kerastl.errors import RunDirectoryError
from kerastl.files import write_text
from kerastl.settings import parse_json

# What the values of a record are, where others rely on it.
_KINDS: dict[str, type] = {
    **dict.fromkeys(("recipe", "scores", "seconds", "versions", "splits", "audit"), dict),
    **dict.fromkeys(("classes", "changes", "callbacks", "skipped"), list),
    "status": str,
}


@attrs.frozen
class RunDirectory:
    """A folder that holds everything of one run, and is the run's only state."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe file that ran."""
        return self.path / "recipe.py"

    @property
    def record(self) -> Path:
        """What ran and what came of it, as JSON."""
        return self.path / "run.json"

    @property
    def splits(self) -> Path:
        """The names of the photos of each split, as JSON."""
        return self.path / "splits.json"

    @property
    def history(self) -> Path:
        """One row an epoch, as CSV."""
        return self.path / "history.csv"

    @property
    def logs(self) -> Path:
        """The folder that TensorBoard is pointed at."""
        return self.path / "logs"

    @property
    def checkpoint(self) -> Path:
        """The state of training after an epoch, to resume from."""
        return self.path / "checkpoint.npz"

    @property
    def checkpoints(self) -> tuple[Path, Path]:
        """The newest of them, and the one before it."""
        return self.checkpoint, self.path / "checkpoint.previous.npz"

    @property
    def model(self) -> Path:
        """The best epoch's model, as Keras stores it."""
        return self.path / "model.keras"

    @property
    def source(self) -> Path:
        """The weights of a source model; its manifest stands beside them."""
        return self.path / "source.weights.h5"

    @property
    def report(self) -> Path:
        """The folder of scores and figures."""
        return self.path / "report"

    def predictions(self, split: str) -> Path:
        """Return the file of what the model said of each photo of a split, as CSV."""
        return self.report / f"predictions_{split}.csv"

    def confusion(self, split: str) -> Path:
        """Return the figure of what was taken for what in a split, as PNG."""
        return self.report / f"confusion_{split}.png"

    @property
    def export(self) -> Path:
        """The folder of exports, a folder for each name and in it a numbered one for each time."""
        return self.path / "export"

    def read_record(self) -> dict[str, Any]:
        """Return what `write_record` wrote.

        Raises:
            RunDirectoryError: There is no record, or it is damaged.
        """
        try:
            record = parse_json(self.record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunDirectoryError(
                f"{self.path} is no run directory: it has no {self.record.name}."
            ) from None
        except (OSError, ValueError) as error:
            raise RunDirectoryError(f"{self.record} is damaged: {error}.") from error
        if not isinstance(record, dict):
            raise RunDirectoryError(f"{self.record} is damaged: it holds no JSON object.")
        for key, kind in _KINDS.items():
            if not isinstance(record.get(key, kind()), kind):
                raise RunDirectoryError(f"{self.record} is damaged: its {key!r} cannot be so.")
        return record

    def is_run(self) -> bool:
        """Say whether kerastl has begun a run in the folder."""
        try:
            return self.read_record().keys() >= {"status", "recipe"}
        except RunDirectoryError:
            return False

    def write_record(self, record: dict[str, Any]) -> None:
        """Replace the record as a whole."""
        write_text(self.record, json.dumps(record, indent=2) + "\n")

    def require(self, key: str) -> Any:
        """Return a value of the record.

        Raises:
            RunDirectoryError: There is no record, it is damaged, or it lacks the value.
        """
        record = self.read_record()
        if key not in record:
            raise RunDirectoryError(f"{self.record} is damaged: it lacks {key!r}.")
        return record[key]

    def require_verb(self, verb: str) -> None:
        """Make sure that it is a run of that verb.

        Raises:
            RunDirectoryError: It is one of another, or no run at all.
        """
        found = self.read_record().get("verb", "run")
        if found != verb:
            raise RunDirectoryError(
                f"{self.path} is of `kerastl {found}`, not of `kerastl {verb}`; name another run."
            )

    def is_of(self, name: str, verb: str) -> bool:
        """Say whether it is a run of that verb, of the recipe or source model of that name."""
        try:
            record = self.read_record()
            return bool(record.get("verb", "run") == verb and record["recipe"]["name"] == name)
        except (RunDirectoryError, TypeError, KeyError):
            return False

    @property
    def is_finished(self) -> bool:
        """Whether the run has come to its end."""
        return self.read_record().get("status") == "finished"

    def serves(self, finished: bool) -> bool:
        """Say whether there is a model, or else whether there is something to go on with."""
        if finished:
            return self.model.is_file()
        return self.read_record().get("status") not in ("begun", "finished")

    def require_model(self) -> Path:
        """Return the path of the model.

        Raises:
            RunDirectoryError: The run has not come so far.
        """
        status = self.read_record().get("status", "unknown")
        if not self.model.is_file():
            raise RunDirectoryError(
                f"{self.path} has no {self.model.name} yet (status: {status}). "
                f"Finish it with: kerastl run --resume {self.path}"
            )
        return self.model
