"""The data looked at on Dask: one pass for what all rules need, and a second one only over what has failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from dask.base import compute
from dask.delayed import delayed

from .dataset import Dataset
from .keys import EXACT, Absent, Frame, Repeats, Series, absent, counted, hashed, key_counts, plain, repeats
from .partition import Seen, broken, look_at, schema_broken, shown
from .plan import Plan

BUCKETS = 32
"""At most. A partition in eight gets one, so that a bucket holds the hashes of some eight partitions."""
VISITED = 16
"""Partitions read again at most for the rows that a report shows of one rule."""


@dataclass(slots=True)
class Looked:
    """What was seen in all of the data.

    Attributes
    ----------
    seen : list of Seen
        By partition.
    repeats : dict of str to Repeats
        By rule.
    absent : dict of str to Absent
        By rule.
    """

    seen: list[Seen]
    repeats: dict[str, Repeats] = field(default_factory=dict)
    absent: dict[str, Absent] = field(default_factory=dict)


def look(data: Dataset, plan: Plan, others: Mapping[str, tuple[Dataset, str]], most: int) -> Looked:
    """Return what is to be seen in ``data``.

    Parameters
    ----------
    data : Dataset
    plan : Plan
    others : mapping of str to tuple of Dataset and str
        For each rule of references the other dataset and its column.
    most : int
        Values kept of what is absent.
    """
    if not plan.columns:
        return _rows_alone(data)
    parts = data.frame()[plan.columns].to_delayed()
    buckets = max(1, min(BUCKETS, len(parts) // 8))
    looked = [delayed(look_at, nout=2)(part, plan, buckets) for part in parts]
    repeated = {rule: [_of(looked, each, rule, repeats) for each in range(buckets)] for rule in plan.unique}
    missing = {rule: _missing(looked, rule, others[rule], buckets, most) for rule in plan.references}
    seen, in_buckets, not_there = compute([seen for seen, _ in looked], repeated, missing)
    found = Looked(seen, {rule: _joined(each) for rule, each in in_buckets.items()})
    found.absent = {rule: _joined_absent(each, most) for rule, each in not_there.items()}
    _verify(data, plan, found)
    return found


def _rows_alone(data: Dataset) -> Looked:
    if data.rows is not None:
        return Looked([Seen(data.rows)])
    return Looked([Seen(rows) for rows in data.frame().map_partitions(len).compute()])


def _of(looked: list[Any], bucket: int, rule: str, act: Any) -> Any:
    return delayed(act)([dealt[bucket][rule] for _, dealt in looked])


def _missing(looked: list[Any], rule: str, other: tuple[Dataset, str], buckets: int, most: int) -> list[Any]:
    data, column = other
    known: list[Any] = [delayed(_counted)(part, column, buckets) for part in data.frame()[[column]].to_delayed()]
    return [
        delayed(absent)([dealt[each][rule] for _, dealt in looked], [part[each] for part in known], most)
        for each in range(buckets)
    ]


def _counted(part: Frame, column: str, buckets: int) -> list[Series]:
    return counted(part[column], buckets)


def _joined(found: Iterable[Repeats]) -> Repeats:
    found = list(found)
    hashes = np.concatenate([each.hashes for each in found])[:EXACT]
    where = sorted({place for each in found for place in each.where})
    return Repeats(sum(each.rows for each in found), sum(each.keys for each in found), hashes, where)


def _joined_absent(found: Iterable[Absent], most: int) -> Absent:
    found = list(found)
    values = [value for each in found for value in each.values][:most]
    where = sorted({place for each in found for place in each.where})
    return Absent(sum(each.rows for each in found), values, where)


def _verify(data: Dataset, plan: Plan, found: Looked) -> None:
    """Hold repeated hashes against the values themselves, unless they are more than an accident can make."""
    for rule, said in found.repeats.items():
        if not 0 < said.keys <= EXACT:
            continue
        columns = plan.unique[rule]
        frame = data.frame()[list(columns)]
        parts = [frame.partitions[place].to_delayed()[0] for place in said.where]
        (counts,) = compute([delayed(key_counts)(part, columns, said.hashes) for part in parts])
        total = pd.concat(counts).groupby([*columns, "hash"])["rows"].sum().reset_index()
        again = total[total["rows"] > 1]
        hashes = again["hash"].to_numpy("uint64")
        found.repeats[rule] = Repeats(int((again["rows"] - 1).sum()), len(again), hashes, said.where)


def samples(data: Dataset, plan: Plan, found: Looked, most: int) -> dict[str, list[dict[str, Any]]]:
    """Return at most ``most`` whole rows that break each rule, out of the first partitions that have any."""
    wanted: dict[int, list[str]] = {}
    for rule, places in _places(plan, found).items():
        for place in places[:VISITED] if most else ():
            wanted.setdefault(place, []).append(rule)
    if not wanted:
        return {}
    frame = _alike(data)
    keys = {rule: said.hashes[:most] for rule, said in found.repeats.items()}
    values = {rule: said.values for rule, said in found.absent.items()}
    made = [
        delayed(rows_of)(frame.partitions[place].to_delayed()[0], plan, rules, keys, values, most)
        for place, rules in wanted.items()
    ]
    rows: dict[str, list[dict[str, Any]]] = {}
    for each in compute(*made):
        for rule, some in each.items():
            rows[rule] = [*rows.get(rule, []), *some][:most]
    return rows


def _alike(data: Dataset) -> Any:
    """Return the frame without the columns that are not alike in all files: those cannot be read together."""
    frame = data.frame()
    return frame[[name for name in frame.columns if name not in data.odd]]


def _places(plan: Plan, found: Looked) -> dict[str, list[int]]:
    rules = {rule for seen in found.seen for rule, rows in seen.failing.items() if rows}
    places = {rule: [p for p, seen in enumerate(found.seen) if seen.failing.get(rule)] for rule in rules}
    for name in plan.nulls:
        places[f"columns.{name}.nulls"] = [p for p, seen in enumerate(found.seen) if seen.nulls.get(name)]
    failed = {**found.repeats, **found.absent}
    return places | {rule: said.where for rule, said in failed.items() if said.rows}


def rows_of(
    part: Frame,
    plan: Plan,
    rules: list[str],
    keys: Mapping[str, Any],
    values: Mapping[str, list[Any]],
    most: int,
) -> dict[str, list[dict[str, Any]]]:
    """Return at most ``most`` rows of a partition for each of ``rules``."""
    part = part.reset_index(drop=True)
    by_name = {each.rule: each for each in plan.values}
    made = {}
    for rule in rules:
        if rule in by_name:
            first, places = (by_name[rule].column,), broken(part, by_name[rule])
        elif rule in plan.unique:
            first = plan.unique[rule]
            mine = hashed(part, first)
            mine = mine[mine.isin(keys[rule])]
            places = mine.sort_values(kind="stable").index
        elif rule in plan.references:
            first = (plan.references[rule],)
            texts = plain(part[first[0]].dropna())
            places = texts.index[texts.astype(object).isin(values[rule])]
        elif rule.startswith("pandera."):
            first, places = (), schema_broken(part, rule.removeprefix("pandera."))[0]
        else:
            first = (rule.removeprefix("columns.").removesuffix(".nulls"),)
            places = part.index[part[first[0]].isna()]
        made[rule] = shown(part.loc[places[:most]], first)
    return made
