"""What the tests share: small photos, a small recipe, and the installed program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result

from colors import fill
from kerastl.data import ImageFolder
from kerastl.recipe import Backbone, Head, Recipe, Stage

Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def _no_network(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep caches out of the person's home, and the network out of the tests."""
    os.environ["KERASTL_OFFLINE"] = "1"
    os.environ["KERAS_HOME"] = str(tmp_path_factory.mktemp("keras"))
    os.environ["KERASTL_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three easy classes, twenty photos each."""
    return fill(tmp_path_factory.mktemp("photos") / "colors", 20)


@pytest.fixture(scope="session")
def recipe(photos: Path) -> Recipe:
    """A recipe that trains in seconds."""
    return Recipe(
        name="colors",
        data=ImageFolder(str(photos)),
        backbone=Backbone("MobileNet", 32, options={"alpha": 0.25}, weights=None),
        head=Head(dropout=0.1),
        stages=(
            Stage("frozen", epochs=2, learning_rate=1e-2),
            Stage("unfrozen", epochs=2, learning_rate=1e-3, unfreeze=0.2),
        ),
        batch_size=8,
        seed=3,
    )


@pytest.fixture(scope="session")
def program() -> Program:
    """Run the installed `kerastl` as a person would."""
    executable = Path(sys.executable).parent / "kerastl"

    def run(
        *arguments: str | Path, cwd: Path, env: dict[str, str] | None = None, **options: object
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            [str(executable), *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            **options,
        )

    return run


@pytest.fixture
def within(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a verb in this process, where TensorFlow is imported already, and which has to end well.

    Standard output and standard error of the result are those of the verb.
    """

    def run(*arguments: str | Path, cwd: Path, given: bytes | None = None) -> Result:
        from kerastl.cli import cli

        monkeypatch.chdir(cwd)
        result = CliRunner().invoke(cli, [*map(str, arguments)], given, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result

    return run


@pytest.fixture(scope="session")
def recipe_file(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe, photos: Path) -> Path:
    """The small recipe as a file."""
    path = tmp_path_factory.mktemp("recipes") / "colors.py"
    assert attrs.asdict(recipe)["data"]["path"] == str(photos)
    path.write_text(
        '"""Tell colours apart."""\n\n'
        "from kerastl.data import ImageFolder\n"
        "from kerastl.recipe import Backbone, Division, Head, Recipe, Stage\n\n"
        f"recipe = {recipe!r}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, program: Program, recipe_file: Path
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A finished run of the small recipe by the program: its directory, and what it printed."""
    place = tmp_path_factory.mktemp("finished")
    done = program("run", recipe_file, "--tensorboard", "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    (directory,) = (place / "runs").iterdir()
    return directory, done


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Real photos and weights, which are not part of the project."""
    folder = os.environ.get("KERASTL_TEST_DATA")
    if not folder:
        pytest.skip("KERASTL_TEST_DATA names no folder of real photos and weights")
    return Path(folder).resolve()
