"""Measure what each method of fine-tuning adds to accuracy, and what it costs in time.

    python benchmarks/methods.py DATA RESULTS [--only NAME ...] [--folds 3] [--table]

Every method changes one thing of a base: a short training of the recipe `flowers` with MobileNetV2
(alpha 0.35) at 224 pixels. Each seed validates on another quarter of all 800 photos, so that three
seeds make 600. On the first fold the base is run beside each method in turn, so that the ratio of
seconds is one of runs that were made together; the seconds are the processor's, which other work
disturbs less.

DATA holds `flowers` and `weights`, the same as the tests' `KERASTL_TEST_DATA`. RESULTS is a file of
one JSON object a run: what stands in it is not run again, and `--table` only shows it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import attrs

import kerastl
from kerastl.data import ImageFolder
from kerastl.labelled import Division
from kerastl.recipe import Backbone, Recipe, Stage
from kerastl.registry import find

WEIGHTS = "weights/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
FOLDS = 4
Change = Callable[[Recipe], Recipe]


def unfrozen(**values: Any) -> Change:
    """Return what changes the second stage."""
    return lambda recipe: attrs.evolve(
        recipe, stages=(recipe.stages[0], attrs.evolve(recipe.stages[1], **values))
    )


def both(**values: Any) -> Change:
    """Return what changes both stages."""
    return lambda recipe: attrs.evolve(
        recipe, stages=tuple(attrs.evolve(stage, **values) for stage in recipe.stages)
    )


def whole(**values: Any) -> Change:
    """Return what changes the recipe itself."""
    return lambda recipe: attrs.evolve(recipe, **values)


def only(number: int) -> Change:
    """Return what leaves one stage alone."""
    return lambda recipe: attrs.evolve(recipe, stages=(recipe.stages[number],))


METHODS: dict[str, Change] = {
    "base": lambda recipe: recipe,
    "frozen alone": only(0),
    "unfrozen alone": only(1),
    "unfreeze=0.3": unfrozen(unfreeze=0.3),
    "unfreeze=1.0": unfrozen(unfreeze=1.0),
    "gradual=3": unfrozen(gradual=3),
    "layer_decay=0.85": unfrozen(layer_decay=0.85),
    "epochs=auto": unfrozen(epochs="auto", schedule="plateau", patience=4, learning_rate=3e-4),
    "l2_sp=0.01": unfrozen(l2_sp=0.01),
    "weight_decay=0.05": unfrozen(weight_decay=0.05),
    "averaging=0.2": unfrozen(averaging=0.2),
    "interpolate": whole(interpolate=True),
    "label_smoothing=0": whole(label_smoothing=0.0),
    "focal=2": whole(focal=2.0, label_smoothing=0.0),
    "balance=weights": whole(balance="weights", label_smoothing=0.0),
    "balance=sampler": whole(balance="sampler"),
    "clip=1": unfrozen(clip=1.0),
    "accumulate=2": unfrozen(accumulate=2),
    "schedule=one-cycle": both(schedule="one-cycle"),
    "schedule=step": both(schedule="step"),
    "schedule=constant": both(schedule="constant"),
    "optimizer=SGD": unfrozen(optimizer="SGD", learning_rate=5e-3),
    "learning_rate=auto": both(learning_rate="auto"),
    "lora=8": unfrozen(lora=8, learning_rate=3e-3),
    "augment=light": unfrozen(augment="light"),
    "augment=randaugment": unfrozen(augment="randaugment"),
    "augment=trivialaugment": unfrozen(augment="trivialaugment"),
    "augment=augmix": unfrozen(augment="augmix"),
    "erase=0.25": unfrozen(erase=0.25),
    "mix=mixup": unfrozen(mix="mixup"),
    "mix=cutmix": unfrozen(mix="cutmix"),
    "test_views=2": whole(test_views=2),
    "normalization=estimated": both(normalization="estimated"),
    "normalization=training": unfrozen(normalization="training"),
}


def base(data: Path, folder: Path) -> Recipe:
    """Return the recipe that the methods change."""
    flowers = find("flowers")
    return attrs.evolve(
        flowers,
        data=ImageFolder(merged(data / "flowers", folder)),
        backbone=Backbone(
            "MobileNetV2", 224, options={"alpha": 0.35}, weights=(str(data / WEIGHTS),)
        ),
        stages=(
            Stage("frozen", epochs=5, learning_rate=5e-3),
            Stage("unfrozen", epochs=5, learning_rate=6e-4, unfreeze=0.6),
        ),
        label_smoothing=0.1,
        test_views=1,
    )


def merged(flowers: Path, folder: Path) -> Path:
    """Return a folder of links to all photos, class by class."""
    for photo in flowers.glob("*/*/*"):
        link = folder / "flowers" / photo.parent.name / f"{photo.parent.parent.name}-{photo.name}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(photo.resolve())
    return folder / "flowers"


def measured(recipe: Recipe, fold: int, folder: Path) -> dict[str, float]:
    """Run a recipe on one fold; return its accuracy and the processor's seconds, of all cores."""
    division = Division(test=0.0, fold=f"{fold + 1}/{FOLDS}")
    seeded = attrs.evolve(recipe, division=division, seed=fold)
    began = time.process_time()
    done = kerastl.run(seeded, folder / "run", overwrite=True, exporting=False)
    seconds = time.process_time() - began
    scores = done.scores["validation"]
    return {
        "accuracy": scores.accuracy,
        "macro_f1": scores.macro_f1,
        "loss": scores.loss,
        "seconds": seconds,
    }


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--only", nargs="*", choices=METHODS, default=[*METHODS])
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if not arguments.table:
        run_missing(arguments)
    for line in table(read(arguments.results)):
        print(line)


