"""ADR-003's rules of a cluster's size, a table in data/sizing_rules.json that no call changes. Pure.

They look at a kind of workload, the size of its input and the memory it is said to need, and at nothing else;
`sizing` looks at more. They are here to be compared with, and for who has used them so far.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("data") / "sizing_rules.json"


@dataclass(frozen=True, slots=True)
class Rule:
    """What ADR-003's rules answer.

    Attributes
    ----------
    name : str
        Of the rule that applied.
    workers : int
        Primary workers.
    machine : str
        Their type.
    preemptible : bool or None
        None where the rule does not say.
    reasons : tuple of str
        Which rule, and which adjustments.
    """

    name: str
    workers: int
    machine: str
    preemptible: bool | None
    reasons: tuple[str, ...]

    def fields(self) -> dict[str, Any]:
        """Return the answer as fields of a `ClusterSpec`; ``max_workers`` makes room where its default does not."""
        sized = {"workers": self.workers, "worker_machine": self.machine}
        return sized | ({"max_workers": self.workers} if self.workers > 10 else {})


def by_rule(
    workload_type: str | None = None, data_size_gb: float | None = None, memory_gb: float | None = None
) -> Rule:
    """Return ADR-003's cluster for a job.

    Parameters
    ----------
    workload_type : str, optional
        A rule's name; another one's is answered by ``medium_etl``, as there.
    data_size_gb : float, optional
        GB of input, 50 when not given.
    memory_gb : float, optional
        GB of memory the job needs, 32 when not given.

    Notes
    -----
    As ADR-003 has it, the rule is chosen by its name alone: its range of ``data_size_gb`` describes it, `rule_name`
    follows it. There the adjustments are written into the table of rules, so that a large job makes the next small
    one large; here each call starts from the table.
    """
    table = _table()
    defaults = table["defaults"]
    asked = workload_type or defaults["workload_type"]
    name = asked if asked in table["rules"] else defaults["workload_type"]
    rule = table["rules"][name]
    workers, machine, reasons = rule["workers"], rule["machine_type"], [f"rule {name}"]
    much, memory = table["much_data"], table["much_memory"]
    if (defaults["data_size_gb"] if data_size_gb is None else data_size_gb) > much["above_gb"]:
        workers = min(workers * much["times"], much["most_workers"])
        reasons.append(f"more than {much['above_gb']} GB: {workers} workers")
    if (defaults["memory_gb"] if memory_gb is None else memory_gb) > memory["above_gb"]:
        machine = memory["machine_type"]
        reasons.append(f"more than {memory['above_gb']} GB of memory: {machine}")
    return Rule(name, workers, machine, rule.get("preemptible"), tuple(reasons))


def rule_name(workload: str, data_size_gb: float) -> str:
    """Return which rule a workload of `ClusterSpec` falls under.

    Parameters
    ----------
    workload : str
        ``ml`` and ``interactive`` have rules of their own; ``etl``, and ``analytics``, for which ADR-003 has none,
        follow the ranges of the ETL rules.
    data_size_gb : float
        GB of input; beyond the last range it is the last one's.
    """
    table = _table()
    if workload in table["workloads"]:
        return table["workloads"][workload]
    ranges = {name: rule["data_size_gb"] for name, rule in table["rules"].items() if "data_size_gb" in rule}
    return next((name for name, (_, high) in ranges.items() if data_size_gb < high), list(ranges)[-1])


@cache
def _table() -> Mapping[str, Any]:
    return json.loads(TABLE.read_text(encoding="utf-8"))
