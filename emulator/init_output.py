"""What an initialization action printed, put where Dataproc puts it: in the cluster's bucket, here also in a folder."""

from __future__ import annotations

from pathlib import Path

from .descriptors import Proto
from .vms import action_failure

FOLDER = "google-cloud-dataproc-metainfo"
OUTPUT = "dataproc-initialization-script-0_output"
SCRIPT = "install-dask.sh"
"""What fails on a cluster that has no initialization action."""


def failed_action(cluster: Proto, node: str, status: int, printed: str) -> str:
    """Put what the first action of ``node`` printed where it can be read, and return what Dataproc says of it."""
    config = cluster.config
    staging = config.config_bucket and f"gs://{config.config_bucket}"
    staging = staging or config.gce_cluster_config.metadata.get("dask-staging", "")
    where = _write(f"{staging}/{FOLDER}/{cluster.cluster_uuid}/{node}/{OUTPUT}", printed) if staging else printed
    actions = [action.executable_file for action in config.initialization_actions]
    return action_failure((actions or [SCRIPT])[0], where, status)


def _write(url: str, text: str) -> str:
    """Write ``text`` to ``url``, and return that as a URL."""
    if url.startswith("gs://"):
        import fsspec

        filesystem, path = fsspec.core.url_to_fs(url)
        filesystem.pipe_file(path, text.encode())
        return url
    file = Path(url.removeprefix("file://"))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file.as_uri()
