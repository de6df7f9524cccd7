from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from colors import fill
from kerastl.data import ImageFolder
from kerastl.data.page import write_report
from kerastl.data.report import Report
from kerastl.errors import DataError
from kerastl.labelled import Division
from kerastl.rundir import RunDirectory


def test_a_folder_of_class_folders_is_split_class_by_class(photos: Path):
    splits = ImageFolder(str(photos)).load(0, Division(validation=0.3, test=0.2))
    assert splits.classes == ("blue", "green", "red")
    for split, share in zip(splits[:3], (0.5, 0.3, 0.2), strict=True):
        counts = Counter(split.labels)
        assert set(counts) == {0, 1, 2}
        assert all(0.4 * share <= count / 20 <= 1.6 * share for count in counts.values())
    names = [name for split in splits[:3] for name in split.names]
    assert len(set(names)) == len(names) == 60


def test_the_seed_decides_the_split(photos: Path):
    source = ImageFolder(str(photos))
    assert source.load(1).test.names == source.load(1).test.names
    assert source.load(1).test.names != source.load(2).test.names


@pytest.mark.parametrize("name", ["validation", "val", "valid"])
def test_split_folders_are_taken_as_they_are(tmp_path: Path, name: str):
    fill(tmp_path / "train", 6)
    fill(tmp_path / name, 2)
    splits = ImageFolder(str(tmp_path)).load(0, Division(test=0))
    assert [len(split) for split in splits[:3]] == [18, 6, 0]
    assert all(f"/{name}/" in path for path in splits.validation.names)


def test_a_validation_split_is_drawn_where_only_test_is_given(tmp_path: Path):
    fill(tmp_path / "train", 10)
    fill(tmp_path / "test", 2)
    splits = ImageFolder(str(tmp_path)).load(0, Division(validation=0.2))
    assert all("/test/" in path for path in splits.test.names)
    assert len(splits.test) == 6
    assert set(splits.validation.labels) == {0, 1, 2}
    assert len(splits.train) + len(splits.validation) == 30


def test_a_folder_of_test_photos_alone_can_be_loaded(tmp_path: Path):
    fill(tmp_path / "test", 2)
    splits = ImageFolder(str(tmp_path)).load(seed=0)
    assert [len(split) for split in splits[:3]] == [0, 0, 6]


def test_names_of_any_kind_and_links_and_deeper_folders(tmp_path: Path):
    fill(tmp_path / "elsewhere", 4, {"Glühwürmchen 夜": (10, 10, 90), "b b": (90, 10, 10)})
    root = tmp_path / "photos"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "elsewhere" / "b b")
    (root / "deep").mkdir()
    (tmp_path / "elsewhere" / "Glühwürmchen 夜").rename(root / "deep" / "Glühwürmchen 夜")
    (root / ".hidden").mkdir()
    splits = ImageFolder(str(root)).load(seed=0)
    assert splits.classes == ("deep", "linked")
    assert sum(map(len, splits[:3])) == 8


def test_split_folders_may_be_capitalised_but_not_doubled(tmp_path: Path):
    fill(tmp_path / "Train", 6)
    fill(tmp_path / "Test", 2)
    assert ImageFolder(str(tmp_path)).find().classes == ("blue", "green", "red")
    fill(tmp_path / "train", 2)
    with pytest.raises(DataError, match="are both for train; keep one"):
        ImageFolder(str(tmp_path)).load(seed=0)


def test_folders_beside_the_splits_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    fill(tmp_path / "train", 6)
    (tmp_path / "notes").mkdir()
    ImageFolder(str(tmp_path)).load(seed=0)
    assert "Passed over" in capsys.readouterr().out


def test_hidden_folders_and_links_in_a_circle_do_no_harm(tmp_path: Path):
    fill(tmp_path, 4)
    fill(tmp_path / "red" / ".ipynb_checkpoints", 2)
    (tmp_path / "blue" / "loop").symlink_to(tmp_path / "blue")
    splits = ImageFolder(str(tmp_path)).load(seed=0)
    assert sum(map(len, splits[:3])) == 12


