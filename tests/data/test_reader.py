from __future__ import annotations

import io
import struct
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies
from PIL import Image, ImageOps

from colors import photo
from kerastl.data.encoded import bytes_of
from kerastl.data.exif import exif_of_jpeg, orientation_at
from kerastl.data.headers import webp_of
from kerastl.data.reader import read_image


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def test_pixels_are_whole_numbers_so_that_bytes_keep_them():
    image = read_image(encoded(photo((200, 40, 50), 1)), 24).numpy()
    assert image.shape == (24, 24, 3)
    assert image.dtype == np.float32
    assert np.array_equal(image, image.astype(np.uint8).astype(np.float32))


def test_it_is_the_same_function_in_a_graph():
    photos = [encoded(photo((200, 40, 50), seed, (30 + seed, 50))) for seed in range(3)]
    eager = np.stack([read_image(each, 24) for each in photos])
    graph = tf.data.Dataset.from_tensor_slices(photos).map(lambda each: read_image(each, 24))
    assert np.array_equal(eager, np.stack(list(graph.as_numpy_iterator())))


@pytest.mark.parametrize("size", [(48, 48), (300, 200), (20, 90)])
def test_it_resizes_as_pillow_does(size: tuple[int, int]):
    image = photo((120, 90, 60), 5, size)
    ours = read_image(encoded(image), 40).numpy()
    theirs = np.asarray(image.resize((40, 40), Image.Resampling.BILINEAR), np.float32)
    assert np.abs(ours - theirs).mean() < 2


def test_it_takes_the_first_frame_and_grey_and_palette():
    frames = [photo(color, 1) for color in ((200, 0, 0), (0, 0, 200))]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    red = read_image(file.getvalue(), 24).numpy().mean(axis=(0, 1))
    assert red[0] > 150
    assert red[2] < 50
    for mode in ("L", "P", "1"):
        assert read_image(encoded(frames[0].convert(mode)), 24).shape == (24, 24, 3)


def test_real_photos_are_resized_as_pillow_does(test_data: Path):
    differences = []
    for path in sorted((test_data / "flowers" / "val").glob("*/*"))[::20]:
        ours = read_image(path.read_bytes(), 160).numpy()
        with Image.open(path) as image:
            theirs = image.convert("RGB").resize((160, 160), Image.Resampling.BILINEAR)
        differences.append(np.abs(ours - np.asarray(theirs, np.float32)).mean())
    assert np.mean(differences) < 2


def _gradient(height: int, width: int) -> Image.Image:
    """A large photo of smooth colours, whose first pixel is not like its last."""
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    waves = np.stack([rows, columns, np.sin(9 * rows * columns) / 2 + 0.5], axis=-1)
    return Image.fromarray((255 * waves).astype(np.uint8))


@pytest.mark.parametrize("factor", [1, 2.5, 4, 9, 20])
def test_a_large_jpeg_is_reduced_while_it_is_decoded_and_stays_the_same(
    factor: float, monkeypatch: pytest.MonkeyPatch
):
    file = encoded(_gradient(round(64 * factor), round(96 * factor)), "JPEG")
    ours = read_image(file, 64).numpy()
    monkeypatch.setattr("kerastl.data.reader._FRACTIONS", ())
    assert np.abs(ours - read_image(file, 64).numpy()).mean() < 1.5
    png = encoded(Image.open(io.BytesIO(file)))
    assert np.abs(ours - read_image(png, 64).numpy()).mean() < 1.5


