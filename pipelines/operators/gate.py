"""Quality rules on what a run has computed, and its publication if they hold: a job on the run's cluster."""

# pyright: reportMissingImports=false
# Airflow lies in an environment of its own, where this is imported.

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .dataproc import JobFailed
from .ephemeral import EphemeralDataprocDaskOperator
from .sdk import AirflowFailException

GATE = "dask_dataproc.pipelines.quality.gate"
CLOSED = "GateClosed"
SHOWN = 10
"""Failures that the task's one line names."""


class DaskDataQualityOperator(EphemeralDataprocDaskOperator):
    """Hold data against rules, with Dask; with ``staged_path`` publish it if they hold, and only then.

    Failures are not tried again: the data stays what it is.

    Parameters
    ----------
    data_path : str
        What is looked at; with ``staged_path`` where it is published.
    quality_rules : mapping
        As docs/quality.md has them.
    report_path : str
        Folder of the report; beside the data where not given.
    staged_path : str
        Where the run has written the data.
    **kwargs
        Which cluster, as `EphemeralDataprocDaskOperator` takes it: its own, or with ``auto_delete=False`` the one that
        the run's tasks share.
    """

    template_fields = (
        *EphemeralDataprocDaskOperator.template_fields,
        "data_path",
        "quality_rules",
        "report_path",
        "staged_path",
    )

    def __init__(
        self,
        *,
        data_path: str,
        quality_rules: Mapping[str, Any] | None = None,
        report_path: str = "",
        staged_path: str = "",
        **kwargs: Any,
    ):
        super().__init__(job_module=GATE, job_function="gate" if staged_path else "check", **kwargs)
        self.data_path, self.report_path, self.staged_path = data_path, report_path, staged_path
        self.quality_rules = dict(quality_rules or {})

    def arguments(self) -> list[str]:
        """Return what `gate.check` or `gate.gate` is called with."""
        report = ["--report", self.report_path] if self.report_path else []
        if self.staged_path:
            output = {"staged": self.staged_path, "final": self.data_path, "rules": self.quality_rules}
            return ["--outputs", json.dumps([output]), *report]
        return ["--path", self.data_path, "--rules", json.dumps(self.quality_rules), *report]

    def finished(self, result: Any) -> Any:
        """Return the summary if the data has passed."""
        if isinstance(result, Mapping) and not result.get("passed", True):
            raise AirflowFailException(self._refusal(result))
        return result

    def failed(self, error: JobFailed) -> Exception:
        """Return the gate's own line, if it is the gate that failed the job."""
        closed = next((line for line in reversed(error.last) if CLOSED in line), "")
        return AirflowFailException(closed[closed.index(CLOSED) :]) if closed else error

    def _refusal(self, summary: Mapping[str, Any]) -> str:
        failures = [f"{failure['rule']} ({failure['said']})" for failure in summary.get("failures", [])]
        more = f" and {len(failures) - SHOWN} more" if len(failures) > SHOWN else ""
        report = next((url for url in summary.get("reports", []) if url.endswith(".html")), "")
        where = f"; report: {report}" if report else ""
        return f"{self.data_path} has not passed: {'; '.join(failures[:SHOWN])}{more}{where}"
