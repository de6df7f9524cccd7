from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colors import photo
from kerastl.data import decoding, read_photos
from kerastl.data.decoding import decode_file
from kerastl.labelled import Split

RED = (200, 40, 50)


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
