"""What describes a run loads nothing that is slow."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "keras", "tensorflow_datasets", "sklearn", "scipy", "matplotlib")


@pytest.mark.parametrize(
    "code",
    [
        "import kerastl, kerastl.cli, kerastl.data, kerastl.recipes.candy",
        "from kerastl.cli import cli; cli(['--help'], standalone_mode=False)",
        "from kerastl.cli import cli; cli(['list'], standalone_mode=False)",
        "from kerastl.cli import cli; cli(['run', '--help'], standalone_mode=False)",
        "from kerastl.cli import cli; cli(['compare', '--help'], standalone_mode=False)",
        "from kerastl.cli import _status; from kerastl.clock import Clock;"
        "import sys; sys.argv[1:] = ['run', 'cany']; _status(Clock())",
        "from kerastl.cli import _status; from kerastl.clock import Clock; import sys;"
        "sys.argv[1:] = ['run', 'candy', '--data', 'nowhere']; assert _status(Clock()) == 1",
        "from kerastl.cli import _status; from kerastl.clock import Clock; import sys;"
        "sys.argv[1:] = ['find-lr', 'candy', '--output', '/']; assert _status(Clock()) == 2",
    ],
)
def test_nothing_heavy_is_imported(code: str):
    check = f"import sys; found = [name for name in {HEAVY!r} if name in sys.modules]"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{check}\nassert not found, found"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
