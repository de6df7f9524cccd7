"""Writes into README.md what the program itself knows: its help, and a recipe. Run it by hand."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from kerastl.cli import cli

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def generated() -> dict[str, str]:
    """Return the text of each part of the README between `<!-- NAME:begin -->` and its end."""
    recipe = (ROOT / "recipes" / "candy.py").read_text(encoding="utf-8")
    helps = [_help(verb) for verb in ("", "run", "compare", "predict", "export", "serve")]
    return {"recipe": f"```python\n{recipe}```", "help": f"```\n{chr(10).join(helps)}```"}


def _help(verb: str) -> str:
    arguments = [verb, "--help"] if verb else ["--help"]
    result = CliRunner().invoke(cli, arguments, prog_name="kerastl", terminal_width=100)
    return f"$ kerastl {' '.join(arguments)}\n{result.output}"


def filled(text: str) -> str:
    """Return the README's text with its generated parts as they have to be."""
    for name, part in generated().items():
        marked = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
        text = re.sub(
            marked, lambda match, part=part: f"{match[1]}{part}\n{match[2]}", text, flags=re.S
        )
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
