"""The verb that says how large a cluster should be, before there is one: size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..clusters.spec import FIELDS
from .front import Front, pass_front
from .options import DURATION, FieldType, json_option, place_options
from .reach import Place
from .render import Table, money

if TYPE_CHECKING:
    from ..clusters.history import Run
    from ..clusters.sizing import Here, Sizing

PASTED = (
    "region",
    "workers",
    "secondary_workers",
    "secondary_type",
    "worker_machine",
    "master_machine",
    "max_workers",
    "workload",
    "input_bytes",
)
"""Fields that make a cluster the one that is recommended, in the order one types them."""


@click.command("size")
@click.argument("path", default="")
@click.option(
    "--workload",
    type=FieldType(FIELDS["workload"]),
    default="etl",
    metavar="|".join(FIELDS["workload"].choices),
    help="What is done with it [default etl].",
)
@click.option("--deadline", type=DURATION, metavar="DURATION", help="The cheapest that is done by then, as 45m.")
@click.option("--max-workers", type=FieldType(FIELDS["max_workers"]), metavar="N", help="Workers there may be.")
@click.option("--rule", is_flag=True, help="ADR-003's rule alone, without a sizing of its own.")
@place_options
@json_option
@pass_front
def size_(
    front: Front,
    path: str,
    workload: str,
    deadline: int | None,
    max_workers: int | None,
    rule: bool,
    place: Place,
    as_json: bool,
) -> None:
    """Say how large a cluster for an input should be, and why.

    PATH is a file, a folder or a pattern, on this machine or in a bucket. What it takes in memory is found from a few
    footers and lines; runs of the same workload that are known make time and memory exacter. Without PATH: how large
    the next run of the workload should be, as its runs so far speak for.
    """
    from ..clusters.config import setting
    from ..clusters.inputs import look
    from ..clusters.sizing import by_adr, size

    front.quiet = as_json
    if not path:
        _next_run(front, workload, place, as_json)
        return
    input, history = look(path), read_history(workload, place)
    most = max_workers or FIELDS["max_workers"].parse(setting("max-workers", FIELDS["max_workers"].default))
    ours = size(input, workload, history, place.region, deadline=deadline, most=most, here=_here())
    theirs = by_adr(input, workload, history, place.region)
    answer = theirs if rule else ours
    if as_json:
        front.document(answer.to_dict())
        return
    beside = [] if rule else [("ADR-003", _short(theirs))]
    front.show(Table([*_rows(answer), *beside]))
    front.result(front.spelled(pasted(answer)))


def _next_run(front: Front, workload: str, place: Place, as_json: bool) -> None:
    from .rightsize import next_run

    answer = next_run(workload, read_history(workload, place), place.region)
    if as_json:
        front.document(answer.to_dict())
        return
    front.show(Table(answer.rows()))
    front.result(front.spelled(answer.pasted()))


def read_history(workload: str, place: Place) -> Sequence[Run]:
    """Return the runs of ``workload`` that are kept with the place's ledger; none where there is no such place."""
    from ..clusters.config import staging_of
    from ..clusters.errors import ConfigError
    from ..clusters.runs import read_runs
    from ..clusters.standings import ledger_url
    from ..clusters.sync import run

    try:
        return run(read_runs(ledger_url(staging_of(place.project)), workload))
    except ConfigError:
        return ()


def fields_for(path: str, place: Place, given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the fields of the cluster that is recommended for the input at ``path``, and why in one line.

    Parameters
    ----------
    path : str
    place : Place
    given : mapping
        What was typed: it wins; ``workload`` says what is done, and ``max_workers`` bounds the recommendation.
    """
    from ..clusters.inputs import look
    from ..clusters.sizing import size

    workload = given.get("workload", FIELDS["workload"].default)
    most = given.get("max_workers", FIELDS["max_workers"].default)
    sized = size(look(path), workload, read_history(workload, place), place.region, most=most, here=_here())
    wanted = {name: sized.spec[name] for name in PASTED}
    return wanted | dict(given), "; ".join(sized.reasons)


def pasted(sizing: Sizing) -> str:
    """Return what makes the cluster that ``sizing`` recommends, as one types it."""
    changed = {name: sizing.spec[name] for name in PASTED if sizing.spec[name] != FIELDS[name].default}
    wanted = {"workers": sizing.spec["workers"]} | changed
    line = "%dask_cluster up " + " ".join(f"--{name.replace('_', '-')} {value}" for name, value in wanted.items())
    return f"a cluster all the same:  {line}" if sizing.recommend == "none" else line


def _here() -> Here:
    """Return what this machine has free."""
    import psutil

    from ..clusters.sizing import Here

    return Here(psutil.virtual_memory().available, psutil.cpu_count() or 1)


def _rows(sizing: Sizing) -> list[tuple[str, str]]:
    named = {"cluster": "a cluster", "single-node": "a single node", "none": "no cluster"}
    said = [*sizing.reasons, *sizing.partitions.reasons, *sizing.notes]
    why = [("why" if not i else "", reason) for i, reason in enumerate(said)]
    read = [("read it by", sizing.partitions.read)] if sizing.partitions.read else []
    return [
        ("recommended", named[sizing.recommend]),
        *why,
        ("price per hour", money(sizing.price_per_hour)),
        ("time", _minutes(sizing)),
        ("cost", _cost(sizing)),
        *read,
    ]


def _short(sizing: Sizing) -> str:
    return f"{sizing.reasons[0]}: {money(sizing.price_per_hour)} per hour, {_minutes(sizing)}, {_cost(sizing)}"


def _minutes(sizing: Sizing) -> str:
    low, high = sizing.expected_minutes
    return "less than a minute" if high < 1 else f"{low:.0f} to {high:.0f} min"


def _cost(sizing: Sizing) -> str:
    low, high = sizing.expected_cost
    return f"{money(low)} to {money(high)}"
