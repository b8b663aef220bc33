"""Prints what the Ops Agent of this node has to scrape for Google Cloud Managed Service for Prometheus, if anything.

The form is that of Google's guide to the agent's Prometheus receiver; no agent has read it yet.
"""

from __future__ import annotations

from typing import Any

import yaml

from . import settings
from .dashboard import LOOPBACK
from .metadata import read_metadata
from .metric_names import DASK
from .worker import ports

INTERVAL = "30s"
LABEL = "dask_cluster"
"""The cluster's name, on all that is scraped, Dask's own too: the agent has a label ``cluster`` of its own."""
OF_HEAD = [{"regex": "exported_cluster", "action": "labeldrop"}]
"""That is what the agent makes of our label ``cluster``, as it takes no ``honor_labels``: the same name once more."""
OF_WORKERS = [
    {
        "source_labels": ["__name__"],
        "regex": "|".join(metric.name for metric in DASK if "worker" in metric.labels),
        "action": "drop",
    }
]
"""What the head says of all workers, and what nobody wants twice."""


def scrape_config(cluster: str, head: bool, workers: list[int]) -> dict[str, Any]:
    """Return the agent's configuration.

    Parameters
    ----------
    cluster : str
        Its name.
    head : bool
        Whether the head is on this node.
    workers : list of int
        Ports of its workers' metrics.
    """
    jobs = [_job("dask-head", cluster, [settings.DASHBOARD_PORT], OF_HEAD)] if head else []
    jobs += [_job("dask-worker", cluster, workers, OF_WORKERS)] if workers else []
    return {
        "metrics": {
            "receivers": {"dask": {"type": "prometheus", "config": {"scrape_configs": jobs}}},
            "service": {"pipelines": {"dask": {"receivers": ["dask"]}}},
        }
    }


def _job(name: str, cluster: str, ports: list[int], relabel: list[dict[str, Any]]) -> dict[str, Any]:
    targets = {"targets": [f"{LOOPBACK}:{port}" for port in ports], "labels": {LABEL: cluster}}
    return {
        "job_name": name,
        "scrape_interval": INTERVAL,
        "metrics_path": "/metrics",
        "static_configs": [targets],
        "metric_relabel_configs": relabel,
    }


def of_node(metadata: dict[str, str]) -> str:
    """Return the configuration for the node of ``metadata`` as YAML; nothing for one of YARN's containers.

    Their ports are not known before they run: the head says what there is to say of them.
    """
    head = metadata["dataproc-role"] == "Master"
    single = metadata.get("dataproc-worker-count") == "0"
    has_workers = single or not (head or metadata.get("dask-runtime") == "yarn")
    if not head and not has_workers:
        return ""
    made = scrape_config(metadata["dataproc-cluster-name"], head, ports(metadata) if has_workers else [])
    text = yaml.safe_dump(made, sort_keys=False)
    return f"# Of dask-dataproc: written anew by install-dask.sh.\n{text}"


if __name__ == "__main__":
    print(of_node(read_metadata()), end="")  # noqa: T201
