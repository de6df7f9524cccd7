"""A report as a page: each finding with the photos it is about, in one file."""

from __future__ import annotations

import base64
import html
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

from kerastl.console import say
from kerastl.data.quarantine import QUARANTINE, quarantine
from kerastl.data.report import FILE, Finding, Report, is_report
from kerastl.errors import RunDirectoryError
from kerastl.files import write_text

_SIDE = 160
# The page names the others: all of them are in the JSON.
_MOST_GROUPS = 24
_MOST_OF_A_GROUP = 6

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em;
       color: #222; background: #fff }
h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin: 2em 0 .2em }
p { margin: .2em 0 }
table { border-collapse: collapse; margin: 1em 0 }
td, th { padding: .1em 1em .1em 0; text-align: right }
td:first-child, th:first-child { text-align: left }
.level { border-radius: .3em; color: #fff; font-size: .8em; margin-right: .6em;
         padding: .1em .6em }
.error { background: #b3261e } .warning { background: #9a6700 } .note { background: #57606a }
.groups { display: flex; flex-wrap: wrap; gap: 1em; margin-top: .8em }
.group { background: #f4f4f4; border-radius: .4em; padding: .6em;
         display: flex; flex-wrap: wrap; gap: .6em }
figure { margin: 0; width: 160px } img { max-height: 160px; max-width: 160px }
figcaption { font-size: .75em; line-height: 1.3; overflow-wrap: anywhere }
"""


def write_report(report: Report, root: Path, folder: Path) -> None:
    """Write a report as JSON and as a page, and the list of files that are to be left out.

    Args:
        report: What a check found.
        root: The folder of the photos, where the list is.
        folder: Where the report is written; an earlier one is replaced.

    Raises:
        RunDirectoryError: The folder holds something else, or cannot be written.
    """
    text, data = json.dumps(report.as_json(), indent=1) + "\n", folder / FILE
    page = data.with_suffix(".html")
    is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not is_free and not is_report(folder):
        raise RunDirectoryError(
            f"{folder} holds something else. Name another folder with --output."
        )
    if not (page.is_file() and data.is_file() and data.read_text(encoding="utf-8") == text):
        write_page(report, str(root), page)
        write_text(data, text)
    say(f"Report: {page}")
    try:
        if quarantine(root, report.unreadable, report.names):
            say(f"Runs leave out what {root / QUARANTINE} names")
    except RunDirectoryError as error:
        say(str(error))


def write_page(report: Report, root: str, path: Path) -> None:
    """Write a report as a page, HTML that needs no other file.

    Args:
        report: What a check found.
        root: The folder of the photos, from which their paths are told.
        path: The file.

    Raises:
        RunDirectoryError: It cannot be written.
    """
    write_text(path, _page_of(report, root))


def _page_of(report: Report, root: str) -> str:
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<title>{html.escape(root)}</title><style>{_STYLE}</style>",
        f"<h1>{html.escape(root)}</h1>",
        *_counts(report),
        *(part for finding in report.findings for part in _section(finding, root)),
    ]
    if not report.findings:
        parts.append("<p>Nothing was found.</p>")
    return "\n".join(parts) + "\n"


def _counts(report: Report) -> Iterator[str]:
    classes = sorted({name for counts in report.counts.values() for name in counts})
    yield "<table><tr><th>class</th>"
    yield "".join(f"<th>{split}</th>" for split in report.counts)
    for name in classes:
        numbers = (counts.get(name, 0) for counts in report.counts.values())
        cells = "".join(f"<td>{number}</td>" for number in numbers)
        yield f"<tr><td>{html.escape(name)}</td>{cells}</tr>"
    yield "</table>"


def _section(finding: Finding, root: str) -> Iterator[str]:
    count = f": {len(finding.groups)}" if finding.groups else ""
    level = f"<span class='level {finding.level}'>{finding.level}</span>"
    yield f"<h2>{level}{html.escape(finding.text)}{count}</h2>"
    yield f"<p>{html.escape(finding.advice)}</p><div class='groups'>"
    details = finding.details or ("",) * len(finding.groups)
    for group, detail in list(zip(finding.groups, details, strict=True))[:_MOST_GROUPS]:
        photos = "".join(_figure(name, root, detail) for name in group[:_MOST_OF_A_GROUP])
        yield f"<div class='group'>{photos}{_more(len(group) - _MOST_OF_A_GROUP)}</div>"
    yield f"</div>{_more(len(finding.groups) - _MOST_GROUPS)}"


def _more(count: int) -> str:
    return f"<p>and {count} more</p>" if count > 0 else ""


def _figure(name: str, root: str, detail: str) -> str:
    lines = [os.path.relpath(name, root), *([detail] if detail else [])]
    # A file's name need not be text.
    shown = (html.escape(line.encode(errors="replace").decode()) for line in lines)
    return f"<figure>{_thumbnail(name)}<figcaption>{'<br>'.join(shown)}</figcaption></figure>"


def _thumbnail(name: str) -> str:
    """Return the photo as it is seen, small, as a part of the page; nothing if it is no photo."""
    from PIL import ImageOps

    from kerastl.data.conversion import opened

    small = io.BytesIO()
    try:
        with open(name, "rb") as file, opened(file.read()) as image:
            # A JPEG is reduced while it is decoded.
            image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((_SIDE, _SIDE))
            upright.convert("RGB").save(small, "JPEG", quality=80)
    except (OSError, ValueError):
        return ""
    text = base64.b64encode(small.getvalue()).decode()
    return f"<img alt='' src='data:image/jpeg;base64,{text}'>"
