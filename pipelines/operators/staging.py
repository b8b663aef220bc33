"""The folder that a task's job writes, emptied before: no file that an earlier try has left there is published."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

from typing import Any

from airflow.providers.google.cloud.hooks.dataproc import DataprocHook

from ...clusters.spec import ClusterSpec
from .dataproc import CALL
from .sdk import ObjectStoragePath


def files_at(path: str, conn_id: str) -> tuple[Any, str]:
    """Return the file system that ``path`` is on, as it is now, and the path's URL; the connection is for ``gs://``."""
    url = path if "://" in path else f"file://{path}"
    files = ObjectStoragePath(url, conn_id=conn_id if url.startswith("gs://") else None).fs
    files.invalidate_cache()
    return files, url


def empty(path: str, conn_id: str) -> None:
    """Remove what is at ``path``, if there is anything."""
    files, url = files_at(path, conn_id)
    if files.exists(url):
        files.rm(url, recursive=True)


def is_running(spec: ClusterSpec, mark: str, conn_id: str, impersonation: Any) -> bool:
    """Return whether a job of the label ``dask-task`` ``mark`` runs on the cluster: an earlier try's, and it writes."""
    jobs = DataprocHook(gcp_conn_id=conn_id, impersonation_chain=impersonation).get_job_client(region=spec.region)
    where = f"status.state = ACTIVE AND clusterName = {spec.name} AND labels.dask-task = {mark}"
    place = {"project_id": spec.project, "region": spec.region}
    return any(True for _ in jobs.list_jobs(request=place | {"filter": where}, timeout=CALL))
