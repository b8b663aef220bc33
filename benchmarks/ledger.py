"""How quickly a ledger reserves when many processes ask at once, on a folder and on a Cloud Storage server.

``python benchmarks/ledger.py [--processes 30] [--reservations 100] [--rounds 3]``; needs ``tests/gcs/setup.sh``. Ends
with status 1 if the ledger was wrong after any single write: see ``ledger_crowd.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
from processes import load
from summary import spread, table
from surroundings import ROOT

SERVER = ROOT / "build" / "bin" / "fake-gcs-server"
LOOK = 0.5
"""Seconds for which the others' load is looked at before each round."""
BUCKET = "ledger"
COLUMNS = ["reservations a second", "median ms", "95 % ms", "refused", "swaps lost to others", "wrong"]


def main() -> None:
    """Measure, print the table, and fail if anything was wrong."""
    given = arguments()
    rounds: dict[str, list[dict[str, Any]]] = {"a folder": [], "fake-gcs-server": []}
    others = []
    for number in range(given.rounds):
        print(f"round {number + 1}", file=sys.stderr)
        others.append(load(LOOK))
        with tempfile.TemporaryDirectory() as folder:
            rounds["a folder"].append(measured(folder, given))
        with bucket() as environment:
            rounds["fake-gcs-server"].append(measured(f"gs://{BUCKET}/dask", given, environment))
    print(f"{given.processes} processes, {given.reservations} reservations each, median [least–greatest] of")
    print(f"{given.rounds}; others kept {spread(others)} cores busy\n")
    print(table(COLUMNS, {name: row(of_store) for name, of_store in rounds.items()}))
    wrong = [text for of_store in rounds.values() for told in of_store for text in told["wrong"]]
    print("\n".join(wrong[:20]))
    sys.exit(bool(wrong))


def row(rounds: list[dict[str, Any]]) -> list[object]:
    """Return the cells of one store."""
    milliseconds = [sorted(value * 1000 for value in told["reserved"]) for told in rounds]
    return [
        spread(len(told["reserved"]) / told["seconds"] for told in rounds),
        spread(map(statistics.median, milliseconds)),
        spread(values[int(len(values) * 0.95)] for values in milliseconds),
        spread(len(told["refused"]) for told in rounds),
        spread(told["beaten"] for told in rounds),
        sum(len(told["wrong"]) for told in rounds),
    ]


def measured(url: str, given: argparse.Namespace, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what a crowd at ``url`` tells."""
    crowd = [sys.executable, Path(__file__).with_name("ledger_crowd.py"), url]
    numbers = ["--processes", str(given.processes), "--reservations", str(given.reservations)]
    ran = subprocess.run([*crowd, *numbers], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(ran.stdout)


@contextlib.contextmanager
def bucket() -> Iterator[dict[str, str]]:
    """Run a Cloud Storage server with a bucket; give the environment that leads to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host, url = f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"
    place = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-public-host", host, "-external-url", url]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([SERVER, "-backend", "memory", "-log-level", "error", *place], **quiet) as server:
        try:
            create(url)
            yield os.environ | {"STORAGE_EMULATOR_HOST": url, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
        finally:
            server.terminate()


def create(url: str, limit: float = 20.0) -> None:
    """Make the bucket as soon as the server listens."""
    end = time.monotonic() + limit
    while True:
        try:
            asked = {"name": BUCKET}
            return requests.post(f"{url}/storage/v1/b?project=p", json=asked, timeout=limit).raise_for_status()
        except requests.ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=30, help="at once (30)")
    parser.add_argument("--reservations", type=int, default=100, help="of each process (100)")
    parser.add_argument("--rounds", type=int, default=3, help="of both stores (3)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
