from __future__ import annotations

import json
from pathlib import Path
from statistics import mean

import attrs
import keras
import pytest
from click.testing import CliRunner

import kerastl
from kerastl import seeds
from kerastl.cli import cli
from kerastl.clock import Clock
from kerastl.console import console
from kerastl.errors import RunDirectoryError, TrainingError, UsageError
from kerastl.recipe import Recipe
from kerastl.rundir import RunDirectory


@pytest.fixture(scope="module")
def short(recipe: Recipe) -> Recipe:
    return attrs.evolve(recipe, stages=recipe.stages[:1])


@pytest.fixture(scope="module")
def two(short: Recipe, tmp_path_factory: pytest.TempPathFactory) -> kerastl.SeedRuns:
    """Runs with the seeds 3 and 4, the first of which is told that it began long before."""
    clock = Clock()
    clock.started -= 1000
    folder = tmp_path_factory.mktemp("seeds") / "two"

    def callbacks(recipe: Recipe) -> list[keras.callbacks.Callback]:
        return [keras.callbacks.CSVLogger(str(folder / f"seen-{recipe.seed}.csv"))]

    return kerastl.run_seeds(short, 2, folder, exporting=False, callbacks=callbacks, clock=clock)


def test_each_seed_is_run_as_if_it_were_alone(two: kerastl.SeedRuns, short: Recipe, tmp_path: Path):
    first, second = two.runs[3], two.runs[4]
    assert second.directory.path.name == "seed-4"
    assert second.directory.require("seed") == 4
    alone = kerastl.run(attrs.evolve(short, seed=4), tmp_path / "alone", exporting=False)
    told = [each.directory.predictions("test").read_bytes() for each in (alone, second, first)]
    assert told[0] == told[1] != told[2]


def test_each_run_has_callbacks_of_its_own(two: kerastl.SeedRuns, short: Recipe):
    folder = two.runs[3].directory.path.parent
    seen = [(folder / f"seen-{seed}.csv").read_text().splitlines() for seed in (3, 4)]
    assert [len(lines) for lines in seen] == [1 + short.stages[0].epochs] * 2
    assert seen[0] != seen[1]


def test_callbacks_of_several_runs_are_made_by_a_function(short: Recipe):
    with pytest.raises(UsageError, match="a function that makes those of each"):
        kerastl.run_seeds(short, 2, callbacks=[])


def test_the_seconds_of_each_run_are_its_own(two: kerastl.SeedRuns):
    for part in ("before the first epoch", "total"):
        assert two.runs[3].seconds[part] > 1000 > two.runs[4].seconds[part]


def test_mean_and_deviation_of_a_sample(two: kerastl.SeedRuns):
    first, second = (one.loss for one in two.by_split()["test"].values())
    assert two.mean["test"]["loss"] == pytest.approx((first + second) / 2)
    assert two.deviation["test"]["loss"] == pytest.approx(abs(first - second) / 2**0.5)


def test_the_program_shows_and_gives_all(
    two: kerastl.SeedRuns, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def run_seeds(recipe: Recipe, count: int, output: Path, **options: object) -> kerastl.SeedRuns:
        assert (recipe.seed, count, output) == (7, 2, Path("mine"))
        assert (options["exporting"], options["tensorboard"]) == (False, True)
        return two

    monkeypatch.setattr(seeds, "run_seeds", run_seeds)
    monkeypatch.setattr(console, "stderr", False)
    arguments = ["--seeds", "2", "--seed", "7", "--output", "mine", "--no-export"]
    more = ["--tensorboard", "--json"]
    done = CliRunner().invoke(cli, ["run", str(recipe_file), *arguments, *more])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [one["seed"] for one in found["runs"]] == [3, 4]
    accuracies = [one["scores"]["test"]["accuracy"] for one in found["runs"]]
    assert found["mean"]["test"]["accuracy"] == pytest.approx(mean(accuracies), abs=1e-4)
    assert found["standard_deviation"].keys() == {"validation", "test"}
    rows = [line.split() for line in done.stderr.splitlines()]
    place = rows.index(["Scores", "(test)"])
    assert [row[0] for row in rows[place + 1 : place + 6]] == ["seed", "3", "4", "mean", "standard"]
    assert "kerastl compare " + " ".join(one["run"] for one in found["runs"]) in done.stderr
    # How to install it follows where it is not there.
    commands = [line.partition(" (")[0] for line in done.stderr.splitlines()]
    assert f"  tensorboard --logdir {Path(found['runs'][0]['run']).parent}" in commands


def test_where_a_run_fails_what_came_of_those_before_it_is_told(
    two: kerastl.SeedRuns, short: Recipe, monkeypatch: pytest.MonkeyPatch, capsys
):
    def run(recipe: Recipe, *_: object, **__: object) -> kerastl.Run:
        if recipe.seed == 4:
            raise TrainingError("it diverged")
        return two.runs[recipe.seed]

    monkeypatch.setattr(seeds, "run", run)
    with pytest.raises(TrainingError, match="it diverged"):
        kerastl.run_seeds(short, 3)
    printed = capsys.readouterr().out
    assert printed.startswith("Seed 3, run 1 of 3\nSeed 3: test accuracy ")
    assert printed.endswith(f"in {two.runs[3].directory.path}\n\nSeed 4, run 2 of 3\n")


def test_what_is_in_the_way_of_a_later_run_is_told_before_the_first(short: Recipe, tmp_path: Path):
    RunDirectory(tmp_path / "seed-4").write_record({"status": "finished"})
    with pytest.raises(RunDirectoryError, match="seed-4 exists and is not empty"):
        kerastl.run_seeds(short, 2, tmp_path)
    with pytest.raises(UsageError, match="a number of seeds from 2, not 1"):
        kerastl.run_seeds(short, 1, tmp_path)
    with pytest.raises(UsageError, match=r"below 2\*\*31"):
        kerastl.run_seeds(attrs.evolve(short, seed=2**31 - 2), 3, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["seed-4"]


def test_what_the_first_run_finds_to_fit_into_memory_is_taken_for_all(
    two: kerastl.SeedRuns, short: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    sizes = []

    def run(recipe: Recipe, *_: object, **__: object) -> kerastl.Run:
        sizes.append(recipe.batch_size)
        return two.runs[3]

    monkeypatch.setattr(seeds, "run", run)
    kerastl.run_seeds(attrs.evolve(short, batch_size="auto"), 3, tmp_path / "many")
    assert sizes == ["auto", 8, 8]