def test_what_kerastl_wrote_into_the_folder_is_no_class(tmp_path: Path):
    data = fill(tmp_path / "data", 3)
    expected = ImageFolder(data).find()
    for place in ("runs/a", "runs/several/seed-0", "mine", "red/runs/b"):
        run = RunDirectory(data / place)
        run.write_record({"status": "running", "recipe": {}})
        run.report.mkdir()
        shutil.copy(data / "red" / "red_00.jpg", run.report / "confusion.jpg")
    write_report(Report(), data, data / "checks" / "data")
    (data / "runs" / ".hidden").touch()
    assert ImageFolder(data).find() == expected
    shutil.rmtree(data / "blue")
    shutil.rmtree(data / "green")
    with pytest.raises(DataError, match="the one class 'red'"):
        ImageFolder(data).glance()


def test_a_folder_that_others_wrote_is_a_class(tmp_path: Path):
    data = fill(tmp_path, 3)
    (data / "blue" / "run.json").write_text('{"status": "of another program"}')
    (data / "green" / "report.json").write_text("[]")
    for name in ("hollow", "circle/deep"):
        (data / name).mkdir(parents=True)
    (data / "circle" / "deep" / "up").symlink_to("..", target_is_directory=True)
    found = ImageFolder(data).find(everything=True)
    assert found.classes == ("blue", "circle", "green", "hollow", "red")
    assert len(found.photos) == 11


def test_a_class_of_three_photos_is_enough_and_two_are_not(tmp_path: Path):
    fill(tmp_path, 3)
    splits = ImageFolder(str(tmp_path)).load(0, Division(validation=0.4, test=0.4))
    assert [Counter(split.labels) for split in splits[:3]] == [Counter({0: 1, 1: 1, 2: 1})] * 3
    os.remove(tmp_path / "red" / "red_00.jpg")
    with pytest.raises(DataError, match=r"Class 'red' has 2 photos; at least 3 are needed"):
        ImageFolder(str(tmp_path)).load(seed=0)


def _nothing(_: Path) -> None:
    return


def _loose(folder: Path) -> None:
    (folder / "photo.jpg").write_bytes(b"")


def _one(folder: Path) -> None:
    fill(folder, 3, {"only": (1, 2, 3)})


def _hollow(folder: Path) -> None:
    fill(folder, 3)
    (folder / "hollow").mkdir()


def _not_in_train(folder: Path) -> None:
    fill(folder / "train", 3, {"a": (1, 2, 3), "b": (9, 9, 9)})
    fill(folder / "test", 3, {"c": (1, 2, 3)})


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (_nothing, "holds no class folders"),
        (_loose, "holds no class folders"),
        (_one, "has photos of the one class 'only'"),
        (_hollow, "holds no photos of class 'hollow'"),
        (_not_in_train, "holds no photos of class 'c'"),
    ],
)
def test_a_folder_that_cannot_be_learned_from(tmp_path: Path, prepare, message: str):
    prepare(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        ImageFolder(str(tmp_path)).load(seed=0)
    assert "\n" not in str(caught.value)


def test_a_missing_folder(tmp_path: Path):
    with pytest.raises(DataError, match="There is no folder"):
        ImageFolder(str(tmp_path / "nowhere")).load(seed=0)


def test_a_glance_tells_of_folders_alone_and_says_nothing(tmp_path: Path, capsys):
    for name in ("train/red", "train/blue", "test/red", "other"):
        (tmp_path / name).mkdir(parents=True)
    ImageFolder(str(tmp_path)).glance()
    assert capsys.readouterr().out == ""
    with pytest.raises(DataError, match="the one class 'red'; a classifier needs at least two"):
        ImageFolder(str(tmp_path / "test")).glance()
    with pytest.raises(DataError, match="holds no class folders"):
        ImageFolder(str(tmp_path / "other")).glance()
