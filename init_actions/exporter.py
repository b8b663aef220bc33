"""Our samples on Dask's own /metrics, which is a page of the dashboard: on loopback, or for holders of the keys.

Dask answers with all that is in prometheus_client's registry of the process; what is registered here is among it. Where
that package is missing, Dask answers that there are no metrics, and so do we.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .histogram import Histogram
from .metric_names import BY_NAME
from .samples import Sample

Samples = Callable[[], Iterable[Sample]]


@contextlib.contextmanager
def exported(samples: Samples, histograms: dict[str, Histogram] | None = None) -> Iterator[None]:
    """Export from this process, within the block, what ``samples`` gives whenever it is asked."""
    with contextlib.ExitStack() as undo:
        with contextlib.suppress(ModuleNotFoundError):
            undo.callback(register(samples, histograms))
        yield


def register(samples: Samples, histograms: dict[str, Histogram] | None = None) -> Callable[[], None]:
    """Export from now on; return what ends that.

    Raises
    ------
    ModuleNotFoundError
        There is no prometheus_client.
    """
    from prometheus_client import REGISTRY

    collector: Any = _Collector(samples, histograms or {})
    REGISTRY.register(collector)
    return lambda: REGISTRY.unregister(collector)


class _Collector:
    def __init__(self, samples: Samples, histograms: dict[str, Histogram]):
        self._samples, self._histograms = samples, histograms
        self._process = os.getpid()

    def describe(self) -> list[Any]:
        """Return nothing: a registry that knows no names does not collect when something is registered."""
        return []

    def collect(self) -> Iterator[Any]:
        """Yield the families; none in a process that was forked of ours, as the emulator's single node is."""
        if os.getpid() == self._process:
            yield from families(self._samples())
            yield from map(_histogram, self._histograms, self._histograms.values())


def families(samples: Iterable[Sample]) -> Iterator[Any]:
    """Yield the metric families of prometheus_client that ``samples`` make."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    found: dict[str, Any] = {}
    for name, labels, value in samples:
        if name not in found:
            metric = BY_NAME[name]
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            found[name] = kind(name, metric.help, labels=metric.labels)
        found[name].add_metric([labels[label] for label in BY_NAME[name].labels], value)
    yield from found.values()


def _histogram(name: str, histogram: Histogram) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    buckets: Any = histogram.buckets()
    return HistogramMetricFamily(name, BY_NAME[name].help, buckets=buckets, sum_value=histogram.total)