def corners(height: int = 60, width: int = 100) -> Image.Image:
    """A photo that no turning or mirroring leaves as it is."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[: height // 2, : width // 2] = (250, 20, 20)
    pixels[height // 2 :, : width // 2] = (20, 250, 20)
    return Image.fromarray(pixels)


def pillows(file: bytes, size: int) -> np.ndarray:
    """What Pillow makes of a file: upright, on white, squashed."""
    with Image.open(io.BytesIO(file)) as image:
        image = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    upright = Image.alpha_composite(white, image).convert("RGB")
    return np.asarray(upright.resize((size, size), Image.Resampling.BILINEAR), np.float32)


def exif_of(orientation: int, order: str = "MM", kind: int = 3) -> bytes:
    """EXIF data with an orientation among other entries; kind 3 is a short number, 4 a long one."""
    mark = ">" if order == "MM" else "<"
    short, long = (struct.Struct(mark + letter).pack for letter in "HI")
    value = short(orientation) + short(0) if kind == 3 else long(orientation)
    entries = [
        short(0x010F) + short(2) + long(4) + b"abc\0",
        short(0x0112) + short(kind) + long(1) + value,
        short(0x0128) + short(3) + long(1) + short(2) + short(0),
    ]
    header = order.encode() + short(42) + long(8)
    return header + short(len(entries)) + b"".join(entries) + long(0)


@pytest.mark.parametrize("shape", [(60, 100), (100, 60)])
@pytest.mark.parametrize("orientation", range(9))
def test_photos_are_upright_as_in_pillow(orientation: int, shape: tuple[int, int]):
    image = corners(*shape)
    for kind in ("JPEG", "PNG", "WEBP"):
        for order, number in (("MM", 3), ("II", 3), ("MM", 4), ("II", 4)):
            file = io.BytesIO()
            exif = exif_of(orientation, order, number)
            image.save(file, kind, exif=exif if kind != "JPEG" else b"Exif\0\0" + exif)
            ours = read_image(file.getvalue(), 40).numpy()
            assert np.abs(ours - pillows(file.getvalue(), 40)).mean() < 2, (kind, order, number)


def test_orientation_is_found_behind_other_segments_and_nowhere_else():
    file = encoded(corners(), "JPEG")
    exif = b"Exif\0\0" + exif_of(6)
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    comment = b"\xff\xfe" + (len(segment) + 2).to_bytes(2, "big") + segment
    profile = b"\xff\xe2" + (60_002).to_bytes(2, "big") + bytes(60_000)
    filled = b"\xff\xff" + segment

    def orientation(*between: bytes) -> int:
        spoiled = bytes_of(file[:2] + b"".join(between) + file[2:])
        start = exif_of_jpeg(spoiled)
        return int(orientation_at(spoiled, start)) if start > 0 else 1

    assert orientation() == 1
    assert orientation(profile, segment) == 6
    assert orientation(filled) == 6
    assert orientation(comment) == 1
    assert exif_of_jpeg(bytes_of(file + segment)) < 0


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"MM\0*",
        exif_of(9),
        exif_of(65535),
        exif_of(6)[:20],
        exif_of(6)[:4] + b"\xff\xff\xff\xff" + exif_of(6)[8:],
        exif_of(6)[:4] + b"\x7f\xff\xff\xff" + exif_of(6)[8:],
        b"XX" + exif_of(6)[2:],
    ],
)
def test_exif_data_that_make_no_sense_leave_a_photo_as_it_is(exif: bytes):
    exif = b"Exif\0\0" + exif
    file = encoded(corners(), "JPEG")
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    spoiled = file[:2] + segment + file[2:]
    assert np.array_equal(read_image(spoiled, 32), read_image(file, 32))


def test_a_count_of_entries_beyond_the_end_is_cut():
    exif = exif_of(6)
    many = exif[:8] + b"\xff\xff" + exif[10:]
    file = io.BytesIO()
    corners().save(file, "JPEG", exif=b"Exif\0\0" + many)
    data = bytes_of(file.getvalue())
    assert int(orientation_at(data, exif_of_jpeg(data))) == 6


@pytest.mark.parametrize("real", ["Landscape", "Portrait"])
@pytest.mark.parametrize("orientation", range(9))
def test_real_photos_are_upright(test_data: Path, orientation: int, real: str):
    path = test_data / "odd_images" / f"exif-orientation__{real}_{orientation}.jpg"
    file = path.read_bytes()
    assert np.abs(read_image(file, 160).numpy() - pillows(file, 160)).mean() < 2


def test_crop_takes_the_middle_and_pad_adds_black():
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 20:60] = 200
    file = encoded(Image.fromarray(image))
    assert np.all(read_image(file, 32, "crop").numpy() == 200)
    padded = read_image(file, 32, "pad").numpy()
    assert np.all(padded[:8] == 0)
    assert np.all(padded[24:] == 0)
    assert np.all(padded[8:24, 10:22] == 200)
    assert np.all(padded[8:24, :6] == 0)
    squashed = read_image(file, 32, "squash").numpy()
    assert np.all(squashed[:, 10:22] == 200)


@pytest.mark.parametrize("resize", ["crop", "pad"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (37, 90), (301, 300)])
def test_any_shape_becomes_a_square(resize: str, shape: tuple[int, int]):
    image = read_image(encoded(photo((200, 40, 50), 1, shape)), 32, resize).numpy()
    assert image.shape == (32, 32, 3)
    middle = image[image.sum(axis=-1) > 0]
    assert np.abs(middle.mean(axis=0) - (200, 40, 50)).max() < 60


def test_what_is_seen_through_is_white():
    image = np.zeros((40, 40, 4), np.uint8)
    image[..., 0] = 200
    image[:20, :, 3] = 255
    image[20:, :, 3] = 128
    for kind in ("PNG", "WEBP"):
        file = io.BytesIO()
        Image.fromarray(image).save(file, kind, lossless=True)
        assert (
            np.abs(read_image(file.getvalue(), 40).numpy() - pillows(file.getvalue(), 40)).max()
            <= 1
        )


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("mode", ["P", "1", "L", "LA"])
def test_a_png_of_few_bits_is_not_taken_for_glass(mode: str, bits: int):
    image = corners().convert("P", palette=Image.Palette.ADAPTIVE, colors=2**bits)
    file = io.BytesIO()
    image.save(file, "PNG", bits=bits) if mode == "P" else image.convert(mode).save(file, "PNG")
    ours = read_image(file.getvalue(), 40).numpy()
    assert np.abs(ours - pillows(file.getvalue(), 40)).mean() < 1


def test_a_palette_may_have_a_colour_that_is_seen_through():
    image = corners().convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    file = encoded(image)
    clear = io.BytesIO()
    image.save(clear, "PNG", transparency=0)
    assert (
        np.abs(read_image(clear.getvalue(), 40).numpy() - pillows(clear.getvalue(), 40)).max() <= 1
    )
    assert not np.array_equal(read_image(file, 40), read_image(clear.getvalue(), 40))


def _gif(**options: object) -> bytes:
    file = io.BytesIO()
    corners(32, 32).quantize(4).save(file, "GIF", **options)
    return file.getvalue()


def _moving_webps() -> list[bytes]:
    files = []
    for mode in ("RGB", "RGBA"):
        frames = [photo(color, 1).convert(mode) for color in ((200, 0, 0), (0, 0, 200))]
        file = io.BytesIO()
        frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
        files.append(file.getvalue())
    return files


def _bmp(mode: str) -> bytes:
    return encoded(corners(32, 32).convert(mode), "BMP")


def _narrow_gif() -> bytes:
    """A GIF whose first frame does not cover its screen."""
    return _gif()[:6] + (64).to_bytes(2, "little") + _gif()[8:]


@pytest.mark.parametrize(
    "file",
    [_gif(transparency=0), _narrow_gif(), _bmp("P"), _bmp("1"), _bmp("L"), *_moving_webps()],
)
def test_what_tensorflow_would_misread_is_refused(file: bytes):
    with pytest.raises(tf.errors.InvalidArgumentError):
        read_image(file, 32)
    assert np.array_equal(read_image(_gif(), 32), pillows(_gif(), 32))


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_header_of_a_webp(mode: str, lossless: bool):
    image = np.random.default_rng(0).integers(0, 255, (33, 47, 4), np.uint8)
    for options in ({}, {"exif": exif_of(1)}):
        file = io.BytesIO()
        Image.fromarray(image).convert(mode).save(file, "WEBP", lossless=lossless, **options)
        found = [int(value) for value in webp_of(bytes_of(file.getvalue()))]
        assert found == [33, 47, mode == "RGBA", False]


def _bomb(kind: str) -> bytes:
    """A small file that says it has two billion pixels."""
    file = bytearray(encoded(corners(32, 32), kind))
    wide, high = 46_000, 46_000
    if kind == "PNG":
        file[16:24] = struct.pack(">II", wide, high)
    elif kind == "BMP":
        file[18:26] = struct.pack("<ii", wide, -high)
    elif kind == "GIF":
        file[6:10] = struct.pack("<HH", wide, high)
    elif kind == "WEBP":
        file[26:30] = struct.pack("<HH", 16_383, 16_383)
    else:
        frame = file.index(b"\xff\xc0")
        file[frame + 5 : frame + 9] = struct.pack(">HH", high, wide)
    return bytes(file)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "JPEG", "WEBP"])
def test_a_bomb_is_refused_before_it_is_decoded(kind: str):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"more than .* pixels"):
        read_image(_bomb(kind), 32)


_SOUND = [
    encoded(corners(), "JPEG"),
    encoded(corners(), "PNG"),
    encoded(corners(), "BMP"),
    encoded(corners(), "WEBP"),
    _gif(),
]
_READ = tf.function(lambda file: read_image(file, 32), autograph=False)


@hypothesis.settings(max_examples=300, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    file=strategies.sampled_from(_SOUND),
    changes=strategies.lists(
        strategies.tuples(strategies.floats(0, 1), strategies.binary(max_size=6)), max_size=6
    ),
    kept=strategies.floats(0.05, 1),
)
def test_a_spoiled_file_is_an_error_or_an_image(
    file: bytes, changes: list[tuple[float, bytes]], kept: float
):
    spoiled = bytearray(file)
    for place, some in changes:
        # Headers are short, and the parts that mutations hurt most.
        start = round(place**3 * len(spoiled))
        spoiled[start : start + len(some)] = some
    spoiled = bytes(spoiled[: round(kept**0.25 * len(spoiled))])
    try:
        image = _READ(tf.constant(spoiled)).numpy()
    except tf.errors.InvalidArgumentError:
        return
    assert image.shape == (32, 32, 3)
    assert np.array_equal(image, image.clip(0, 255))
