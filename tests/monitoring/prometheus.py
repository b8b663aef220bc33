"""A Prometheus of a test's own: it scrapes what it is told to, four times a second, and is asked through its API."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

EVERY = "250ms"


class Prometheus:
    """One that runs.

    Parameters
    ----------
    port : int
        Of loopback.
    folder : Path
        With its targets.
    """

    def __init__(self, port: int, folder: Path):
        self.address, self._targets = f"http://127.0.0.1:{port}", folder / "targets.json"

    def scrape(self, job: str, address: str, **labels: str) -> None:
        """Scrape ``address``, host:port, from now on, as the first and only one of ``job``."""
        self._targets.write_text(json.dumps([{"targets": [address], "labels": {"job": job} | labels}]))

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]:
        """The labels and values that a query has now."""
        asked = self._get(f"/api/v1/query?query={urllib.parse.quote(promql)}")["result"]
        return [(series["metric"], float(series["value"][1])) for series in asked]

    def firing(self, alert: str) -> list[dict[str, Any]]:
        """The alerts of that name that fire, each with its ``labels`` and ``annotations``."""
        alerts = self._get("/api/v1/alerts")["alerts"]
        return [each for each in alerts if each["labels"]["alertname"] == alert and each["state"] == "firing"]

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self.address}/-/ready", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            return json.load(answer)["data"]


@contextlib.contextmanager
def running(program: Path, folder: Path, rules: dict[str, Any], until: Callable[..., Any]) -> Iterator[Prometheus]:
    """Give a Prometheus that has read ``rules``, files by their names, and end it."""
    for name, made in rules.items():
        (folder / f"{name}.rules.yaml").write_text(yaml.safe_dump(made))
    (folder / "targets.json").write_text("[]")
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration(folder)))
    port = free_port()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        made = Prometheus(port, folder)
        until(lambda: process.poll() is not None or made.ready())
        assert process.poll() is None, (folder / "log").read_text()
        yield made
    finally:
        process.terminate()
        process.wait(timeout=30)


def configuration(folder: Path) -> dict[str, Any]:
    """What it reads: a scraped label wins over the target's, as docs/alerts.md has it."""
    found = [{"files": [str(folder / "targets.json")], "refresh_interval": "1s"}]
    return {
        "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
        "rule_files": [str(folder / "*.rules.yaml")],
        "scrape_configs": [{"job_name": "dask", "honor_labels": True, "file_sd_configs": found}],
    }


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
