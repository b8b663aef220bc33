"""What one cluster takes of its owner's quota, and costs. Pure: the time is given, in unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .plain import fields_of
from .prices import Interval, cost


@dataclass(frozen=True, slots=True)
class Span:
    """From when on a cluster has had one price.

    Attributes
    ----------
    start : float
        Unix seconds.
    rate : float
        USD per hour.
    """

    start: float
    rate: float


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one cluster takes of its owner's quota, and has cost so far.

    Attributes
    ----------
    key : str
        The request that asked for the cluster; the same one never counts twice.
    cluster, place : str
        Its name, and ``PROJECT/REGION``.
    workers : int
        Workers there may be: of a cluster that adapts, the most.
    memory : int
        Bytes that its Dask workers have together.
    workload : str
    expires : float
        When it ends unless it is extended: the lease of its cluster.
    uuid : str
        The cluster's; empty until there is one.
    spans : tuple of Span
        Its prices, in order; none until there is a cluster.
    seen : float
        When the cluster was last known to live.
    """

    key: str
    cluster: str
    place: str
    workers: int
    memory: int
    workload: str
    expires: float
    uuid: str = ""
    spans: tuple[Span, ...] = ()
    seen: float = 0.0

    def intervals(self, now: float) -> list[Interval]:
        """Return the stretches of its life until ``now``, or until it has expired."""
        end = min(now, self.expires)
        ends = [*(min(span.start, end) for span in self.spans[1:]), end]
        return [Interval(s.start, max(s.start, e), s.rate) for s, e in zip(self.spans, ends, strict=False)]

    def cost(self, now: float) -> float:
        """Return USD spent on it until ``now``."""
        return cost(self.intervals(now))

    @property
    def rate(self) -> float:
        """USD per hour at present; 0 until there is a cluster."""
        return self.spans[-1].rate if self.spans else 0.0

    @classmethod
    def from_dict(cls, said: Any) -> Reservation:
        """Return the reservation that `dataclasses.asdict` wrote.

        Raises
        ------
        ValueError
            It has not; in one line, what is wrong with it.
        """
        told = fields_of(cls, said)
        spans = told["spans"] if isinstance(told["spans"], list | tuple) else [told["spans"]]
        held = cls(**{**told, "spans": tuple(Span(**fields_of(Span, span)) for span in spans)})
        if bool(held.spans) != bool(held.uuid):
            raise ValueError(f"reservation {held.key}: a cluster without a price, or a price without a cluster")
        return held
