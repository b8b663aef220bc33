"""A JupyterLab on a laptop, for all tests of a run, and Debian's Chromium before it; see `lab` and `page`."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from .lab import Jupyter
from .page import HEIGHT, WIDTH, Page

FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
)


@pytest.fixture(scope="session")
def server(shared_laptop) -> Iterator[Callable[..., Jupyter]]:
    """Starts Jupyter servers on the shared laptop: ``server("notebook")``; at the end all of them are ended."""
    started: list[Jupyter] = []

    def start(command: str = "lab") -> Jupyter:
        started.append(Jupyter(shared_laptop, command))
        return started[-1]

    yield start
    for each in started:
        each.end()


@pytest.fixture(scope="session")
def lab(server) -> Jupyter:
    """One JupyterLab under a prefix and behind a token; notebooks and clusters on it have names of their own."""
    return server()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; not for longer than a module: while Playwright is on, no other test can have an event loop here."""
    chromium = shutil.which("chromium")
    assert chromium, "tests/browser needs Chromium: bash tests/browser/setup.sh"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, laptop, lab, request) -> Iterator[Callable[..., Page]]:
    """Opens tabs at Jupyter servers; at the end kernels are shut down, and nothing was complained of."""
    opened: list[Page] = []

    def visit(jupyter: Jupyter = lab) -> Page:
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
        opened.append(Page(context.new_page(), jupyter))
        return opened[-1]

    yield visit
    for page in opened:
        page.shot(f"{request.node.name}-at-its-end")
        page.close()
    assert [page.complaints for page in opened] == [[] for _ in opened]


@pytest.fixture
def page(visit) -> Page:
    """A tab at the JupyterLab."""
    return visit()


@pytest.fixture
def notebook() -> str:
    """The name of a notebook that no other test has."""
    return f"{uuid.uuid4().hex[:8]}.ipynb"


@pytest.fixture
def name() -> str:
    """The name of a cluster that no other test has."""
    return f"b-{uuid.uuid4().hex[:8]}"
