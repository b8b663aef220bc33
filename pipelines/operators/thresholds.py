"""Whether a model is good enough: its metrics against bounds, and against those of the champion. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from ...clusters.errors import SpecError
from ...clusters.fields import refusal, unknown

SMALLER_IS_BETTER = re.compile(r"(^|_)(loss|error|err|rmse|mse|mae|mape|rmsle|deviance)($|_)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Bounds of one metric, inclusive; None for none."""

    metric: str
    low: float | None
    high: float | None

    @property
    def larger_is_better(self) -> bool:
        """Whether more of it is better: it has a bound below."""
        return self.low is not None


def read_thresholds(given: Mapping[str, Any]) -> tuple[Threshold, ...]:
    """Return the thresholds of ``{"auc": 0.8, "rmse": {"max": 3.5}}``; a number alone is a bound below.

    Raises
    ------
    SpecError
        One line: the metric, what is allowed, what was given. A number alone for what is called a loss or an error,
        where a bound below would let bad models pass, is refused.
    """
    return tuple(_threshold(str(metric), bounds) for metric, bounds in given.items())


def _threshold(metric: str, bounds: Any) -> Threshold:
    if not isinstance(bounds, Mapping):
        if SMALLER_IS_BETTER.search(metric):
            allowed = "a mapping with max: of a loss or an error less is better"
            raise refusal(metric, bounds, allowed, f'{{"{metric}": {{"max": {bounds}}}}}')
        return Threshold(metric, _number(metric, bounds), None)
    for name in bounds:
        if name not in ("min", "max"):
            raise unknown(str(name), ("min", "max"), f"bound of {metric}")
    if not bounds:
        raise refusal(metric, bounds, "min, max or both", f'{{"{metric}": {{"min": 0.8}}}}')
    low, high = (_number(metric, bounds[name]) if name in bounds else None for name in ("min", "max"))
    if low is not None and high is not None and low > high:
        raise refusal(metric, dict(bounds), "min at most max", f'{{"{metric}": {{"min": {high}, "max": {low}}}}}')
    return Threshold(metric, low, high)


def _number(metric: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise refusal(metric, given, "a finite number", f'{{"{metric}": 0.8}}')
    return float(given)


def missed(metrics: Mapping[str, Any], wanted: Iterable[str], thresholds: Iterable[Threshold]) -> list[str]:
    """Return what is wrong with ``metrics``, one line each: metric, bound, value.

    Parameters
    ----------
    metrics : mapping
    wanted : iterable of str
        Those that must be there, whatever they are.
    thresholds : iterable of Threshold
    """
    known = ", ".join(sorted(metrics)) or "none"
    lines = []
    for name in dict.fromkeys([*wanted, *(each.metric for each in thresholds)]):
        if name not in metrics:
            lines.append(f"{name}: not there, the model has {known}")
        elif not _finite(metrics[name]):
            lines.append(f"{name}: {metrics[name]}, allowed is a finite number")
    for each in thresholds:
        value = metrics.get(each.metric)
        if _finite(value):
            if each.low is not None and value < each.low:
                lines.append(f"{each.metric}: {value:g}, allowed is at least {each.low:g}")
            if each.high is not None and value > each.high:
                lines.append(f"{each.metric}: {value:g}, allowed is at most {each.high:g}")
    return lines


def worse(metrics: Mapping[str, Any], champion: Mapping[str, Any], thresholds: Iterable[Threshold]) -> list[str]:
    """Return where ``metrics`` are worse than the champion's, one line each; what it does not have is not compared."""
    lines = []
    for each in thresholds:
        value, best = metrics.get(each.metric), champion.get(each.metric)
        if not _finite(value) or not _finite(best):
            continue
        behind = value < best if each.larger_is_better else value > best
        if behind:
            bound = "at least" if each.larger_is_better else "at most"
            lines.append(f"{each.metric}: {value:g}, allowed is {bound} the champion's {best:g}")
    return lines


def _finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_metrics(document: Any, where: str) -> dict[str, Any]:
    """Return the metrics of a ``metrics.json``: a mapping of names to numbers, or one under ``metrics``.

    Raises
    ------
    SpecError
        It is no mapping.
    """
    found = document.get("metrics", document) if isinstance(document, Mapping) else None
    if not isinstance(found, Mapping):
        raise SpecError(f"{where}: {str(document)[:80]!r} found, allowed is a mapping of metrics to numbers")
    return dict(found)
