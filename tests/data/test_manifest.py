from __future__ import annotations

import json
from pathlib import Path

import pytest

from colors import fill
from kerastl.data import ImageFiles, ImageFolder, Manifest, source_of
from kerastl.errors import DataError, UsageError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of photos, to be listed by a manifest in it."""
    fill(tmp_path / "photos", 4, {"red": (200, 10, 10), "blue": (10, 10, 200)})
    return tmp_path


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Manifest:
    (folder / name).write_text(text, encoding=encoding)
    return Manifest(folder / name)


def test_a_table_with_everything(folder: Path):
    text = "path,label,split,group,weight\n" + "".join(
        f"photos/{name}/{name}_0{number}.jpg,{name},{split},g{number},{number}\n"
        for name in ("red", "blue")
        for number, split in enumerate(("train", "val", "Test", ""))
    )
    found = written(folder, "all.csv", text, "utf-8-sig").find()
    assert found.classes == ("blue", "red")
    assert found.photos.labels == (1, 1, 1, 1, 0, 0, 0, 0)
    assert found.splits == ("train", "validation", "test", "") * 2
    assert found.groups == ("g0", "g1", "g2", "g3") * 2
    assert found.photos.weights == (0.0, 1.0, 2.0, 3.0) * 2
    assert all(Path(name).is_file() for name in found.photos.names)
    assert not found.multi_label


@pytest.mark.parametrize(("name", "between"), [("a.csv", ";"), ("a.csv", "\t"), ("a.TSV", "\t")])
def test_other_separators_names_with_spaces_and_columns_of_other_names(
    folder: Path, name: str, between: str
):
    (folder / "photos" / "red" / "red_00.jpg").rename(folder / "photos" / "Größe, 夜 1.JPG")
    rows = [["file", "kind", "who"], ["photos/Größe, 夜 1.JPG", "ä b", "me"]]
    rows += [["photos/blue/blue_00.jpg", "x", "you"]]
    (folder / name).write_text("\n".join(between.join(row) for row in rows), encoding="utf-8")
    source = Manifest(folder / name, path_column="file", label_column="kind", group="who")
    found = source.find()
    assert found.classes == ("x", "ä b")
    assert found.groups == ("me", "you")
    assert Path(found.photos.names[0]).is_file()


def test_several_labels_in_a_cell(folder: Path):
    text = (
        "path,label\n"
        "photos/red/red_00.jpg,red; warm\n"
        "photos/red/red_01.jpg,red|warm|red\n"
        "photos/blue/blue_00.jpg,\n"
    )
    found = written(folder, "several.csv", text).find()
    assert found.multi_label
    assert found.classes == ("red", "warm")
    assert found.photos.labels == ((0, 1), (0, 1), ())


def test_json_lines(folder: Path):
    rows = [
        {"path": "photos/red/red_00.jpg", "label": ["red", "warm"], "weight": 2},
        {"path": "photos/blue/blue_00.jpg", "label": "blue", "group": 7},
        {"path": "photos/blue/blue_01.jpg", "label": []},
    ]
    text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    found = written(folder, "some.jsonl", text).find()
    assert found.multi_label
    assert found.photos.labels == ((1, 2), (0,), ())
    assert found.groups == ("", "7", "")
    assert found.photos.weights == (2.0, 1.0, 1.0)


GOOD = "photos/red/red_00.jpg,red\nphotos/blue/blue_00.jpg,blue\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "names no photos; expected one a line"),
        ("a.csv", "path,label\n", "names no photos; expected"),
        ("a.csv", "file,label\nx.jpg,red\n", "a.csv has no column 'path'. Known: file, label"),
        ("a.csv", f"path,label\n{GOOD}photos/red/red_01.jpg,\n", "red_01.jpg has no label"),
        ("a.csv", f"path,label\n{GOOD}photos/red/red_00.jpg,blue\n", "Line 4 .*photo of line 2 ag"),
        ("a.csv", f"path,label\n{GOOD},red\n", "Line 4 .*: the path is empty"),
        ("a.csv", f"path,label\n{GOOD}x.jpg,red,more\n", "Line 4 of .* has more or fewer cells"),
        ("a.csv", f"path,label\n{GOOD}x.jpg\n", "Line 4 of .* has more or fewer cells"),
        (
            "a.csv",
            "path,label,split\nphotos/red/red_00.jpg,red,dev\n",
            "split must be train, v",
        ),
        (
            "a.csv",
            "path,label,weight\nphotos/red/red_00.jpg,red,-1\n",
            "weight must be a numb",
        ),
        (
            "a.csv",
            "path,label,weight\nphotos/red/red_00.jpg,red,x\n",
            "weight must be a numb",
        ),
        ("a.csv", "path,label\nnone.jpg,red\nno.jpg,blue\n", "No photo that .* names exists, such"),
        ("a.jsonl", '{"path": "x"', "Line 1 of .* is no JSON"),
        ("a.jsonl", "[" * 100_000, "Line 1 of .* is no JSON: it is nested too deeply"),
        ("a.jsonl", "[1]", "Line 1 of .* is no JSON object"),
        ("a.jsonl", '{"path": "x"}', "a.jsonl, line 1, has no column 'label'"),
    ],
)
def test_a_manifest_that_is_not_as_expected(folder: Path, name: str, text: str, message: str):
    with pytest.raises(DataError, match=message) as caught:
        written(folder, name, text).find()
    assert "\n" not in str(caught.value)


def test_a_manifest_that_is_not_there_or_no_text(folder: Path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        Manifest(folder / "none.csv").find()
    (folder / "a.csv").write_bytes(b"path,label\n\xff\xfe,x\n")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        Manifest(folder / "a.csv").find()


def test_headings_in_capitals_and_a_group_that_there_is_not(folder: Path):
    text = "Path,LABEL,Split,Group\n" + "".join(
        f"photos/{name}/{name}_0{n}.jpg,{name},test,g{n}\n"
        for name in ("red", "blue")
        for n in (0, 1)
    )
    found = written(folder, "a.csv", text).find()
    assert found.splits == ("test",) * 4
    assert found.groups == ("g0", "g1") * 2
    with pytest.raises(DataError, match=r"No photo in .* is of a group: 'person' finds none"):
        Manifest(folder / "a.csv", group="person").find()


def test_files_of_a_quarantine_list_are_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (folder / "lists").mkdir()
    text = "path,label\n../photos/red/red_00.jpg,red\n../photos/red/red_01.jpg,red\n"
    written(folder / "lists", "a.csv", text + "../photos/blue/blue_00.jpg,blue\n")
    (folder / "lists" / "quarantine.txt").write_text("../photos/red/red_00.jpg\nelsewhere.jpg\n")
    monkeypatch.chdir(folder / "photos")
    found = Manifest("../lists/a.csv").find()
    assert [Path(name).name for name in found.photos.names] == ["red_01.jpg", "blue_00.jpg"]
    assert "Left out: 1 file" in capsys.readouterr().out


def test_numbers_are_in_their_order_and_lists_are_several(folder: Path):
    found = ImageFiles([f"{number}.jpg" for number in range(12)], list(range(12))).find()
    assert found.classes[-3:] == ("9", "10", "11")
    rows = [{"path": f"photos/{name}/{name}_00.jpg", "label": [name]} for name in ("red", "blue")]
    text = "\n".join(map(json.dumps, rows))
    assert written(folder, "some.jsonl", text).find().multi_label


def test_data_are_told_apart_by_their_names():
    assert source_of("a/photos.CSV") == Manifest("a/photos.CSV")
    assert source_of("photos") == ImageFolder("photos")
    assert source_of("tfds:candy").name == "candy"


def test_lists_of_paths_and_labels(folder: Path):
    paths = sorted((folder / "photos").glob("*/*"))
    found = ImageFiles(paths, [path.parent.name for path in paths]).find()
    assert found.classes == ("blue", "red")
    assert found.photos.names == tuple(map(str, paths))
    assert found.root == str(folder / "photos")
    several = ImageFiles(paths, [["cold"]] * 4 + [["red", "warm"]] * 3 + [[]]).find()
    assert several.multi_label
    assert several.photos.labels[3:] == ((0,), (1, 2), (1, 2), (1, 2), ())


def test_lists_that_do_not_fit():
    with pytest.raises(DataError, match="2 paths were given with 1, 0, 0, 0 labels, splits"):
        ImageFiles(["a", "b"], ["x"]).find()
    with pytest.raises(DataError, match="0 paths"):
        ImageFiles([], []).find()
    with pytest.raises(DataError, match="has photos of the one class 'x'"):
        ImageFiles(["a", "b"], ["x", "x"]).load()
    with pytest.raises(DataError, match="a: the split must be train, validation, test or empty"):
        ImageFiles(["a", "b"], ["x", "y"], splits=["dev", ""]).find()
    with pytest.raises(DataError, match="b: the weight must be a number from 0, not -1"):
        ImageFiles(["a", "b"], ["x", "y"], weights=[1, -1]).find()
    with pytest.raises(DataError, match="a is in the list more than once"):
        ImageFiles(["a", "a"], ["x", "y"]).find()
    with pytest.raises(UsageError, match=r"ImageFiles\.paths must be a list of paths, not 'a"):
        ImageFiles("a.jpg", ["x"])
    found = ImageFiles(["a", "b"], ["x", "y"], splits=["val", ""], groups=[1, 2]).find()
    assert (found.splits, found.groups) == (("validation", ""), ("1", "2"))


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """Photos by place, then by class, then by person."""
    for place in ("north", "south"):
        for name in ("cat", "dog"):
            for person in range(3):
                fill(tmp_path / "n" / place / name, 2, {f"p{person}": (90, 10 * person, 5)})
    return tmp_path / "n"


def test_class_folders_that_lie_deeper_and_groups_by_folder_or_name(nested: Path):
    found = ImageFolder(nested, class_level=2, group=1).find()
    assert found.classes == ("cat", "dog")
    assert set(found.groups) == {"north", "south"}
    assert len(found.photos) == 24
    people = ImageFolder(nested, class_level=2, group=3).find()
    assert set(people.groups) == {"p0", "p1", "p2"}
    named = ImageFolder(nested, class_level=2, group=r"/(p\d)_").find()
    assert named.groups == people.groups
    assert set(ImageFolder(nested).find().classes) == {"north", "south"}


def test_groups_that_there_are_not(nested: Path):
    with pytest.raises(DataError, match=r"No photo in .* is of a group: group=9 finds none"):
        ImageFolder(nested, group=9).find()
    for wrong in (0, "(", True):
        with pytest.raises(UsageError, match=r"ImageFolder\.group must be a number of folders"):
            ImageFolder(nested, group=wrong)


def test_a_glance_tells_of_a_table_that_is_none(tmp_path: Path):
    path = tmp_path / "photos.csv"
    with pytest.raises(DataError, match=r"photos\.csv cannot be read"):
        Manifest(str(path)).glance()
    path.write_text("path,kind\na.jpg,red\n")
    with pytest.raises(DataError, match="no column 'label'"):
        Manifest(str(path)).glance()
    path.write_text("path,label\na.jpg,red\nb.jpg,\n")
    Manifest(str(path)).glance()
