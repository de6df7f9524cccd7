from __future__ import annotations

import io
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colors import COLORS, fill, photo
from kerastl.cache import Cache
from kerastl.data import ImageFolder, Manifest
from kerastl.data.check import Report, check
from kerastl.data.facts import facts_of, known_of, text_of
from kerastl.data.page import write_page, write_report
from kerastl.data.quarantine import quarantine
from kerastl.data.report import ADVICE
from kerastl.errors import DataError, RunDirectoryError
from kerastl.labelled import Split

RED = COLORS["red"]


def checked(folder: Path, cache: Path) -> Report:
    labelled, facts = known_of(ImageFolder(folder).find(everything=True), Cache(cache))
    return check(labelled, facts, Cache(cache))


def kinds(report: Report) -> dict[str, list[tuple[str, ...]]]:
    return {finding.kind: list(finding.groups) for finding in report.findings}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos of two classes in two splits, of which nothing bad can be said."""
    for split, first in (("train", 0), ("val", 50)):
        for name in ("green", "red"):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for number in range(first, first + 12):
                spots(number, COLORS[name]).save(
                    tmp_path / "data" / split / name / f"{number}.jpg", quality=92
                )
    return tmp_path / "data"


def spots(seed: int, color: tuple[int, int, int]) -> Image.Image:
    """A photo that is like no other: a few squares."""
    image = photo(color, seed, (64, 64))
    random = np.random.default_rng(seed + 1000 * color[0])
    for _ in range(8):
        left, top = random.integers(0, 50, 2).tolist()
        shade = tuple(random.integers(0, 255, 3).tolist())
        image.paste(shade, (left, top, left + 14, top + 14))
    return image


def test_of_good_photos_nothing_is_said(folder: Path, tmp_path: Path):
    report = checked(folder, tmp_path / "cache")
    assert report.findings == ()
    assert report.counts == {
        "train": {"green": 12, "red": 12},
        "validation": {"green": 12, "red": 12},
    }


def test_what_is_wrong_with_single_files(folder: Path, tmp_path: Path):
    red = folder / "train" / "red"
    (red / "text.jpg").write_text("no photo")
    (red / "half.jpg").write_bytes((red / "0.jpg").read_bytes()[:700])
    spots(101, RED).save(red / "png.jpg", "PNG")
    exif = Image.Exif()
    exif[0x0112] = 6
    spots(102, RED).save(red / "turned.jpg", exif=exif)
    spots(103, RED).resize((20, 300)).save(red / "tiny.jpg")
    spots(104, RED).convert("L").save(red / "grey.jpg")
    Image.new("RGB", (80, 80), (0, 90, 0)).save(red / "blank.jpg")
    report = checked(folder, tmp_path / "cache")
    found = {
        kind: {Path(name).name for (name,) in groups} for kind, groups in kinds(report).items()
    }
    assert found == {
        "unreadable": {"text.jpg", "half.jpg"},
        "wrong-ending": {"png.jpg"},
        "turned": {"turned.jpg"},
        "tiny": {"tiny.jpg"},
        "grey": {"grey.jpg"},
        "blank": {"blank.jpg"},
    }
    assert report.findings[0].level == "error"
    assert report.findings[-1].level == "note"
    assert {Path(name).name for name in report.unreadable} == {"text.jpg", "half.jpg"}
    assert "not an image" in report.unreadable.values()


def test_copies_within_and_across_splits_and_classes(folder: Path, tmp_path: Path):
    train, val = folder / "train", folder / "val"
    shutil.copy(train / "red" / "0.jpg", train / "red" / "again.jpg")
    shutil.copy(train / "red" / "1.jpg", val / "red" / "again.jpg")
    shutil.copy(train / "red" / "2.jpg", train / "green" / "again.jpg")
    for number, place in ((3, train / "red"), (4, val / "red"), (5, val / "green")):
        image = Image.open(train / "red" / f"{number}.jpg").rotate(90)
        image.save(place / f"near_{number}.jpg", quality=50)
    found = {
        kind: [{os.path.relpath(name, folder) for name in group} for group in groups]
        for kind, groups in kinds(checked(folder, tmp_path / "cache")).items()
    }
    assert found == {
        "copies": [{"train/red/0.jpg", "train/red/again.jpg"}],
        "copies-across-splits": [{"train/red/1.jpg", "val/red/again.jpg"}],
        "copies-across-classes": [{"train/red/2.jpg", "train/green/again.jpg"}],
        "near-copies": [{"train/red/3.jpg", "train/red/near_3.jpg"}],
        "near-copies-across-splits": [{"train/red/4.jpg", "val/red/near_4.jpg"}],
        "near-copies-across-classes": [{"train/red/5.jpg", "val/green/near_5.jpg"}],
    }


def test_a_near_copy_of_a_photo_that_is_there_twice_is_of_both(folder: Path, tmp_path: Path):
    train, val = folder / "train" / "red", folder / "val" / "red"
    shutil.copy(train / "0.jpg", train / "again.jpg")
    Image.open(train / "0.jpg").rotate(180).save(val / "near.jpg", quality=50)
    found = kinds(checked(folder, tmp_path / "cache"))
    assert {len(group) for group in found["near-copies-across-splits"]} == {3}


def test_classes_that_do_not_fit(folder: Path, tmp_path: Path):
    (folder / "train" / "Red ").mkdir()
    for number in range(3):
        spots(200 + number, (90, 90, 200)).save(folder / "train" / "Red " / f"{number}.jpg")
    (folder / "val" / "blue").mkdir()
    spots(300, (90, 90, 200)).save(folder / "val" / "blue" / "0.jpg")
    report = checked(folder, tmp_path / "cache")
    texts = {finding.text for finding in report.findings}
    assert texts == {
        "class 'blue' has no photos in train",
        "class 'Red ' has no photos in validation",
        "classes whose names differ by case or spaces alone: 'Red ' and 'red'",
        "class 'Red ' has only 3 photos to learn from",
    }
    assert report.findings[0].text == "class 'blue' has no photos in train"


def test_a_class_of_few_photos_among_many(tmp_path: Path):
    for name, count in (("a", 60), ("b", 11)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(count):
            spots(number, (30, 60, 200) if name == "a" else RED).save(
                tmp_path / "data" / name / f"{number}.png"
            )
    (finding,) = checked(tmp_path / "data", tmp_path / "cache").findings
    assert finding.text == "class 'a' has 60 photos to learn from, and 'b' only 11"


def test_every_finding_has_an_advice(folder: Path):
    assert all(text.endswith(".") for text in ADVICE.values())


def test_files_are_opened_once_and_again_when_they_have_changed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cache = tmp_path / "cache"
    first = checked(folder, cache)
    opened: list[int] = []
    from kerastl.data import decoding

    decode = decoding.decode
    monkeypatch.setattr(
        decoding,
        "decode",
        lambda split, numbers, *more: opened.append(len(numbers)) or decode(split, numbers, *more),
    )
    assert checked(folder, cache) == first
    assert sum(opened) == 0
    path = folder / "train" / "red" / "0.jpg"
    about = path.stat()
    path.write_bytes(b"x" * about.st_size)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert list(checked(folder, cache).unreadable) == [str(path)]
    assert sum(opened) == 1


def test_copies_of_photos_with_several_labels(tmp_path: Path):
    spots(1, RED).save(tmp_path / "a.png")
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    spots(2, RED).save(tmp_path / "c.png")
    table = tmp_path / "photos.csv"
    table.write_text("path,label\na.png,car\nb.png,car;dog\nc.png,dog\n")
    labelled, facts = known_of(Manifest(str(table), multi_label=True).find(), Cache(tmp_path / "c"))
    texts = [one.text for one in check(labelled, facts, Cache(tmp_path / "c")).findings]
    assert "the same file, with different labels" in texts


def test_facts_of_a_file_that_tensorflow_alone_would_take(tmp_path: Path):
    file = io.BytesIO()
    spots(1, RED).save(file, "PNG")
    short = b"\0\0\0\1pHYs\0" + zlib.crc32(b"pHYs\0").to_bytes(4, "big")
    end_of_header = 33
    path = tmp_path / "a.png"
    path.write_bytes(file.getvalue()[:end_of_header] + short + file.getvalue()[end_of_header:])
    (fact,) = facts_of(Split([str(path)], [0]), Cache(tmp_path / "cache"))
    assert "pHYs" in text_of(fact["reason"])


def test_classes_without_a_single_photo_are_found(tmp_path: Path):
    for name in ("red", "green"):
        (tmp_path / "data" / name).mkdir(parents=True)
    labelled = ImageFolder(str(tmp_path / "data")).find(everything=True)
    labelled, facts = known_of(labelled, Cache(tmp_path / "cache"))
    report = check(labelled, facts, Cache(tmp_path / "cache"))
    assert [one.kind for one in report.serious] == ["class-missing", "class-missing"]


def test_a_list_keeps_what_others_that_look_into_the_folder_have_found(tmp_path: Path):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_text("nothing")
    (tmp_path / "quarantine.txt").write_text("mine.jpg\na.jpg\tbad\nb.jpg\tbad\ngone.jpg\tbad\n")
    looked_at = [str(tmp_path / name) for name in ("b.jpg", "c.jpg")]
    assert quarantine(tmp_path, {looked_at[1]: "worse"}, looked_at)
    rows = (tmp_path / "quarantine.txt").read_text().splitlines()[-3:]
    assert rows == ["mine.jpg", "a.jpg\tbad", "c.jpg\tworse"]


def test_a_list_keeps_what_a_person_has_remarked_where_it_is(tmp_path: Path):
    listed, bad = tmp_path / "quarantine.txt", tmp_path / "bad.jpg"
    bad.write_text("nothing")
    listed.write_text("# broken on Monday\nbad.jpg\tworse\n\n# ask Ada\nmine.jpg\n")
    for _ in range(2):
        assert quarantine(tmp_path, {str(bad): "not an image"}, [str(bad)])
        rows = listed.read_text().splitlines()[2:]
        assert rows[:3] == ["# broken on Monday", "bad.jpg\tnot an image", ""]
        assert rows[3:] == ["# ask Ada", "mine.jpg"]
    listed.write_text("".join(listed.read_text().splitlines(keepends=True)[:4]))
    assert not quarantine(tmp_path, {}, [str(bad)])
    assert listed.read_text().splitlines()[2:] == ["# broken on Monday"]
    listed.write_text("\n".join(listed.read_text().splitlines()[:2]))
    assert not quarantine(tmp_path, {}, [str(bad)])
    assert not listed.exists()


def test_facts_of_one_photo(tmp_path: Path):
    spots(1, RED).resize((90, 60)).save(tmp_path / "a.png")
    (fact,) = facts_of(Split([str(tmp_path / "a.png")], [0]), Cache(tmp_path / "cache"))
    assert text_of(fact["format"]) == "PNG"
    assert (fact["height"], fact["width"], fact["orientation"]) == (60, 90, 1)
    assert fact["contrast"] > 10
    assert fact["color"] > 10


def test_the_page_shows_the_photos_and_takes_no_name_for_markup(folder: Path, tmp_path: Path):
    bad = folder / "train" / "red" / "<b>&.jpg"
    bad.write_text("no photo")
    shutil.copy(folder / "train" / "red" / "1.jpg", folder / "val" / "red" / "again.jpg")
    write_page(checked(folder, tmp_path / "cache"), str(folder), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<img ") == 2
    assert "&lt;b&gt;&amp;.jpg" in page
    assert "<b>" not in page
    assert "not an image" in page


@pytest.mark.parametrize("text", ['{"photos": []}', "[1]", "no JSON", "[" * 100_000])
def test_a_report_of_another_program_is_not_overwritten(tmp_path: Path, text: str):
    write_report(Report(), tmp_path, tmp_path / "ours")
    write_report(Report(("a.jpg",), {"train": 1}, {"train": {"a": 1}}), tmp_path, tmp_path / "ours")
    assert '"a": 1' in (tmp_path / "ours" / "report.json").read_text()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.json").write_text(text)
    with pytest.raises(RunDirectoryError, match=r"something else\. Name another folder"):
        write_report(Report(), tmp_path, tmp_path / "mine")
    assert (tmp_path / "mine" / "report.json").read_text() == text


def test_the_list_of_files_to_leave_out_is_honoured(tmp_path: Path):
    data = fill(tmp_path / "data", 6)
    (data / "quarantine.txt").write_text("# mine\nred/red_00.jpg\nred/red_01.jpg\ttruncated\n")
    splits = ImageFolder(data).load(0)
    names = {Path(name).name for split in splits[:3] for name in split.names}
    assert len(names) == 16
    assert not names & {"red_00.jpg", "red_01.jpg"}
    assert len(ImageFolder(data).find(everything=True).photos) == 18
    with (data / "quarantine.txt").open("a") as file:
        file.writelines(f"red/red_{number:02}.jpg\n" for number in range(6))
    with pytest.raises(DataError, match="no photos of class 'red'"):
        ImageFolder(data).load(0)


def test_a_file_that_is_not_there_and_a_class_without_photos_are_told_each_time(tmp_path: Path):
    fill(tmp_path / "data", 4, {"red": RED, "blue": COLORS["blue"]})
    (tmp_path / "data" / "hollow").mkdir()
    (tmp_path / "data" / "red" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    for _ in range(2):
        report = checked(tmp_path / "data", tmp_path / "cache")
        assert [Path(name).name for name in report.unreadable] == ["gone.jpg"]
        assert "class 'hollow' has no photos in train" in [each.text for each in report.findings]


def test_a_class_with_a_single_photo_to_validate_on_is_told(folder: Path, tmp_path: Path):
    for path in sorted((folder / "val" / "red").iterdir())[1:]:
        path.unlink()
    (finding,) = checked(folder, tmp_path / "cache").findings
    assert (finding.kind, finding.level) == ("single-photo", "warning")
    assert finding.text.startswith("class 'red' has a single photo in validation")
