"""The camera: a projective view of the flat ground, and the warp that lays pieces on it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from kerastl.data.drawing.pieces import Point

Matrix = npt.NDArray[np.float64]

FOCAL = 1.15  # focal length in frame widths: a phone's main lens
CELLS = 4  # the mesh of a bent piece has this many cells each way


class Spot(NamedTuple):
    """Where on the ground (centimetres) a piece lies, how it is turned (radians) and bent."""

    x: float
    y: float
    turned: float
    bend: float = 0.0


class Camera(NamedTuple):
    """A view of the ground: the matrices from centimetres to pixels and back."""

    size: tuple[int, int]
    scale: float
    tilt: float
    forward: Matrix
    back: Matrix

    def to_photo(self, points: Matrix) -> Matrix:
        """Project ground points [n, 2] to pixels (x, y)."""
        return _projected(self.forward, points)

    def to_ground(self, points: Matrix) -> Matrix:
        """Project pixels [n, 2] (x, y) back to the ground."""
        return _projected(self.back, points)

    def pixels_per_centimetre(self, spot: Point) -> float:
        """Return the scale across the view at a place on the ground."""
        ends = self.to_photo(np.array([spot, (spot[0] + 1, spot[1])]))
        return float(ends[1, 0] - ends[0, 0])


def camera(size: tuple[int, int], scale: float, tilt: float) -> Camera:
    """Point a camera at the ground.

    Args:
        size: height and width of the photo.
        scale: pixels to a centimetre at the middle of the photo.
        tilt: radians away from straight down.
    """
    rows, columns = size
    distance = FOCAL * columns / scale
    tilted = np.array(
        [[scale, 0, 0], [0, scale * np.cos(tilt), 0], [0, -np.sin(tilt) / distance, 1]]
    )
    forward = _shift(columns / 2, rows / 2) @ tilted
    return Camera(size, scale, tilt, forward, np.linalg.inv(forward))


def _projected(matrix: Matrix, points: Matrix) -> Matrix:
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    projected: Matrix = moved[:, :2] / moved[:, 2:]
    return projected


def _bounds(view: Camera, spot: Spot, size: Point) -> tuple[int, int, int, int]:
    """Return the frame (left, top, right, bottom) of a piece, cut at the photo's edges."""
    side, end = size[0] / 2, size[1] / 2
    x = np.array([-side, 0, side, side, 0, -side])
    y = np.array([-end, -end, -end, end, end, end])
    y = y + spot.bend * (np.abs(x) / side) ** 2
    c, s = np.cos(spot.turned), np.sin(spot.turned)
    corners = np.stack([spot.x + c * x - s * y, spot.y + s * x + c * y], axis=1)
    pixels = view.to_photo(corners)
    rows, columns = view.size
    left, top = np.floor(pixels.min(axis=0)).astype(int) - 1
    right, bottom = np.ceil(pixels.max(axis=0)).astype(int) + 1
    return max(0, int(left)), max(0, int(top)), min(columns, int(right)), min(rows, int(bottom))


def _to_piece(view: Camera, spot: Spot, size: Point) -> Matrix:
    """Return the projective matrix from the photo to centimetres on an unbent piece."""
    c, s = math.cos(spot.turned), math.sin(spot.turned)
    turn = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    centred = _shift(size[0] / 2, size[1] / 2)
    matrix: Matrix = centred @ turn @ _shift(-spot.x, -spot.y) @ view.back
    return matrix


def laid(
    view: Camera, image: Image.Image, spot: Spot, size: Point
) -> tuple[Image.Image, tuple[int, int]] | None:
    """Warp a piece's image, `size` centimetres large, onto the photo.

    Returns:
        The warped image and its top left corner, or None if the piece is out of the frame.
    """
    left, top, right, bottom = _bounds(view, spot, size)
    if right - left < 2 or bottom - top < 2:
        return None
    pixels = np.diag([image.width / size[0], image.height / size[1], 1])
    matrix = pixels @ _to_piece(view, spot, size) @ _shift(left, top)
    target = (right - left, bottom - top)
    if spot.bend:
        mesh = _mesh(matrix, target, image.size, spot.bend * image.height / size[1])
        warped = image.transform(target, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    else:
        flat = tuple((matrix / matrix[2, 2]).ravel()[:8].tolist())
        warped = image.transform(
            target, Image.Transform.PERSPECTIVE, flat, Image.Resampling.BILINEAR
        )
    return warped, (left, top)


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])


def _mesh(
    matrix: Matrix, target: tuple[int, int], source: tuple[int, int], bend: float
) -> list[tuple[tuple[int, int, int, int], tuple[float, ...]]]:
    """Pair each cell of the target with the corners of the bent source that it shows."""
    x = np.linspace(0, target[0], CELLS + 1).astype(int)
    y = np.linspace(0, target[1], CELLS + 1).astype(int)
    nodes = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    shown = _projected(matrix, nodes.astype(float))
    shown[:, 1] -= bend * (2 * shown[:, 0] / source[0] - 1) ** 2
    shown = shown.reshape(CELLS + 1, CELLS + 1, 2)
    cells = []
    for row, column in np.ndindex(CELLS, CELLS):
        frame = (int(x[column]), int(y[row]), int(x[column + 1]), int(y[row + 1]))
        if frame[2] > frame[0] and frame[3] > frame[1]:
            rows, columns = [row, row + 1, row + 1, row], [column, column, column + 1, column + 1]
            cells.append((frame, tuple(shown[rows, columns].ravel().tolist())))
    return cells
