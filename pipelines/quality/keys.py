"""Keys as 64-bit hashes, dealt into buckets: how what is repeated, or nowhere to be found, is seen across partitions.

Equal values have equal hashes, in whichever partition and of whatever width their type is; so a bucket of hashes
without a repeat proves that there is none. One with repeats is looked at again by the values themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas import util

hash_array: Any = util.hash_array
Frame = Any
Series = Any
"""pandas' own annotations say of nearly everything that it is the one or the other."""
EXACT = 10_000
"""Repeated hashes that are looked at again by their values: more than that no accident of hashing gives."""
WIDEST = 2**53
"""Up to here a float is the whole number it equals."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """What is repeated in a bucket.

    Attributes
    ----------
    rows : int
        Rows beyond the first of each key.
    keys : int
        Different keys.
    hashes : array of uint64
        Of some of them, `EXACT` at most.
    where : list of int
        Partitions that have those.
    """

    rows: int
    keys: int
    hashes: Any
    where: list[int]


@dataclass(frozen=True, slots=True)
class Absent:
    """What another dataset does not have: rows, some of the values, and partitions that have those."""

    rows: int
    values: list[Any]
    where: list[int]


def plain(values: Series) -> Series:
    """Return the values in the form in which equal ones of two types are equal: numbers, or texts."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if pd.api.types.is_bool_dtype(values):
        return values.astype(object)
    if pd.api.types.is_integer_dtype(values.dtype) and not pd.api.types.is_unsigned_integer_dtype(values.dtype):
        return values.astype("int64")
    if pd.api.types.is_float_dtype(values.dtype):
        floats = values.astype("float64") + 0.0  # -0.0 equals 0.0
        whole = (floats == floats.round()) & (floats.abs() <= WIDEST)
        return floats.astype("int64") if whole.all() else floats
    if pd.api.types.is_unsigned_integer_dtype(values.dtype):
        small = bool((values <= np.iinfo("int64").max).all())
        return values.astype("int64") if small else values.astype("uint64")
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values.map(lambda value: value.isoformat())
    return values.astype(str)


def hashed(part: Frame, columns: tuple[str, ...]) -> Series:
    """Return the hash of each row's key, by the row's place; rows with a null in the key have none."""
    keys = part[list(columns)].dropna()
    each = [_hash(plain(keys[name])) for name in columns]
    mixed = each[0]
    for more in each[1:]:
        mixed = (mixed * np.uint64(0x9E3779B97F4A7C15)) ^ (more + (mixed >> np.uint64(29)))
    return pd.Series(mixed, keys.index)


def _hash(values: Series) -> Any:
    """Return hashes; a whole number has that of int64 also among floats that are none."""
    made = hash_array(np.asarray(values.astype(object) if values.dtype == "str" else values), categorize=True)
    if values.dtype == "float64":
        whole = np.asarray((values == values.round()) & (values.abs() <= WIDEST))
        made[whole] = hash_array(np.asarray(values)[whole].astype("int64"))
    return made


def dealt(hashes: Any, count: int) -> list[Any]:
    """Return ``hashes`` in ``count`` buckets."""
    bucket = hashes % np.uint64(count)
    return [hashes[bucket == each] for each in range(count)] if count > 1 else [hashes]


def counted(values: Series, count: int) -> list[Series]:
    """Return how often each value occurs, in ``count`` buckets by its hash; nulls are left out."""
    counts = plain(values.dropna()).value_counts()
    if not len(counts):
        return [counts] * count
    bucket = _hash(pd.Series(counts.index)) % np.uint64(count)
    return [counts[bucket == each] for each in range(count)]


def repeats(parts: list[Any]) -> Repeats:
    """Return what is repeated in a bucket, of which each partition gave its hashes."""
    hashes = np.concatenate(parts)
    unique, counts = np.unique(hashes, return_counts=True)
    again = unique[counts > 1]
    some = again[:EXACT]
    where = [place for place, part in enumerate(parts) if len(some) and np.isin(part, some).any()]
    return Repeats(int(counts.sum() - len(unique)), len(again), some, where)


def absent(parts: list[Series], others: list[Series], most: int) -> Absent:
    """Return which values of ``parts`` none of ``others`` has, of one bucket."""
    known = pd.Index([]).append([other.index.astype(object) for other in others]) if others else pd.Index([])
    missing = [part[~part.index.astype(object).isin(known)] for part in parts]
    values = [value for part in missing for value in part.index[:most]]
    where = [place for place, part in enumerate(missing) if len(part)]
    return Absent(sum(int(part.sum()) for part in missing), list(dict.fromkeys(values))[:most], where)


def key_counts(part: Frame, columns: tuple[str, ...], hashes: Any) -> Frame:
    """Return the keys of a partition that have one of ``hashes``, and how often each occurs."""
    found = hashed(part, columns)
    chosen = part.loc[found.index[found.isin(hashes)], list(columns)]
    keys = pd.DataFrame({name: plain(chosen[name]).astype(str) for name in columns})
    keys["hash"] = found[chosen.index]
    counts: Any = keys.groupby([*columns, "hash"], observed=True).size()
    return counts.reset_index(name="rows")
