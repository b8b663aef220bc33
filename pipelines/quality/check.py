"""Data held against their rules: what is there, one look at it, the verdict, as one summary that JSON can hold."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from ...clusters.errors import InputError, QualityError
from .custom import Said, ask
from .dataset import ABSENT, Dataset, dataset_at
from .look import Looked, look, samples
from .plan import Plan, plan_of
from .rules import Rules
from .verdict import Facts, Outcome, judged


def checked(path: str, rules: Rules, sample: int = 20, previous: str = "", now: float | None = None) -> dict[str, Any]:
    """Return how the data at ``path`` keep ``rules``; runs where Dask runs here.

    Parameters
    ----------
    path : str
        A folder, file or pattern of Parquet, CSV, or JSON by lines.
    rules : Rules
    sample : int
        Rows shown of each failing rule.
    previous : str
        What is published now, for ``rows.drop``.
    now : float, optional
        Unix seconds that ``fresh`` is held against.

    Returns
    -------
    dict
        ``passed``, ``path``, ``format``, ``files``, ``bytes``, ``rows``, ``at`` (Unix seconds), ``seconds``,
        ``columns`` with their types, and ``rules``: a list of `verdict.Outcome` as dicts.

    Raises
    ------
    InputError
        Nothing is there, or it, or what is published, cannot be read.
    QualityError
        A rule names a function that there is not.
    """
    now, began = time.time() if now is None else now, time.monotonic()
    data = dataset_at(path)
    plan = plan_of(rules, data.types, data.odd)
    if (plan.values or plan.schemas) and find_spec("pandera") is None:
        raise QualityError("rules of values need pandera, which is not there", "pip install 'dask-dataproc[quality]'")
    others = _others(rules, plan)
    looked = look(data, plan, others, max(1, sample))
    own = {f"custom.{name}": ask(name, data.frame(), sample) for name in rules.custom}
    facts = _facts(data, rules, plan, looked, own, previous, now)
    outcomes = judged(rules, facts, plan.wrong, plan.untried)
    _give_samples(outcomes, samples(data, plan, looked, sample), own)
    return {
        "passed": all(outcome.passed is not False for outcome in outcomes),
        "path": path,
        "format": data.format,
        "files": len(data.files.sizes),
        "bytes": data.files.total,
        "rows": facts.rows,
        "at": now,
        "seconds": round(time.monotonic() - began, 3),
        "columns": data.types,
        "rules": [outcome.to_dict() for outcome in outcomes],
    }


def _others(rules: Rules, plan: Plan) -> dict[str, tuple[Dataset, str]]:
    """Return the other datasets of references; a rule whose other one lacks the column fails."""
    made = {}
    for rule, column in list(plan.references.items()):
        reference = rules.references[column]
        other = dataset_at(reference.to)
        if reference.column not in other.types or reference.column in other.odd:
            plan.wrong[rule] = f"{reference.to} has no column {reference.column}"
            del plan.references[rule]
        else:
            made[rule] = (other, reference.column)
    return made


def _facts(
    data: Dataset, rules: Rules, plan: Plan, looked: Looked, own: Mapping[str, Said], previous: str, now: float
) -> Facts:
    seen = looked.seen
    broken = {rule: sum(each.failing[rule] for each in seen) for rule in (seen[0].failing if seen else ())}
    broken |= {rule: said.rows for rule, said in {**looked.repeats, **looked.absent}.items()}
    broken |= {rule: said.rows for rule, said in own.items() if said.rows is not None}
    schemas = {
        rule: next((each.said[rule] for each in seen if each.said[rule]), "") for rule in (seen[0].said if seen else ())
    }
    newest = [each.newest for each in seen if each.newest is not None]
    if rules.fresh and not rules.fresh.column:
        newest = [data.newest()]
    return Facts(
        rows=sum(each.rows for each in seen),
        before=_rows_at(previous) if previous and rules.rows.drop is not None else None,
        nulls={name: sum(each.nulls[name] for each in seen) for name in plan.nulls},
        broken=broken,
        means={name: _mean([each.sums[name] for each in seen]) for name in plan.means},
        keys={rule: said.keys for rule, said in looked.repeats.items()},
        absent={rule: said.values for rule, said in looked.absent.items()},
        newest=max(newest, default=None),
        present=frozenset().union(*(each.present for each in seen)),
        said={rule: said.text for rule, said in own.items()} | schemas,
        now=now,
    )


def _mean(sums: list[tuple[float, int]]) -> float | None:
    count = sum(number for _, number in sums)
    return sum(total for total, _ in sums) / count if count else None


def _rows_at(path: str) -> int | None:
    try:
        data = dataset_at(path)
    except InputError as error:
        if isinstance(error.__cause__, ABSENT):
            return None
        raise
    return data.rows if data.rows is not None else len(data.frame())


def _give_samples(outcomes: list[Outcome], rows: Mapping[str, list[dict[str, Any]]], own: Mapping[str, Said]) -> None:
    for outcome in outcomes:
        if outcome.passed is False:
            outcome.sample = rows.get(outcome.rule) or (own[outcome.rule].sample if outcome.rule in own else [])
