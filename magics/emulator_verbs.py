"""``emulator start|stop|status|logs|fault``: the Dataproc on this machine, as the process it is."""

from __future__ import annotations

import time
from collections import deque

import click

from ..clusters.assignments import taken_apart
from ..clusters.errors import EmulatorError
from ..clusters.faults import AT_ONCE, KINDS
from .front import Front, pass_front
from .options import json_option
from .render import Table, span


@click.group()
def emulator() -> None:
    """Look after the Dataproc on this machine.

    `up` starts it by itself, and it ends by itself.
    """


@emulator.command()
@click.option("--redirect", is_flag=True, help="Also take in clients that are told so by environment variables alone.")
@pass_front
def start(front: Front, redirect: bool) -> None:
    """Start the emulator, unless it runs."""
    from ..clusters.local import emulator_start

    endpoint = emulator_start(redirect=redirect)
    front.say(f"The emulator listens on {endpoint.target}")


@emulator.command()
@pass_front
def stop(front: Front) -> None:
    """Stop the emulator; the machines of its clusters live on and are found again when it starts."""
    from ..clusters.local import emulator_stop

    front.say("The emulator has stopped" if emulator_stop() else "The emulator was not running")


@emulator.command()
@json_option
@pass_front
def status(front: Front, as_json: bool) -> None:
    """Show whether the emulator runs; status 1 if it does not."""
    from ..clusters.local import emulator_status

    about = emulator_status()
    if about is None:
        raise EmulatorError("the emulator is not running", "%dask_cluster emulator start")
    if as_json:
        front.document({key: value for key, value in about.items() if key != "redirect"})
        return
    rows = [("pid", str(about["pid"])), ("socket", about["socket"]), ("up for", span(time.time() - about["started"]))]
    front.show(Table([*rows, ("clock", f"{about['clock']['scale']:g} × real time")]))


@emulator.command()
@click.option("-n", "lines", type=click.IntRange(min=1), default=50, help="How many lines, from the end [default 50].")
@pass_front
def logs(front: Front, lines: int) -> None:
    """Show the end of the emulator's log."""
    from ..clusters.local import emulator_log

    try:
        with emulator_log().open(errors="replace") as log:
            front.result("".join(deque(log, lines)).rstrip("\n"))
    except FileNotFoundError:
        raise EmulatorError("the emulator has never run here", "%dask_cluster emulator start") from None


@emulator.command()
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option("--times", type=int, default=1, help="How often it is to happen [default 1].")
@click.option("--set", "pairs", metavar="K=V", multiple=True, help="A setting of that kind: docs/emulator.md.")
@click.option("--list", "listed", is_flag=True, help="Show the faults that have not happened yet.")
@click.option("--clear", is_flag=True, help="Forget the faults that have not happened yet.")
@json_option
@pass_front
def fault(
    front: Front, kind: str | None, times: int, pairs: tuple[str, ...], listed: bool, clear: bool, as_json: bool
) -> None:
    """Have the emulator fail as Dataproc does.

    What concerns a call or a cluster that comes up happens when there next is one; preempt, vm-death and clock-jump
    happen at once.
    """
    from ..clusters.faults import emulator_fault, emulator_faults, emulator_faults_clear

    if [bool(kind), listed, clear].count(True) != 1:
        raise click.UsageError(f"give one of --list, --clear and a kind: {', '.join(KINDS)}")
    if clear:
        emulator_faults_clear()
    elif kind:
        _tell(front, kind, emulator_fault(kind, times, **taken_apart(pairs, "--set")))
    elif as_json:
        front.document(emulator_faults())
    else:
        front.show(Table([_row(**each) for each in emulator_faults()], ("kind", "times", "settings"), "No fault waits"))


def _tell(front: Front, kind: str, struck: list[str]) -> None:
    if kind in AT_ONCE:
        front.say(f"{kind}: {', '.join(struck) or 'there is no such machine'}")
    else:
        front.say(f"{kind} waits until it can happen")


def _row(kind: str, times: int, settings: dict[str, str]) -> tuple[str, str, str]:
    return kind, str(times), ", ".join(f"{name}={value}" for name, value in settings.items())
