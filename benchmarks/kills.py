"""Kill -9 a run at random moments, go on with it, and compare its ending with that of a whole run.

    python benchmarks/kills.py [--kills 50] [--seed 0] [--after 0]

The run has two stages with augmentation, the second with MixUp. Each is killed once, at any moment
from its start to its end: while TensorFlow is imported, while photos are read, in any stage, while
something is written, or `--after` so many seconds, where import and reading are over. One that has
written nothing yet is begun again. Weights, optimiser, history and best epoch have to be the same
to the last bit.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from kerastl.rundir import RunDirectory
from kerastl.training.state import State

NOTHING, ENDED = "nothing was written", "it had ended"
RUN = [
    *("run", "candy", "--offline", "--image-size", "64", "--no-export"),
    *("--set", "stages.frozen.epochs=2", "--set", "stages.frozen.augment=true"),
    *("--set", "stages.unfrozen.epochs=3", "--set", "stages.unfrozen.augment=true"),
    *("--set", "stages.unfrozen.mix=mixup", "--set", "stages.unfrozen.unfreeze=0.3"),
]


def main() -> None:
    """Print a line for each kill, and how many endings were the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--after", type=float, default=0.0)
    arguments = parser.parse_args()
    chance, same, moments = random.Random(arguments.seed), 0, Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The photos are drawn once.
        run(folder, [*RUN, "--output", "first"])
        began = time.perf_counter()
        run(folder, [*RUN, "--output", "whole"])
        seconds = time.perf_counter() - began
        expected = ending(folder / "whole")
        while moments.total() < arguments.kills:
            output, after = f"killed-{moments.total()}", chance.uniform(arguments.after, seconds)
            moment = killed(folder, [*RUN, "--output", output], folder / output, after)
            if moment == ENDED:
                # It was quicker than the first one: nothing was killed.
                shutil.rmtree(folder / output)
                continue
            moments[moment] += 1
            anew = [*RUN, "--output", output, "--overwrite"]
            run(folder, anew if moment == NOTHING else ["run", "--resume", output])
            is_same = equal(ending(folder / output), expected)
            same += is_same
            told = "the same" if is_same else "DIFFERENT"
            print(f"{moments.total():>3}  after {after:5.1f} s, {moment}: {told}", flush=True)
    print(f"{same} of {arguments.kills} endings were the same to the last bit; {dict(moments)}")


def run(folder: Path, arguments: list[str]) -> None:
    """Run the program to its end."""
    program = [Path(sys.executable).parent / "kerastl", *arguments]
    done = subprocess.run(program, cwd=folder, env=environment(folder), capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr.decode())


def killed(folder: Path, arguments: list[str], output: Path, after: float) -> str:
    """Run the program, kill it after so many seconds, and say what it had reached."""
    with subprocess.Popen(
        [Path(sys.executable).parent / "kerastl", *arguments],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        try:
            running.wait(after)
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
    directory = RunDirectory(output)
    if not directory.record.is_file() or directory.read_record()["status"] == "begun":
        return NOTHING
    if directory.read_record()["status"] == "finished":
        return ENDED
    epochs = directory.read_record().get("epochs", 0)
    return f"after epoch {epochs}" if epochs else "before the first checkpoint"


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a run: a cache of its own for all of them."""
    return {**os.environ, "KERASTL_CACHE": str(folder / "cache")}


def ending(directory: Path) -> tuple[list[str], int, list[np.ndarray[Any, Any]]]:
    """Return what a run has ended in: history without seconds, best epoch, all values."""
    run_directory = RunDirectory(directory)
    rows = [line.rsplit(",", 1)[0] for line in run_directory.history.read_text().splitlines()]
    state = State.load(run_directory.checkpoint)
    return rows, state.best_epoch, [*state.model, *state.best, *state.optimizer]


def equal(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Say whether two endings are the same to the last bit."""
    (rows, best, values), (other_rows, other_best, others) = one, other
    same = len(values) == len(others) and all(map(np.array_equal, values, others))
    return same and rows == other_rows and best == other_best


if __name__ == "__main__":
    main()
