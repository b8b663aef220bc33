"""What our extension adds to a Jupyter server's start: its own import and loading; JupyterLab with and without it.

``python benchmarks/lab_start.py [--rounds 5]``. Each server is a process of its own, with settings of the run's own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from processes import load
from summary import spread, table
from surroundings import own_folders

LIMIT = 60.0
LOOK = 0.5
"""Seconds for which the others' load is looked at before each round."""
OURS = "dask_dataproc.kernel_ext"
ALONE = """
import time, types
import dask_labextension, dask_labextension.manager, jupyter_server_proxy, jupyter_server.serverapp, tornado.web
app = types.SimpleNamespace(web_app=tornado.web.Application(base_url="/", cookie_secret="x"), log=None)
began = time.perf_counter()
import dask_dataproc.kernel_ext as ours
ours._load_jupyter_server_extension(app)
print((time.perf_counter() - began) * 1000)
"""
"""Loads us as a server does that has loaded what JupyterLab has anyway."""


def main() -> None:
    """Measure, and print the table."""
    given = arguments()
    alone, with_us, without, others = [], [], [], []
    with own_folders() as environment:
        for number in range(given.rounds):
            print(f"round {number + 1}", file=sys.stderr)
            others.append(load(LOOK))
            alone.append(loading(environment))
            with_us.append(start(environment, enabled=True))
            without.append(start(environment, enabled=False))
    print(f"Milliseconds, median [least–greatest] of {given.rounds}; others kept {spread(others)} cores busy")
    rows = {"loading us": alone, "jupyter lab with us": with_us, "jupyter lab without us": without}
    print(table(["by the clock"], {name: [spread(figures)] for name, figures in rows.items()}))


def loading(environment: Mapping[str, str]) -> float:
    """Return the milliseconds that loading us takes in a fresh Python that has what JupyterLab has."""
    ran = subprocess.run([sys.executable, "-c", ALONE], env=environment, capture_output=True, text=True, timeout=LIMIT)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return float(ran.stdout)


def start(environment: Mapping[str, str], *, enabled: bool) -> float:
    """Return the milliseconds from the start of JupyterLab until it has said where it is."""
    home = Path(environment["XDG_RUNTIME_DIR"]) / f"jupyter-{time.monotonic_ns()}"
    config = home / "jupyter_server_config.d" / "only.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"ServerApp": {"jpserver_extensions": {OURS: enabled}}}))
    folders = {"JUPYTER_RUNTIME_DIR": str(home / "runtime"), "JUPYTER_CONFIG_PATH": str(home)}
    began = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--port=0", "--allow-root"],
        env=dict(environment) | folders,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        for line in server.stderr:
            if "is running at" in line:
                return (time.perf_counter() - began) * 1000
        raise RuntimeError(f"jupyter lab ended with {server.wait(LIMIT)}")
    finally:
        server.kill()
        server.wait(LIMIT)


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each row (5)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
