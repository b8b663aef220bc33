"""A day at JupyterLab in one walk: what a person presses from a first cluster to the last, and what is seen then.

Each step is a function of the day, in its order, and leaves what the next one begins with. A picture of each is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from .axe import violations
from .page import Page

PANEL = ".dask-dataproc-panel"
SIDEBAR = "#dask-dashboard-launcher"
LINE = f"{SIDEBAR} .dask-ClusterListingItem"
WORK = "import time; client.gather(client.map(lambda i: time.sleep(0.01) or i, range({tasks}), pure=False))[-1]"
SLOW = 15.0
"""Seconds that creations take which are to be seen."""


class Day:
    """A person, two notebooks and the clusters of the day."""

    def __init__(self, page: Page, lab: Any, laptop: Any, faults: Any, notebook: str):
        self.page, self.lab, self.laptop, self.faults, self.notebook = page, lab, laptop, faults, notebook
        self.second = f"second-{notebook}"
        self.name = self.new = ""

    def panel(self) -> Locator:
        """The panel of the notebook that is looked at."""
        return self.page.tab.locator(f"{PANEL}:visible").last

    def saved_panel(self) -> Locator:
        """The table that a saved notebook keeps of its panel."""
        return self.page.tab.locator(".jp-OutputArea-output table:visible", has_text="%dask_cluster shows it")

    def press(self, button: str, within: str = PANEL) -> None:
        """Press a button that is seen."""
        self.page.tab.locator(f"{within} button:visible", has_text=re.compile(f"^{button}$")).click()

    def says(self, text: str | re.Pattern[str]) -> None:
        """Wait until the panel says so."""
        expect(self.panel()).to_contain_text(text)

    def look_at_the_sidebar(self) -> None:
        """Open Dask's sidebar, as its icon does."""
        self.page.tab.evaluate("window.jupyterapp.shell.activateById('dask-dashboard-launcher')")

    def line(self, text: str) -> Locator:
        """A cluster's line in the sidebar."""
        return self.page.tab.locator(LINE, has_text=text)

    def clusters(self) -> set[str]:
        """Those there are."""
        return set(self.laptop.clusters())


def create_in_the_panel(day: Day) -> None:
    before = day.clusters()
    day.page.run("%load_ext dask_dataproc\n%dask_cluster")
    slider = day.panel().get_by_role("slider", name="Workers, VMs")
    slider.focus()
    day.page.tab.keyboard.press("ArrowRight")
    day.says("$0.99")
    day.page.shot("walk-0-the-panel")
    day.press("Create")
    day.says("start")
    day.says("3 of 3")
    assert violations(day.page.tab, PANEL) == []
    (day.name,) = day.clusters() - before
    assert day.page.run("client.submit(sum, (40, 2)).result()").text == "42"


def look_at_dashboards(day: Day) -> None:
    stream = day.page.plot("individual-task-stream")
    assert f"/proxy/dask-dataproc/{day.name}/" in stream.frame.url
    day.page.run(WORK.format(tasks=20))
    before = stream.until_more_than(0)
    day.page.run(WORK.format(tasks=40))
    stream.until_more_than(before)


def scale_in_the_panel(day: Day) -> None:
    workers = day.panel().get_by_label("Workers", exact=True)
    workers.fill("2")
    workers.press("Tab")
    day.press("Scale")
    day.says("2 of 2")
    assert day.page.run("len(client.scheduler_info(n_workers=-1)['workers'])").text == "2"


def cancel_a_second_creation(day: Day) -> None:
    before = day.clusters()
    day.page.open_too(day.lab.write(day.second))
    day.page.run("%load_ext dask_dataproc\n%dask_cluster")
    day.faults.ask("slow-create", seconds=SLOW)
    day.press("Create")
    day.says("Coming up: boot")
    assert violations(day.page.tab, PANEL) == []
    day.page.shot("walk-4-coming-up")
    day.press("Cancel")
    day.says("nothing of it is left")
    assert day.clusters() == before
    day.page.show(day.notebook)


def restart_the_kernel(day: Day) -> None:
    day.page.restart()
    assert day.page.notification().startswith(f"Reattached to {day.name}")
    day.page.dismiss()
    expect(day.saved_panel()).to_be_visible()  # the kernel of the one with buttons is gone
    assert day.page.run("client.submit(sum, (40, 2)).result()").text == "42"


def new_in_the_sidebar(day: Day) -> None:
    before = day.clusters()
    day.faults.ask("slow-create", seconds=SLOW)
    day.look_at_the_sidebar()
    expect(day.line(day.name)).to_be_visible()
    day.page.tab.locator(SIDEBAR).get_by_text("NEW", exact=True).click()
    expect(day.line("creating")).to_be_visible()
    day.laptop.until(lambda: day.clusters() - before)
    (day.new,) = day.clusters() - before


def reload_while_it_is_created(day: Day) -> None:
    day.page.save()
    day.page.tab.reload()
    day.page.opened()
    day.look_at_the_sidebar()
    expect(day.saved_panel()).to_be_visible()
    expect(day.line("creating")).to_have_count(1)
    day.page.shot("walk-7-still-creating")
    expect(day.line(day.new)).to_contain_text("Number of Workers: 3")
    expect(day.line(day.new)).to_have_count(1)
    assert day.page.run("cluster.name").text == repr(day.name)


def shut_down_in_the_sidebar(day: Day) -> None:
    day.line(day.new).get_by_text("SHUTDOWN", exact=True).click()
    expect(day.line(day.new)).to_have_count(0)
    assert day.new not in day.clusters()


def down(day: Day) -> None:
    assert day.page.complaints == []
    assert f"{day.name} is deleted" in day.page.run("%dask_cluster down").text
    day.page.forgive(f"/proxy/dask-dataproc/{day.name}/")  # Bokeh asks again for the plots that it still shows
    assert day.name not in day.clusters()


STEPS: tuple[Callable[[Day], None], ...] = (
    create_in_the_panel,
    look_at_dashboards,
    scale_in_the_panel,
    cancel_a_second_creation,
    restart_the_kernel,
    new_in_the_sidebar,
    reload_while_it_is_created,
    shut_down_in_the_sidebar,
    down,
)


@pytest.mark.timeout(300)
def test_a_day_at_jupyterlab(page, lab, laptop, faults, notebook):
    page.open(lab.write(notebook))
    day = Day(page, lab, laptop, faults, notebook)
    for number, step in enumerate(STEPS, 1):
        step(day)
        page.shot(f"walk-{number}-{step.__name__.replace('_', '-')}")
