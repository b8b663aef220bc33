"""What a person waits for in JupyterLab, seen in Chromium: Create to the first phase, a restart to `client` again.

``python benchmarks/waits.py [--rounds 5]``: JupyterLab, tab and emulator are those of the tests; needs
``bash tests/browser/setup.sh``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from processes import load
from summary import spread, table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser.conftest import FLAGS
from browser.lab import Jupyter
from browser.page import HEIGHT, WIDTH, Page
from conftest import Laptop
from playwright.sync_api import sync_playwright

LOOK = 0.5
"""Seconds for which the others' load is looked at before each round."""
READING = 3000
"""Milliseconds in which a person reads the form before the press."""
PANEL = ".dask-dataproc-panel"
PRESS = """async () => {
    const panel = document.querySelector('.dask-dataproc-panel');
    const create = [...panel.querySelectorAll('button')].find(each => each.textContent === 'Create');
    const shown = [null, null];
    const begun = performance.now();
    create.click();
    while (shown[1] === null) {
        await new Promise(requestAnimationFrame);
        const now = performance.now() - begun;
        if (shown[0] === null && panel.innerText.includes('Coming up')) shown[0] = now;
        if (panel.querySelectorAll('.steps .done').length > 0) shown[1] = now;
        if (now > 60000) throw new Error('nothing shown');
    }
    return shown;
}"""


def main() -> None:
    """Measure, and print the table."""
    given = arguments()
    laptop = Laptop()
    others: list[float] = []
    figures: dict[str, list[float]] = {"Create → the way up, ms": [], "Create → first phase, ms": []}
    back: list[float] = []
    try:
        lab = Jupyter(laptop)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            for number in range(given.rounds):
                print(f"round {number + 1}", file=sys.stderr)
                others.append(load(LOOK))
                page = Page(browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page(), lab)
                for row, shown in zip(figures, pressed(page, lab, number), strict=True):
                    figures[row].append(shown)
                back.append(restarted(page))
                page.run("%dask_cluster down")
                page.close()
            browser.close()
        lab.end()
    finally:
        laptop.close()
    figures["kernel idle after a restart → client back, ms"] = back
    print(f"Median [least–greatest] of {given.rounds}; others kept {spread(others)} cores busy")
    print(table([""], {name: [spread(each)] for name, each in figures.items()}))


def pressed(page: Page, lab: Any, number: int) -> list[float]:
    """Return the milliseconds from the press on Create to the way up, and to the first phase that is over."""
    page.open(lab.write(f"round-{number}.ipynb"))
    page.run("import dask; dask.config.set({'dataproc.jupyter.open-dashboards': False}); None")
    page.run("%load_ext dask_dataproc\n%dask_cluster")
    page.tab.locator(f"{PANEL} button:enabled", has_text="Create").wait_for()
    page.tab.wait_for_timeout(READING)
    shown = page.tab.evaluate(PRESS)
    page.tab.locator(PANEL, has_text="Lease left").wait_for()
    return shown


def restarted(page: Page) -> float:
    """Return the milliseconds from the restarted kernel's being idle to the line that the client is back."""
    page.restart()
    page.restarted()
    idle = time.monotonic()
    page.notification()
    return (time.monotonic() - idle) * 1000


def arguments() -> argparse.Namespace:
    """Return what was given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="notebooks (5)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
