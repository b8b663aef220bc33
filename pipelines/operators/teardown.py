"""The end of a cluster that the tasks of a run have shared."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

from typing import Any

from .ephemeral import EphemeralDataprocDaskOperator


class DeleteDaskClusterOperator(EphemeralDataprocDaskOperator):
    """Delete the cluster ``cluster_name`` of this run; one that is not there is as good as deleted.

    Use it ``.as_teardown(on_failure_fail_dagrun=True)`` after the tasks that share the cluster, beside a leaf that
    needs success: a teardown alone hides a failed task, and a failed one leaves the run green by default.

    Parameters
    ----------
    cluster_name : str
    **kwargs
        Where the cluster is, as `EphemeralDataprocDaskOperator` takes it; ``retries`` are 2 unless given.
    """

    def __init__(self, *, cluster_name: str, **kwargs: Any):
        super().__init__(cluster_name=cluster_name, **{"retries": 2, "auto_delete": False, **kwargs})

    def execute(self, context: Any) -> None:
        """Delete it and wait until it is gone."""
        self.dataproc.delete(self.spec.name)

    def on_kill(self) -> None:
        """Do nothing: what was asked of Dataproc goes on there."""
