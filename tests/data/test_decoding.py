from __future__ import annotations

import io
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colors import photo
from kerastl.data import decoding, read_photos
from kerastl.data.conversion import complaint
from kerastl.data.decoding import decode_file
from kerastl.labelled import Split

RED = (200, 40, 50)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "resize"),
    [
        *((kind, "squash") for kind in ("JPEG", "PNG", "BMP", "TIFF")),
        ("GIF", "crop"),
        ("PNG", "pad"),
    ],
)
def test_one_file_becomes_what_training_reads(tmp_path: Path, kind: str, resize: str):
    path = tmp_path / "photo"
    photo(RED, 1, (90, 60)).save(path, kind)
    expected = read_photos(Split([str(path)], [0]), 32, resize=resize).images[0]
    np.testing.assert_array_equal(decode_file(path.read_bytes(), 32, resize), expected)


def test_zeros_at_the_end_of_a_file_are_part_of_it(monkeypatch: pytest.MonkeyPatch):
    # Pillow would mend it, and be slow.
    monkeypatch.setattr(decoding, "_converted", lambda *_: pytest.fail("it was not read"))
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "BMP")
    assert file.getvalue().endswith(bytes(100))
    assert not decode_file(file.getvalue(), 32, "squash").any()


def test_many_threads_may_ask_at_once(photos: Path):
    files = [path.read_bytes() for path in sorted(photos.glob("*/*"))]
    with ThreadPoolExecutor(4) as threads:
        found = [*threads.map(lambda file: decode_file(file, 32, "squash"), files)]
    for image, file in zip(found, files, strict=True):
        np.testing.assert_array_equal(image, decode_file(file, 32, "squash"))


def test_what_is_no_photo_is_told():
    with pytest.raises(ValueError, match="not an image"):
        decode_file(b"no photo", 32, "squash")


def test_warnings_are_as_they_were_when_many_threads_have_asked():
    before, interval = warnings.filters[:], sys.getswitchinterval()
    # As often as can be, another thread goes on.
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(complaint, [_png(photo(RED, 1))] * 2000))
    finally:
        sys.setswitchinterval(interval)
    assert warnings.filters == before


def test_a_folder_of_all_kinds_is_read_once(tmp_path: Path):
    """Each file is opened once, whatever it takes to read it; each photo is told by its number."""
    kinds = ("JPEG", "PNG", "TIFF", "BMP", "GIF")
    files = [tmp_path / f"{number}" for number in range(23)]
    for number, file in enumerate(files):
        photo((10 * number, 100, 50), number).save(file, kinds[number % 5])
    files[7].write_bytes(b"no photo")
    files[11].unlink()
    split = Split([str(file) for file in files], [0] * 23)
    found = {}
    for some in decoding.decode(split, np.arange(23), 32, "squash"):
        for number, *each in zip(some.numbers, some.files, some.images, some.reasons, strict=True):
            assert int(number) not in found
            found[int(number)] = each
    assert sorted(found) == [*range(23)]
    assert {number: reason for number, (*_, reason) in found.items() if reason} == {
        7: "not an image",
        11: split.why_unreadable(11),
    }
    for number, (encoded, image, reason) in found.items():
        if not reason:
            assert encoded == files[number].read_bytes()
            np.testing.assert_array_equal(image, decode_file(encoded, 32, "squash"))


@pytest.mark.parametrize("threads", [2, 16, 200])
def test_however_many_cores_there_are_few_files_are_in_memory(
    photos: Path, monkeypatch: pytest.MonkeyPatch, threads: int
):
    for module in ("decoding", "threads"):
        found = sys.modules[f"kerastl.{'data.' if module == 'decoding' else ''}{module}"]
        monkeypatch.setattr(found, "count", lambda: threads)
    file, handed = str(next(photos.glob("*/*.jpg"))), []

    class Counted(list):
        def __init__(self, files: list[bytes]) -> None:
            super().__init__(files)
            handed.append(len(files))

    files = decoding._files
    monkeypatch.setattr(
        decoding, "_files", lambda *given: ((some, Counted(each)) for some, each in files(*given))
    )
    read = decoding.decode(Split([file] * 1000, [0] * 1000), np.arange(1000), 32, "squash")
    next(read)
    read.close()
    assert sum(handed) <= max(2 * threads, 200)
