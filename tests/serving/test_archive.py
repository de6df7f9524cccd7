from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from kerastl.errors import ExportError
from kerastl.serving import archive
from kerastl.serving.archive import unpacked

OUTSIDE = ["../climbed", "/climbed", "a/../../climbed", "C:\\climbed", "..\\climbed", "\\climbed"]
TARS = {"model.tar": "w", "model.tar.gz": "w:gz", "model.tgz": "w:gz"}


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def tarred(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, TARS[path.name]) as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


def refused(path: Path, member: str) -> None:
    before = set(path.parent.rglob("*"))
    because = "refused because of its member"
    with pytest.raises(ExportError, match=because) as caught, unpacked(path):
        pass
    assert repr(member) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert set(path.parent.rglob("*")) == before


@pytest.mark.parametrize("name", ["model.zip", *TARS])
def test_a_harmless_archive_is_unpacked_and_gone_afterwards(name: str, tmp_path: Path):
    pack = zipped if name == "model.zip" else tarred
    path = pack(tmp_path / name, {"a/b.txt": b"held", "c": b""})
    with unpacked(path) as folder:
        assert (folder / "a" / "b.txt").read_bytes() == b"held"
        assert (folder / "c").is_file()
    assert not folder.exists()


@pytest.mark.parametrize("member", OUTSIDE)
@pytest.mark.parametrize("name", ["model.zip", "model.tar", "model.tar.gz"])
def test_a_member_that_would_lie_outside_is_refused(name: str, member: str, tmp_path: Path):
    pack = zipped if name == "model.zip" else tarred
    refused(pack(tmp_path / name, {"first": b"", member: b"out"}), member)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_link_or_device_in_a_zip_is_refused(kind: int, tmp_path: Path):
    member = zipfile.ZipInfo("model.keras")
    member.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as file:
        file.writestr(member, "/etc/passwd")
    refused(tmp_path / "model.zip", "model.keras")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_a_link_or_device_in_a_tar_is_refused(kind: bytes, tmp_path: Path):
    member = tarfile.TarInfo("model.keras")
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "model.tar", "w") as file:
        file.addfile(member)
    refused(tmp_path / "model.tar", "model.keras")


@pytest.mark.parametrize("name", ["model.zip", "model.tar.gz"])
def test_what_would_fill_the_disk_is_refused(name: str, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(archive, "_ALWAYS_ALLOWED", 2**20)
    pack = zipped if name == "model.zip" else tarred
    refused(pack(tmp_path / name, {"small": b"1", "large": bytes(2**22)}), "large")


def test_a_zip_that_lies_about_sizes_yields_no_more_than_it_says(tmp_path: Path):
    path = zipped(tmp_path / "model.zip", {"large": bytes(2**20)})
    lie = path.read_bytes().replace((2**20).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(lie)
    with pytest.raises(ExportError, match="cannot be unpacked"), unpacked(path):
        pass


@pytest.mark.parametrize("name", ["model.zip", "model.tar.gz"])
def test_too_many_members_are_refused(name: str, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(archive, "_MOST_MEMBERS", 3)
    pack = zipped if name == "model.zip" else tarred
    refused(pack(tmp_path / name, {f"file{number}": b"" for number in range(4)}), "file3")


def test_a_header_that_never_ends_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(archive, "_ALWAYS_ALLOWED", 2**20)
    member = tarfile.TarInfo("small")
    member.pax_headers = {"comment": "x" * 2**22}
    with tarfile.open(tmp_path / "model.tgz", "w:gz", format=tarfile.PAX_FORMAT) as file:
        file.addfile(member)
    with pytest.raises(ExportError, match="more than any model"), unpacked(tmp_path / "model.tgz"):
        pass


@pytest.mark.parametrize("name", ["model.zip", *TARS])
@pytest.mark.parametrize("content", [b"", b"no archive", bytes(range(256)) * 10])
def test_what_is_no_archive_is_told(name: str, content: bytes, tmp_path: Path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ExportError, match="cannot be unpacked"), unpacked(tmp_path / name):
        pass


@pytest.mark.parametrize("time", ["inf", "1e300", "nan", "-1e300"])
def test_times_that_no_clock_has_are_told(time: str, tmp_path: Path):
    path = tmp_path / "model.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as file:
        member = tarfile.TarInfo("a")
        member.pax_headers = {"mtime": time}
        file.addfile(member)
    with pytest.raises(ExportError, match="cannot be unpacked"), unpacked(path):
        pass


@pytest.mark.parametrize("name", ["model.zip", *TARS])
def test_a_truncated_archive_is_told(name: str, tmp_path: Path):
    pack = zipped if name == "model.zip" else tarred
    path = pack(tmp_path / name, {"a": bytes(range(256)) * 999})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ExportError, match="cannot be unpacked"), unpacked(path):
        pass


def test_a_locked_zip_is_told(tmp_path: Path):
    path = zipped(tmp_path / "model.zip", {"a": b"held"})
    content = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"cannot be unpacked.*encrypted"), unpacked(path):
        pass
