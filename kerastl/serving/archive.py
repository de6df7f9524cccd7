"""Unpacks an archive from elsewhere, and nothing that climbs out of it, links, or never ends."""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

import attrs

from kerastl.errors import ExportError, one_line

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
# Weights hardly shrink: what is so many times as large as its archive, and larger than this, is
# made to fill the disk.
_RATIO, _ALWAYS_ALLOWED = 100, 64 * 2**20
_MOST_BYTES = 16 * 2**30
_MOST_MEMBERS = 20_000
# The longest, the config of NASNetLarge, has 2 MB.
_MOST_TEXT = 64 * 2**20
# What reading an archive that is damaged may raise.
DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    # NotImplementedError, of an unknown way to pack, is one.
    RuntimeError,
    # Of times that no clock has.
    OverflowError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
)


def text_in(path: Path, name: str) -> str:
    """Return a text that is a member of a file which is a zip archive, or has one at its end.

    Raises:
        ExportError: It is damaged, has no such member, or one larger than any text.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(name).file_size > _MOST_TEXT:
                raise ExportError(f"{path} is refused: its {name} is larger than any.")
            return archive.read(name).decode()
    except (KeyError, zipfile.BadZipFile):
        raise ExportError(f"{path} is damaged or none of kerastl's: it has no {name}.") from None
    except DAMAGED as error:
        raise ExportError(f"{path} is damaged or none of kerastl's: {one_line(error)}.") from error


def is_archive(path: Path) -> bool:
    """Say whether a file is one that `unpacked` is for, by its name."""
    return path.name.lower().endswith(ENDINGS)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that holds what is in a .zip, .tar or .tar.gz archive.

    Raises:
        ExportError: It is damaged, or has a member that is neither file nor folder, lies outside,
            or is absurdly large.
    """
    with tempfile.TemporaryDirectory(prefix="kerastl-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            unpack = _unzip if path.name.lower().endswith(".zip") else _untar
            unpack(path, folder)
        except tarfile.FilterError as error:
            raise _refused(path, error.tarinfo.name, one_line(error)) from error
        except DAMAGED as error:
            raise ExportError(f"{path} cannot be unpacked: {one_line(error)}.") from error
        yield folder


def _unzip(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _require_finite(path, ((each.filename, each.file_size) for each in members))
        for member in members:
            _require_inside(path, member.filename)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(path, member.filename, "it is neither a file nor a folder")
        archive.extractall(folder)


def _untar(path: Path, folder: Path) -> None:
    compressed = not path.name.lower().endswith(".tar")
    with gzip.open(path) if compressed else path.open("rb") as stream:
        limited = _Limited(path, cast(IO[bytes], stream), _most(path))
        with tarfile.open(fileobj=cast(IO[bytes], limited), mode="r|") as archive:
            for number, member in enumerate(archive):
                limited.member = member.name
                if number >= _MOST_MEMBERS:
                    raise _refused(path, member.name, f"it is one of more than {_MOST_MEMBERS}")
                _require_inside(path, member.name)
                if not (member.isreg() or member.isdir()) or member.issparse():
                    raise _refused(path, member.name, "it is neither a file nor a folder")
                archive.extract(member, folder, filter="data")


@attrs.define
class _Limited:
    """A stream that refuses to be read further than an archive can be in earnest."""

    path: Path
    stream: IO[bytes]
    left: int
    member: str = "its first"

    def read(self, size: int) -> bytes:
        """Return so many bytes, or fewer at the end."""
        some = self.stream.read(size)
        self.left -= len(some)
        if self.left < 0:
            raise _too_large(self.path, self.member)
        return some


def _require_finite(path: Path, members: Iterable[tuple[str, int]]) -> None:
    left = _most(path)
    for number, (name, size) in enumerate(members):
        left -= size
        if left < 0 or number >= _MOST_MEMBERS:
            raise _too_large(path, name)


def _most(path: Path) -> int:
    return min(_MOST_BYTES, max(_ALWAYS_ALLOWED, _RATIO * path.stat().st_size))


def _require_inside(path: Path, member: str) -> None:
    posix, windows = PurePosixPath(member), PureWindowsPath(member)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise _refused(path, member, "it would lie outside of the folder")


def _too_large(path: Path, member: str) -> ExportError:
    return _refused(path, member, "with it the archive holds more than any model")


def _refused(path: Path, member: str, why: str) -> ExportError:
    return ExportError(f"{path} is refused because of its member {member!r}: {why}.")
