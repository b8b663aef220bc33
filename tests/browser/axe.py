"""What axe-core has against a part of a page: accessibility, as far as a program can see it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page as Tab

AXE = Path(__file__).parents[2] / "build" / "axe" / "axe.min.js"
GRAVE = ("serious", "critical")
_RUN = """async selector => (await axe.run(selector, {resultTypes: ['violations']})).violations
    .map(each => [each.impact, each.id, each.nodes.map(node => node.html.slice(0, 200))])"""


def violations(tab: Tab, selector: str) -> list[str]:
    """Return the serious and critical violations in what ``selector`` finds, each in a line; it must find something."""
    assert AXE.exists(), "axe-core is needed: bash tests/browser/setup.sh"
    assert tab.locator(selector).count(), f"nothing is {selector}"
    if not tab.evaluate("() => Boolean(window.axe)"):
        tab.evaluate(AXE.read_text())
    found = tab.evaluate(_RUN, selector)
    return [f"{impact} {rule}: {' '.join(nodes)}" for impact, rule, nodes in found if impact in GRAVE]
