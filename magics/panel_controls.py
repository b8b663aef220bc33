"""A field of the cluster as a control: made by its type, read through the field, and what that refuses stands below."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from ..clusters.candidates import SERIES, VCPUS
from ..clusters.errors import SpecError
from ..clusters.fields import Field, duration_text
from ..clusters.spec import check_machines
from . import panel_html as html
from .panel_slider import slider_of

MACHINES = tuple(f"{series}-{vcpus}" for series in SERIES for vcpus in VCPUS)
"""Machine types that are offered; any other may be typed."""

WORDS = {"gb": "GB", "ssds": "SSDs", "kms": "KMS", "ip": "IP", "gcsfs": "GCS"}
"""Words of fields' names as a person writes them."""


class Control:
    """One field: its label and input, and one line under them that says what it is, or why it is refused.

    Parameters
    ----------
    field : Field
    changed : callable
        Called without arguments when a person, or the form, has changed the value.
    slides : bool
        A slider stands under the input.
    offers : sequence of str
        Texts that are offered; any other may be typed.
    """

    def __init__(
        self, field: Field, changed: Callable[[], object], *, slides: bool = False, offers: Sequence[str] = ()
    ):
        self.field = field
        self.input = _input(field, offers)
        self.input.observe(lambda _: changed(), "value")
        self._note = ipywidgets.HTML()
        moved = [slider_of(field, self.input)] if slides else []
        self.widget = ipywidgets.VBox([self.input, *moved, self._note])
        self.widget.add_class("control")
        self.complain(None)

    def value(self) -> Any:
        """Return what is given, as the field has it.

        Raises
        ------
        SpecError
            The field's own; it stands under the control from now on.
        """
        try:
            value = self.field.parse(self.input.value)
        except SpecError as error:
            self.complain(error)
            raise
        self.complain(None)
        return value

    def show(self, value: Any) -> None:
        """Have the input say ``value``, a value of the field."""
        self.input.value = _typed(self.field, value)

    def complain(self, error: SpecError | None) -> None:
        """Say what is wrong, or again what the field is."""
        line = html.Line(self.field.help) if error is None else html.Line(error.message, tone=html.FAILS)
        self._note.value = html.note(line)

    def say(self, line: html.Line) -> None:
        """Say what became of the value."""
        self._note.value = html.note(line, "status")


def _input(field: Field, offers: Sequence[str]) -> Any:
    """Return the input for ``field``, by its type."""
    if field.type is str and field.check is check_machines:
        offers = MACHINES
    said = {"description": label(field), "tooltip": field.allowed, "layout": {"width": "auto"}}
    typed = _typed(field, field.default)
    if field.choices:
        return ipywidgets.Dropdown(options=field.choices, value=typed, **said)
    if field.type is bool:
        return ipywidgets.Checkbox(value=typed, indent=False, **said)
    if field.type is int and field.unit != "duration":
        return ipywidgets.IntText(value=typed, **said)
    if offers:
        return ipywidgets.Combobox(value=typed, options=tuple(offers), placeholder=field.example, **said)
    return ipywidgets.Text(value=typed, placeholder=field.like.partition(" (")[0], **said)


def _typed(field: Field, value: Any) -> Any:
    """Return ``value`` as it stands in an input."""
    if field.unit == "duration":
        return duration_text(value)
    if field.type is tuple:
        return ",".join(value)
    if field.type is dict:
        return json.dumps(value) if any("," in f"{k}{v}" for k, v in value.items()) else _pairs(value)
    return value


def _pairs(value: dict[str, str]) -> str:
    return ",".join(f"{name}={said}" for name, said in value.items())


def label(field: Field) -> str:
    """Return what a field is called before its input."""
    words = [WORDS.get(word, word) for word in field.name.split("_")]
    said = " ".join(words)
    unit = "" if field.unit in ("", "duration", words[-1]) else f", {field.unit}"
    return f"{said[0].upper()}{said[1:]}{unit}"