def run_missing(arguments: argparse.Namespace) -> None:
    """Run each method on each fold, and the base beside it where nobody has run it yet."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = base(arguments.data.resolve(), folder)
        for fold in range(arguments.folds):
            for method in arguments.only:
                done = {(row["method"], row["fold"]) for row in read(arguments.results)}
                if (method, fold) in done or method == "base":
                    continue
                is_run = fold and ("base", fold) in done
                rows = [
                    {"method": each, "beside": method, "fold": fold}
                    | measured(METHODS[each](recipe), fold, folder)
                    for each in ([method] if is_run else ["base", method])
                ]
                with arguments.results.open("a", encoding="utf-8") as file:
                    file.writelines(f"{json.dumps(row)}\n" for row in rows)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the runs of a file, none where it is missing."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines]


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a table: accuracy, its difference from the base, seconds as a ratio."""
    by_method = defaultdict(list)
    for row in rows:
        by_method[row["method"]].append(row)
    base_of = {row["fold"]: row for row in by_method["base"]}
    beside = {(row["beside"], row["fold"]): row for row in by_method["base"]}
    lines = [
        "| method | accuracy | beside the base, each fold | loss | seconds, times the base |",
        "|---|---|---|---|---|",
    ]
    for method, some in by_method.items():
        gains = [row["accuracy"] - base_of[row["fold"]]["accuracy"] for row in some]
        pairs = [
            (row, beside[method, row["fold"]]) for row in some if (method, row["fold"]) in beside
        ]
        ratio = median(row["seconds"] / other["seconds"] for row, other in pairs) if pairs else 1.0
        # On the first fold the base is run beside each method, always with the same result.
        each_fold = {row["fold"]: row for row in some}.values()
        accuracy, loss = (mean(row[key] for row in each_fold) for key in ("accuracy", "loss"))
        spread = f" ± {stdev(gains):.3f}" if len(gains) > 1 else ""
        each = f"{mean(gains):+.3f}{spread}" if method != "base" else ""
        lines.append(f"| {method} | {accuracy:.3f} | {each} | {loss:.3f} | {ratio:.2f} |")
    return lines


if __name__ == "__main__":
    main()
