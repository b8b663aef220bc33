"""A slider beside a number's input, moved with it in the front end; readers of screens know it by its name.

It is the browser's own: ipywidgets' sliders have no accessible name, and no trait gives them one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from ..clusters.fields import Field

REACH = {"workers": 32}
"""How far a slider goes whose field allows so much that it could not be aimed at; the input takes the rest."""


class Slider(anywidget.AnyWidget):
    """A range of whole numbers.

    Attributes
    ----------
    name : str
        What it is called.
    value, low, high : int
    """

    _esm = Path(__file__).with_name("panel_slider.js")
    name = traitlets.Unicode().tag(sync=True)
    value = traitlets.Int().tag(sync=True)
    low = traitlets.Int().tag(sync=True)
    high = traitlets.Int().tag(sync=True)
    link: Any = None

    def close(self) -> None:
        """Go, and with it what joins it to its input."""
        if self.link is not None:
            self.link.close()
        super().close()


def slider_of(field: Field, number: Any) -> Slider:
    """Return the slider of ``number``, the input of ``field``: what moves one moves the other."""
    high = REACH.get(field.name, field.high)
    slider = Slider(name=number.description, value=number.value, low=field.low, high=high)
    slider.link = ipywidgets.jslink((number, "value"), (slider, "value"))
    slider.add_class("slider")
    return slider
