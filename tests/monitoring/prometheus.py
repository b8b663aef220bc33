"""A Prometheus of a test's own: it scrapes what it is told to, twice a second, and is asked through its API."""

from __future__ import annotations

import contextlib
import copy
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

EVERY = "500ms"


class Prometheus:
    """One that runs, at ``port`` of loopback."""

    def __init__(self, port: int):
        self.address = f"http://127.0.0.1:{port}"

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
def running(
    program: Path,
    folder: Path,
    scraped: list[dict[str, Any]],
    until: Callable[..., Any],
    rules: dict[str, Any] | None = None,
) -> Iterator[Prometheus]:
    """Give a Prometheus that has what to scrape and ``rules``, files by their names, and end it."""
    for name, made in (rules or {}).items():
        (folder / f"{name}.rules.yaml").write_text(yaml.safe_dump(made))
    paces = {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY}
    read = {"global": paces, "rule_files": [str(folder / "*.rules.yaml")], "scrape_configs": scraped}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(read))
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
        made = Prometheus(port)
        until(lambda: process.poll() is not None or made.ready())
        assert process.poll() is None, (folder / "log").read_text()
        yield made
    finally:
        process.terminate()
        process.wait(timeout=30)


def of_ones_own(address: str, cluster: str) -> list[dict[str, Any]]:
    """What a Prometheus of one's own scrapes, as docs/monitoring.md has it."""
    targets = [{"targets": [address], "labels": {"cluster": cluster}}]
    return [{"job_name": "dask-head", "honor_labels": True, "static_configs": targets}]


def of_the_agent(placed: dict[str, Any], address: str) -> list[dict[str, Any]]:
    """What the Ops Agent makes of the configuration that it is ``placed``: it adds labels to each target, its own win.

    Source: ``confgenerator/prometheus.go`` and ``confgenerator/resourcedetector`` of GoogleCloudPlatform/ops-agent.
    """
    (job,) = copy.deepcopy(placed)["metrics"]["receivers"]["dask"]["config"]["scrape_configs"]
    (targets,) = job["static_configs"]
    targets["targets"] = [address]
    targets["labels"] |= {"cluster": "__gce__", "namespace": "1/master", "location": "us-central1-a"}
    return [job | {"scrape_interval": EVERY, "scrape_timeout": EVERY}]


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
