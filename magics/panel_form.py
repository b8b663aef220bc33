"""The panel's form, made from the fields of a cluster: the few that matter up front, the others folded away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ipywidgets

from ..clusters.errors import DaskDataprocError, SpecError
from ..clusters.fields import Field
from ..clusters.prices import SPOT
from ..clusters.sizes import LEAST
from ..clusters.spec import FIELDS
from . import panel_html as html
from .panel_controls import Control

SHARE = Field("spot_share", int, 0, "of the workers are on spot machines, which may go", "%", low=0, high=100)
TOTAL = Field("workers", int, 2, "in all; 0 makes a single-node cluster", "VMs", low=0, high=1000)
DATA = Field("data", str, "", "a file, folder or pattern, here or in a bucket: Measure sizes the cluster", like="gs://")
SLIDE = (TOTAL.name, SHARE.name)
"""Those with a slider."""
FRONT = ("workload", "workers", "spot_share", "worker_machine", "lifetime")
SPLIT = ("secondary_workers", "secondary_type")
"""Fields that the number of workers and the spot share stand for."""


def split(total: int, share: int, kind: str = "spot") -> dict[str, Any]:
    """Return the fields of ``total`` workers of which ``share`` percent are on spot machines.

    Parameters
    ----------
    total : int
        0 is a single node.
    share : int
        0 to 100. Two workers are never on spot machines: Dataproc asks for as many primary ones.
    kind : str
        What spot machines were called before: ``preemptible`` ones stay that.
    """
    secondary = min(round(total * share / 100), max(0, total - LEAST))
    spot = kind if kind in SPOT else "spot"
    default = FIELDS["secondary_type"].default
    return {
        "workers": total - secondary,
        "secondary_workers": secondary,
        "secondary_type": spot if secondary else default,
    }


def together(values: Mapping[str, Any]) -> tuple[int, int]:
    """Return the number of workers of both groups, and how many percent of them are on spot machines."""
    total = values["workers"] + values["secondary_workers"]
    spot = values["secondary_workers"] if values["secondary_type"] in SPOT else 0
    return total, round(100 * spot / total) if total else 0


class Form:
    """Controls for a cluster's fields.

    Parameters
    ----------
    changed : callable
        Called when a value changes.
    measure : callable
        Called when a person asks for the input at a path to be measured.
    """

    def __init__(self, changed: Callable[[], object], measure: Callable[[], object]):
        self._changed = changed
        self._base: dict[str, Any] = {name: field.default for name, field in FIELDS.items()}
        self._values = dict(self._base)
        self._most: int = self._base["max_workers"]
        self.controls: dict[str, Control] = {}
        self.data = Control(DATA, lambda: None)
        self.data.input.continuous_update = True  # Enter is told before what was typed would be
        self.data.input.on_msg(lambda _, said, __: measure() if said.get("event") == "submit" else None)
        self.measure = ipywidgets.Button(description="Measure", tooltip="Size the cluster for this input")
        self.measure.on_click(lambda _: measure())
        others = ipywidgets.Accordion([ipywidgets.VBox()], titles=("All other settings",), selected_index=None)
        others.observe(lambda _: self.open(), "selected_index")
        self._others = others
        self.widget = ipywidgets.VBox([self._data_row(), self._grid(FRONT), others])

    def open(self) -> None:
        """Make the controls of all other settings, if they are not there: nobody waits for what few look at."""
        rest = [name for name in FIELDS if name not in (*self.controls, *SPLIT)]
        if rest:
            self._others.children = [self._grid(rest)]

    def begin(self, base: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Show ``values`` over ``base``, which are those of all fields when nobody says anything."""
        self._base = dict(base)
        self._show(self._base | dict(values))

    def take(self, values: Mapping[str, Any]) -> None:
        """Show ``values`` of fields; the others stay."""
        self._read()
        self._show(self._values | {n: v for n, v in values.items() if n in FIELDS})

    def fields(self) -> dict[str, Any]:
        """Return the values that differ from those there are when nobody says anything.

        Raises
        ------
        SpecError
            The first of those that stand under their controls now.
        """
        wrong = self._read()
        if wrong:
            raise wrong[0]
        return {name: value for name, value in self._values.items() if value != self._base[name]}

    def complain(self, error: DaskDataprocError) -> bool:
        """Say under its control what is wrong with a field, if ``error`` is of one; return whether it is."""
        name = error.message.partition(":")[0]
        control = self.controls.get("workers" if name in SPLIT else name)
        if isinstance(error, SpecError) and control is not None:
            control.complain(error)
            return True
        return False

    def say_why(self, line: html.Line) -> None:
        """Say why the cluster is of that size, or why its input could not be measured."""
        self.data.say(line)

    def _read(self) -> list[SpecError]:
        """Know what the controls say, but where it is wrong: the errors, which stand under their controls."""
        found: dict[str, Any] = {}
        wrong: list[SpecError] = []
        for name, control in self.controls.items():
            try:
                found[name] = control.value()
            except SpecError as error:
                wrong.append(error)
        if {"workers", SHARE.name} <= found.keys():
            found |= self._most_of(found["workers"], found.get("max_workers", self._most))
            found |= split(found["workers"], found[SHARE.name], self._values["secondary_type"])
        self._values |= {name: value for name, value in found.items() if name in FIELDS}
        return wrong

    def _most_of(self, total: int, most: int) -> dict[str, int]:
        """Return the bound that goes with ``total`` workers: as many, unless somebody has chosen one."""
        return {"max_workers": max(total, most) if most == self._base["max_workers"] else most}

    def _show(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)
        self._most = self._values["max_workers"]
        shown = {
            name: self._shown(name) for name in self.controls
        }  # first: the panel's thread reads what is half shown
        for name, control in self.controls.items():
            control.show(shown[name])
        self._values = dict(values)

    def _shown(self, name: str) -> Any:
        total, share = together(self._values)
        return {**self._values, "workers": total, SHARE.name: share}[name]

    def _data_row(self) -> Any:
        row = ipywidgets.HBox([self.data.widget, self.measure])
        row.add_class("data")
        return row

    def _grid(self, names: Iterable[str]) -> Any:
        known = FIELDS | {TOTAL.name: TOTAL, SHARE.name: SHARE}
        made = {name: Control(known[name], self._changed, slides=name in SLIDE) for name in names}
        for name, control in made.items():
            control.show(self._shown(name))
        self.controls |= made
        grid = ipywidgets.Box([control.widget for control in made.values()])
        grid.add_class("grid")
        return grid
