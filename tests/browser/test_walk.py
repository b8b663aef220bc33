"""A day at JupyterLab in one walk: cluster, dashboards, another size, a restart, a reload; a picture of each step.

Each step is a function of the page, in the order of the day, and leaves what the next one begins with.
"""

from __future__ import annotations

from collections.abc import Callable

from .page import Page

WORK = "import time; client.gather(client.map(lambda i: time.sleep(0.01) or i, range({tasks}), pure=False))[-1]"


def make(page: Page, name: str) -> None:
    page.run("%load_ext dask_dataproc")
    assert not page.run(f"%dask_cluster up --name {name} --workers 2").error


def look_at_dashboards(page: Page, name: str) -> None:
    stream = page.plot("individual-task-stream")
    assert f"/proxy/dask-dataproc/{name}/" in stream.frame.url
    page.run(WORK.format(tasks=20))
    before = stream.until_more_than(0)
    page.run(WORK.format(tasks=40))
    stream.until_more_than(before)


def scale(page: Page, name: str) -> None:
    assert not page.run("%dask_cluster scale 3").error
    assert page.run("client.wait_for_workers(3); len(client.scheduler_info()['workers'])").text == "3"


def restart(page: Page, name: str) -> None:
    page.restart()
    assert page.notification().startswith(f"Reattached to {name}")
    assert page.run("client.submit(sum, (40, 2)).result()").text == "42"


def reload(page: Page, name: str) -> None:
    page.save()
    page.tab.reload()
    page.opened()
    assert page.run("cluster.name").text == repr(name)


def shut_down(page: Page, name: str) -> None:
    assert page.complaints == []
    assert f"{name} is deleted" in page.run("%dask_cluster down").text
    page.forgive(f"/proxy/dask-dataproc/{name}/")  # Bokeh asks again for the plots that it still shows


STEPS: tuple[Callable[[Page, str], None], ...] = (make, look_at_dashboards, scale, restart, reload, shut_down)


def test_a_day_at_jupyterlab(page, lab, laptop, notebook, name):
    page.open(lab.write(notebook))
    for number, step in enumerate(STEPS, 1):
        step(page, name)
        page.shot(f"walk-{number}-{step.__name__.replace('_', '-')}")
    assert name not in laptop.clusters()
