"""What a notebook is as a job, for people and as JSON: the rows of `pipeline show` and of a saved notebook. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..clusters.fields import Field, duration_text
from ..clusters.prices import HOURS
from ..clusters.sizes import in_words
from ..clusters.spec import ClusterSpec
from ..clusters.spending import listed
from ..pipelines.edit import check, plain
from ..pipelines.edit_text import declaration
from ..pipelines.generator import dag_name
from ..pipelines.metadata import FIELDS, Job
from ..pipelines.notebook import Notebook
from ..pipelines.parameters import RUN, Parameter, declared_parameters
from ..pipelines.schedule import in_words as runs_in_words
from ..pipelines.schedule import next_runs
from .render import money


@dataclass(frozen=True, slots=True)
class Contract:
    """What a notebook says of itself as a job.

    Attributes
    ----------
    name : str
        Of its DAG.
    parameters : mapping
    job : Job
    cluster : ClusterSpec
    """

    name: str
    parameters: Mapping[str, Parameter]
    job: Job
    cluster: ClusterSpec

    @classmethod
    def of(cls, notebook: Notebook, location: str | Path, entry: Mapping[str, Any]) -> Contract:
        """Return the contract of ``notebook`` with ``entry``; `NotebookError` where that is wrong."""
        job, cluster = check(notebook, entry)
        declared = {name: each for name, each in declared_parameters(notebook).items() if name != RUN}
        return cls(dag_name(location), declared, job, cluster)

    @property
    def rate(self) -> float | None:
        """USD per hour of its cluster at list prices, None where there is no price."""
        price = listed(self.cluster)
        return price.total if price else None

    @property
    def at_most(self) -> float | None:
        """USD of a run whose every try takes the whole timeout, and of the pauses between them."""
        job = self.job
        seconds = job.timeout * (job.retries + 1) + job.retry_delay * job.retries
        return None if self.rate is None else self.rate * seconds / HOURS

    def rows(self, now: datetime.datetime) -> list[tuple[str, str]]:
        """Return it as the rows of a table."""
        job = [(name.replace("_", " "), _shown(field, getattr(self.job, name))) for name, field in FIELDS.items()]
        said = dict(job) | {"schedule": self._schedule(now)}
        tries = f"{self.job.retries + 1} × {duration_text(self.job.timeout)}"
        return [
            ("DAG", self.name),
            *self._parameters(),
            *said.items(),
            ("cluster", f"{in_words(self.cluster)}, {self.cluster.workload}, {self.cluster.runtime}"),
            ("price per hour", money(self.rate)),
            ("price of a run", f"at most {money(self.at_most)}, in {tries}"),
        ]

    def to_dict(self, now: datetime.datetime) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "dag": self.name,
            "parameters": {p.name: {"type": p.type, "default": p.default, "cell": p.cell} for p in self._declared()},
            "job": {name: plain(getattr(self.job, name)) for name in FIELDS},
            "next_runs": [time.isoformat() for time in next_runs(self.job.schedule, now)],
            "cluster": self.cluster.to_dict(),
            "price_per_hour": self.rate,
            "price_of_a_run_at_most": self.at_most,
        }

    def _declared(self) -> list[Parameter]:
        return list(self.parameters.values())

    def _parameters(self) -> list[tuple[str, str]]:
        rows = [
            f"{declaration(each)}  (cell {each.cell}{f', {each.help}' if each.help else ''})"
            for each in self._declared()
        ]
        return [("parameters" if not at else "", row) for at, row in enumerate(rows or ["none"])]

    def _schedule(self, now: datetime.datetime) -> str:
        words = runs_in_words(self.job.schedule, now)
        return f"{self.job.schedule}  ({words})" if self.job.schedule else words


def _shown(field: Field, value: Any) -> str:
    if field.unit == "duration":
        return duration_text(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {each}" if each else str(name) for name, each in value.items()) or "–"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "–"
    return str(value) or "–"
