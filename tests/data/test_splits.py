from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest
from PIL import Image

from kerastl.cache import Cache, id_of
from kerastl.data import ImageFiles, ImageFolder
from kerastl.data.facts import FACTS, SIDE, Facts
from kerastl.data.lock import read_lock, write_lock
from kerastl.data.splits import divide
from kerastl.errors import DataError, RunDirectoryError, UsageError
from kerastl.labelled import Division, Labelled, Split

CLASSES = ("a", "b")
Divided = dict[str, str]


def labelled(counts: dict[int, int], **about: object) -> Labelled:
    """So many photos of each class, which nobody opens."""
    labels = [label for label, count in counts.items() for _ in range(count)]
    names = [f"{label}/{sum(x == label for x in labels[:i])}" for i, label in enumerate(labels)]
    photos = Split(tuple(names), tuple(labels), lambda _: pytest.fail("a photo was read"))
    return Labelled(photos, CLASSES, ("",) * len(names), **about)  # type: ignore[arg-type]


def facts_of(names: tuple[str, ...]) -> Facts:
    """What might be known of photos that are like no others."""
    facts = np.zeros(len(names), FACTS)
    for fact, name in zip(facts, names, strict=True):
        fact["id"] = np.frombuffer(id_of(name.encode()), np.uint8)
        random = np.random.default_rng(list(name.encode()))
        fact["thumbnail"] = random.integers(0, 255, (SIDE, SIDE))
    return facts


@pytest.fixture
def divided(tmp_path: Path) -> Callable[..., Divided]:
    """Divide photos, and tell where each is by its name."""

    def by_name(some: Labelled, seed: int = 0, facts: Facts | None = None, **values: object):
        facts = facts_of(some.photos.names) if facts is None else facts
        some = attrs.evolve(some, photos=attrs.evolve(some.photos, ids=facts["id"]))
        division = Division(**values)  # type: ignore[arg-type]
        found = divide(some, facts, division, seed, Cache(tmp_path / "cache"))
        return dict(zip(found.photos.names, found.splits, strict=True))

    return by_name


def counts(divided: Divided) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for name, split in divided.items():
        found[split][name[0]] += 1
    return found


@pytest.mark.parametrize("seed", range(20))
def test_each_split_has_about_its_share_of_each_class(divided, seed: int):
    found = counts(divided(labelled({0: 100, 1: 30}), seed))
    for split, share in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
        for name, count in (("0", 100), ("1", 30)):
            assert 0.5 * share * count - 1 <= found[split][name] <= 1.5 * share * count + 1


def test_shares_are_met_on_average(divided):
    found = counts(divided(labelled({0: 4000}), validation=0.2, test=0.1))
    assert abs(found["validation"]["0"] - 800) < 80
    assert abs(found["test"]["0"] - 400) < 60


def test_the_seed_decides(divided):
    some = labelled({0: 50, 1: 50})
    assert divided(some, 1) == divided(some, 1) != divided(some, 2)


@pytest.mark.parametrize("seed", range(10))
def test_a_photo_stays_where_it_is_when_others_come(divided, seed: int):
    before = divided(labelled({0: 100, 1: 80}), seed)
    after = divided(labelled({0: 150, 1: 81}), seed)
    assert {name: after[name] for name in before} == before


def test_it_stays_when_it_is_renamed_or_given_another_class(divided):
    some = labelled({0: 100, 1: 80})
    facts = facts_of(some.photos.names)
    names = tuple(f"elsewhere/{number}.jpg" for number in range(180))
    moved = attrs.evolve(some, photos=attrs.evolve(some.photos, names=names))
    before, after = divided(some, 3, facts), divided(moved, 3, facts)
    assert list(before.values()) == list(after.values())


def test_every_split_gets_a_photo_of_a_small_class(divided):
    for seed in range(20):
        found = counts(divided(labelled({0: 3, 1: 3}), seed, validation=0.4, test=0.4))
        assert set(found) == {"train", "validation", "test"}
        assert all(count == {"0": 1, "1": 1} for count in found.values())


def test_a_share_of_0_draws_nothing(divided):
    assert set(divided(labelled({0: 9, 1: 9}), validation=0, test=0).values()) == {"train"}
    assert set(divided(labelled({0: 9, 1: 9}), test=0).values()) == {"train", "validation"}


