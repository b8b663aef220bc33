"""Where measurements run: folders of their own for runtime, state and settings, and environments for the peers."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MADE = ROOT / "build" / "benchmarks"


@contextlib.contextmanager
def own_folders() -> Iterator[dict[str, str]]:
    """Give an environment that shares nothing with the user's emulator, settings and state; remove it at the end."""
    # Of mkdtemp's own mode 0700, and short: the path of a unix socket may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    variables = ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "DASK_CONFIG", "CLOUDSDK_CONFIG", "IPYTHONDIR")
    own = {variable: str(folder / variable[-6:].lower()) for variable in variables}
    for path in own.values():
        Path(path).mkdir(mode=0o700, exist_ok=True)
    try:
        yield os.environ | own
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def python_with(name: str, requirements: Sequence[str], *options: str) -> Path:
    """Return the Python of environment ``name``, made by uv with ``requirements`` if it is not there."""
    folder = MADE / name
    python = folder / "bin" / "python"
    done = folder / ".requirements"
    wanted = "\n".join([*requirements, *options])
    if not done.exists() or done.read_text() != wanted:
        uv = Path(sys.executable).with_name("uv")
        print(f"Installing {', '.join(requirements)} into {folder.relative_to(ROOT)}", file=sys.stderr)
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *options, *requirements]
        subprocess.run(install, check=True)
        done.write_text(wanted)
    return python
