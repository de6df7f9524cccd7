from __future__ import annotations

import io

import pytest
from rich.table import Table

from kerastl.console import console, note, say

NAME = "\x1b]0;title\x07mars\x1b[2J \x9b[bold]\r"


def test_no_line_or_cell_commands_the_terminal(capsys: pytest.CaptureFixture[str]):
    say(f"{NAME}\nand twix")
    note(NAME)
    table = Table("class", title=NAME)
    table.add_row(NAME)
    console.print(table)
    printed = capsys.readouterr()
    assert printed.out.startswith("]0;titlemars[2J [bold]\nand twix\n")
    assert printed.err == "]0;titlemars[2J [bold]\n"
    assert not {"\x1b", "\x07", "\x9b", "\r"} & {*printed.out, *printed.err}
    assert printed.out.count("mars") == 3


def test_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]):
    say("class :cat: of [bold]")
    note("class :cat: of [bold]")
    printed = capsys.readouterr()
    assert printed.out == printed.err == "class :cat: of [bold]\n"


def test_its_own_colors_are_left():
    how = {"force_terminal": True, "color_system": "standard", "highlight": False}
    terminal = type(console)(file=io.StringIO(), **how)
    terminal.print("[red]\x1b[1mmars[/red]")
    assert terminal.file.getvalue() == "\x1b[31m[1mmars\x1b[0m\n"