def test_too_few_photos_are_told(divided):
    with pytest.raises(DataError, match=r"Class 'b' has 2 photos; at least 3 are needed to draw"):
        divided(labelled({0: 30, 1: 2}))
    groups = ("",) * 30 + ("x", "x", "x", "y", "y")
    with pytest.raises(DataError, match=r"'b' has 5 photos in 2 groups that stay together; at"):
        divided(labelled({0: 30, 1: 5}, groups=groups))
    with pytest.raises(UsageError, match="leave nothing to learn from"):
        divided(labelled({0: 30, 1: 30}), validation=0.5, test=0.5)


def test_photos_of_a_group_stay_together_also_those_that_come_later(divided):
    def some(count: int) -> Labelled:
        groups = [f"person {number % 20}" for number in range(count)]
        return labelled({0: count // 2, 1: count // 2}, groups=tuple(groups))

    for seed in range(10):
        before, after = divided(some(100), seed), divided(some(200), seed)
        for found, count in ((before, 100), (after, 200)):
            where = defaultdict(set)
            for name, group in zip(found, some(count).groups, strict=True):
                where[group].add(found[name])
            assert all(len(splits) == 1 for splits in where.values())
            assert set(found.values()) == {"train", "validation", "test"}


def test_given_splits_stay_and_the_others_are_drawn_from_the_rest(divided):
    some = labelled({0: 40, 1: 40})
    given = tuple("test" if number % 4 == 0 else "" for number in range(80))
    found = divided(attrs.evolve(some, splits=given))
    assert [split == "test" for split in found.values()] == [split == "test" for split in given]
    assert set(found.values()) == {"train", "validation", "test"}


def test_each_photo_is_for_validation_in_one_fold(divided):
    some = labelled({0: 60, 1: 40})
    folds = [divided(some, fold=f"{number}/4") for number in range(1, 5)]
    for name in folds[0]:
        splits = sorted(fold[name] for fold in folds)
        assert splits in (["test"] * 4, ["train", "train", "train", "validation"])
    assert all(set(counts(fold)["validation"]) == {"0", "1"} for fold in folds)
    without = [divided(some, fold=f"{number}/4", test=0) for number in range(1, 5)]
    assert all(sum(fold[name] == "validation" for fold in without) == 1 for name in folds[0])


@pytest.mark.parametrize("fold", ["0/5", "6/5", "1/1", "half", "1/5/2", 3])
def test_a_fold_that_is_none(fold: object):
    with pytest.raises(UsageError, match=r"Division\.fold must be a fold such as '2/5'"):
        Division(fold=fold)  # type: ignore[arg-type]


def test_an_earlier_division_is_taken_up_and_new_photos_find_their_place(divided, tmp_path: Path):
    some = labelled({0: 20, 1: 20})
    first = divided(some, seed=1)
    facts = facts_of(some.photos.names)
    photos = attrs.evolve(some.photos, ids=facts["id"])
    kept = attrs.evolve(some, photos=photos, splits=tuple(first.values()))
    write_lock(tmp_path / "splits.json", kept.parted())
    for file in (tmp_path, tmp_path / "splits.json"):
        again = divided(labelled({0: 40, 1: 21}), seed=2, file=file)
        assert {name: again[name] for name in first} == first
        found = counts(again)
        assert all(found[split]["0"] >= 3 for split in ("validation", "test"))
    assert read_lock(tmp_path).classes == CLASSES


def test_a_fold_of_an_earlier_division_is_refused():
    with pytest.raises(UsageError, match="by a fold or as in an earlier run"):
        Division(fold="1/3", file="runs/mine")


def test_an_earlier_division_without_a_test_split_can_be_taken_up(divided, tmp_path: Path):
    some = labelled({0: 2, 1: 2})
    first = divided(some, test=0)
    kept = attrs.evolve(some, splits=tuple(first.values()))
    write_lock(tmp_path / "splits.json", kept.parted())
    assert divided(some, file=tmp_path) == first


def test_a_class_that_comes_along_with_another_is_in_every_split(divided):
    """Each person smiles often and is sad once."""
    labels = tuple(label for _ in range(6) for label in (0, 0, 0, 1))
    groups = tuple(f"person {number // 4}" for number in range(24))
    for seed in range(10):
        some = labelled({0: 24}, groups=groups)
        some = attrs.evolve(some, photos=attrs.evolve(some.photos, labels=labels))
        found = divided(some, seed)
        sad = [split for split, label in zip(found.values(), labels, strict=True) if label]
        assert set(sad) == {"train", "validation", "test"}


def test_groups_of_very_different_sizes_leave_no_split_empty(divided):
    sizes = {"a": 200, "b": 200, "c": 10}
    groups = tuple(name for name, size in sizes.items() for _ in range(size))
    for seed in range(10):
        found = divided(labelled({0: 410}, groups=groups), seed)
        assert set(found.values()) == {"train", "validation", "test"}


def test_of_several_labels_one_that_is_alone_once_is_no_small_class(divided):
    some = labelled({0: 41})
    labels = tuple((0, 1) if number % 2 else (0, 2) for number in range(40))
    photos = attrs.evolve(some.photos, labels=(*labels, (0,)))
    found = divided(attrs.evolve(some, photos=photos, classes=("animal", "cat", "dog")))
    assert set(found.values()) == {"train", "validation", "test"}


def test_a_label_of_no_class_is_told(divided):
    some = labelled({0: 10, 1: 10})
    wrong = attrs.evolve(some, photos=attrs.evolve(some.photos, labels=(*[0] * 10, *[2] * 10)))
    with pytest.raises(DataError, match=r"1/0 has the label 2; the classes are 0 to 1"):
        divided(wrong)


def test_copies_of_a_photo_of_the_test_are_not_learned_unless_that_is_given(
    divided, tmp_path: Path
):
    some = labelled({0: 90})
    facts = facts_of(some.photos.names)
    # Each first is for the test, each second the same file, each third nearly the same photo.
    facts["id"][1::3] = facts["id"][::3]
    for place in (1, 2):
        facts["thumbnail"][place::3] = facts["thumbnail"][::3]
    splits = tuple("test" if number % 3 == 0 else "" for number in range(90))
    found = list(divided(attrs.evolve(some, splits=splits), facts=facts).values())
    assert set(found) == {"test"}
    # To be learned from, as the data say, they are whatever they are copies of.
    given = ("test", "train", "train") * 30
    kept = list(divided(attrs.evolve(some, splits=given), facts=facts).values())
    assert kept[::3] == ["test"] * 30
    assert kept[1::3] == kept[2::3]
    assert set(kept[1::3]) == {"train", "validation"}


def test_an_earlier_division_that_is_none(divided, tmp_path: Path):
    (tmp_path / "splits.json").write_text(json.dumps({"classes": ["a"]}))
    with pytest.raises(RunDirectoryError, match=r"splits\.json is damaged"):
        divided(labelled({0: 20, 1: 20}), file=tmp_path)


def test_copies_stay_together_and_none_is_left_across_splits(test_data: Path, tmp_path: Path):
    paths = sorted((test_data / "flowers" / "train").glob("*/*"))[::6]
    labels = [path.parent.name for path in paths]
    for number, path in enumerate(list(paths)):
        image = Image.open(path)
        image = image.transpose(list(Image.Transpose)[number % 7])
        width, height = image.size
        image = image.crop((width * 3 // 100, 0, width * 97 // 100, height))
        copy = tmp_path / f"{number} copy.jpg"
        image.resize((width * 3 // 5, height * 3 // 5)).save(copy, quality=60)
        paths.append(copy)
        labels.append(labels[number])
    splits = ImageFiles(paths, labels).load(seed=5)
    where = {name: split for split, some in splits.by_name().items() for name in some.names}
    apart = [
        number
        for number in range(len(labels) // 2)
        if where[str(paths[number])] != where[str(tmp_path / f"{number} copy.jpg")]
    ]
    assert set(where.values()) == {"train", "validation", "test"}
    assert len(apart) <= 0.05 * len(labels) / 2


def test_a_class_that_is_all_copies_is_divided_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    random = np.random.default_rng(0)
    table = random.integers(0, 255, (12, 12, 3), np.uint8)
    for number in range(40):
        of = tmp_path / "data" / ("nothing" if number % 2 else "something") / f"{number}.png"
        of.parent.mkdir(parents=True, exist_ok=True)
        pixels = table if number % 2 else random.integers(0, 255, (12, 12, 3), np.uint8)
        image = Image.fromarray(pixels).resize((96, 96))
        image.putpixel((number, 5), (255, number, 0))
        image.save(of)
    splits = ImageFolder(tmp_path / "data").load()
    assert all(set(split.labels) == {0, 1} for split in splits[:3])
    assert "class 'nothing' are copies of one another" in capsys.readouterr().out
