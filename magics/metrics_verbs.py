"""The verb metrics: what clusters that are no more have left, for a Prometheus that could not ask them."""

from __future__ import annotations

import time

import click

from .front import Front, pass_front
from .options import place_options
from .reach import Place


@click.command()
@click.option("--days", type=click.IntRange(1, 400), default=1, show_default=True, help="How far back to look.")
@place_options
@pass_front
def metrics(front: Front, days: int, place: Place) -> None:
    """Print the metrics of clusters that have ended, or never came up.

    In Prometheus's text format, as node_exporter's textfile collector reads it. Living ones say their own:
    docs/monitoring.md.
    """
    from prometheus_client import CollectorRegistry, generate_latest

    from ..clusters.config import staging_of
    from ..clusters.left_metrics import left_metrics
    from ..init_actions.exporter import families

    now = time.time()
    found = left_metrics(staging_of(place.project), now - days * 86400, now)

    class Left:
        def collect(self) -> list[object]:
            return list(families(found))

    registry = CollectorRegistry()
    registry.register(Left())  # pyright: ignore[reportArgumentType]
    front.result(generate_latest(registry).decode().rstrip("\n"))
