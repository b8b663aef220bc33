"""The form of a notebook's job, made from the fields of a job: what it shows is an entry, and what it gives is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets
import yaml

from ..clusters.errors import NotebookError, SpecError
from ..clusters.fields import Field
from ..clusters.spec import ClusterSpec
from ..pipelines.edit import CLUSTER, Entry, plain, read_yaml, trouble
from ..pipelines.metadata import FIELDS
from ..pipelines.schedule import PRESETS
from . import panel_html as html
from .panel_controls import Control, label

OFFERED = ("0 6 * * 1-5", *PRESETS)
"""Schedules that are offered; any other may be typed."""
HELP = {CLUSTER: "the cluster of each run, as workers: 4, a line each; empty for the session's at export"}
SINGLE = (str, int, bool, tuple)
"""Types with an input of one line; a mapping has several."""


class YamlControl:
    """A mapping as YAML in a box of several lines; otherwise as `Control`.

    Parameters
    ----------
    field : Field
    changed : callable
    """

    def __init__(self, field: Field, changed: Callable[[], object]):
        self.field = field
        self.input = ipywidgets.Textarea(description=label(field), rows=6, layout={"width": "auto"})
        self.input.observe(lambda _: changed(), "value")
        self._note = ipywidgets.HTML()
        self.widget = ipywidgets.VBox([self.input, self._note])
        self.widget.add_class("control")
        self.widget.add_class("wide")
        self.complain(None)

    def value(self) -> Any:
        """Return the mapping, `SpecError` where the text is none: it stands under the control from now on."""
        try:
            value = self.field.parse(read_yaml(self.input.value) or {})
        except SpecError as error:
            self.complain(error)
            raise
        self.complain(None)
        return value

    def show(self, value: Any) -> None:
        """Have the box say ``value``."""
        self.input.value = yaml.safe_dump(plain(value), sort_keys=False, allow_unicode=True) if value else ""

    def complain(self, error: SpecError | None) -> None:
        """Say what is wrong, or again what the field is."""
        self._note.value = html.note(html.Line(self.field.help) if error is None else html.line_of(error))

    def say(self, line: html.Line) -> None:
        """Say what became of the value."""
        self._note.value = html.note(line, "status")


class JobForm:
    """Controls for what a notebook says of itself as a job.

    Parameters
    ----------
    changed : callable
        Called when a value changes.
    """

    def __init__(self, changed: Callable[[], object]):
        self._entry: Entry = {}
        self._shown: dict[str, Any] = {}
        self.controls: dict[str, Control | YamlControl] = {n: _control(f, changed) for n, f in FIELDS.items()}
        self.controls[CLUSTER] = YamlControl(_ClusterField, changed)
        singles = [c.widget for c in self.controls.values() if isinstance(c, Control)]
        boxes = [c.widget for c in self.controls.values() if isinstance(c, YamlControl)]
        grid = ipywidgets.Box(singles)
        grid.add_class("grid")
        self.widget = ipywidgets.VBox([grid, *boxes])

    def show(self, entry: Mapping[str, Any]) -> list[SpecError]:
        """Show ``entry``; return what of it is wrong, in whose place the default is shown."""
        self._entry, wrong = dict(entry), []
        for name, control in self.controls.items():
            try:
                control.show(control.field.parse(entry.get(name) or control.field.default))
                self._shown[name] = control.input.value
            except SpecError as error:
                control.show(control.field.default)
                self._shown.pop(name, None)
                wrong.append(error)
        return wrong

    def take_cluster(self, fields: Mapping[str, Any]) -> None:
        """Show ``fields`` of a cluster."""
        self.controls[CLUSTER].show(fields)

    def entry(self) -> Entry:
        """Return the entry that is shown: what nobody has touched as it was, and nothing that is at its default.

        Raises
        ------
        SpecError
            The first of those that stand under their controls now.
        """
        made, wrong = dict(self._entry), []
        for name, control in self.controls.items():
            try:
                value = control.value()
            except SpecError as error:
                wrong.append(error)
                continue
            if self._shown.get(name) == control.input.value and name in self._shown:
                continue
            made.pop(name, None)
            if value != control.field.default:
                made[name] = _as_typed(control, value)
        if wrong:
            raise wrong[0]
        return made

    def complain(self, error: NotebookError) -> bool:
        """Say under its control what is wrong with a field, if ``error`` is of one; return whether it is."""
        path = trouble(error)
        control = next((self.controls[part] for part in path if part in self.controls), None)
        if control is not None:
            control.complain(SpecError(error.message.partition(": ")[2], error.hint))
        return control is not None


class _AnyCluster(Field):
    """The cluster of a job as one field, checked by the spec."""

    def parse(self, given: Any) -> Any:
        """Return ``given``, fields of a cluster."""
        if not isinstance(given, Mapping):
            raise self.refuse(given)
        ClusterSpec.from_dict(given)
        return dict(given)


_ClusterField = _AnyCluster(CLUSTER, dict, {}, HELP[CLUSTER])


def _control(field: Field, changed: Callable[[], object]) -> Control | YamlControl:
    if field.type in SINGLE:
        return Control(field, changed, offers=OFFERED if field.name == "schedule" else ())
    return YamlControl(field, changed)


def _as_typed(control: Control | YamlControl, value: Any) -> Any:
    """Return ``value`` as an entry has it: a duration as a person writes it."""
    return control.input.value.strip() if control.field.unit == "duration" else plain(value)
