"""Dask's own configuration on every node: what node.yaml says, and the preloads of our programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

NODE: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("node.yaml").read_text(encoding="utf-8"))
"""What a node is, by name: what the initialization actions and the Ansible role read too."""


def _flat(section: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return the settings of a section by their names with dots, as `dask.config.set` takes them."""
    found: dict[str, Any] = {}
    for name, value in section.items():
        found |= _flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value}
    return found


DASK: dict[str, Any] = _flat(NODE["dask"]) | {
    "distributed.worker.preload": [
        f"{__package__}.{module}" for module in ("task_timeouts", "high_water", "worker_metrics")
    ],
}
SCHEDULER_PORT, DASHBOARD_PORT = 8786, 8787
WORKER_PORT = 8788
"""Of the metrics of a machine's first worker, on loopback; of the next one 8789, and so on."""
HEAD_TIMEOUT = 600.0
"""Seconds a worker waits for the head: as long as an initialization action may take."""
