"""A notebook in a real browser, with the verbs of a person who sits before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Frame, expect
from playwright.sync_api import Page as Tab

from .lab import PREFIX, Jupyter

PICTURES = Path(__file__).parents[2] / "build" / "browser"
WIDTH, HEIGHT = 1500, 950
WAIT = 20_000.0
"""Milliseconds that anything may take; a cluster too."""
expect.set_options(timeout=WAIT)
HARMLESS = {
    "Plugin 'dask-labextension:plugin' failed to activate": "it is for Lab alone, Notebook 7 says so on each page",
    "(reading 'schema')": "Notebook 7's own settings, as it opens; without our extension too",
    "/dask/dashboard/": "dask-labextension asks its own server for the dashboard of a cluster that has just gone",
    f"{PREFIX}individual-plots.json": "dask-labextension looks at its default address too, an empty one",
    "net::ERR_ABORTED": "a request that a reload or the end of the tab interrupts",
    "Could not restore the debugger state": "Lab's debugger, when a kernel is restarted while it looks at it",
}
"""Console messages of Jupyter itself, and why they are none of a test's business."""

_PANEL = "path => [...window.jupyterapp.shell.widgets('main')].find(each => each.context?.path === path)"
_READY = f"""path => {{
    const context = ({_PANEL})(path)?.sessionContext, kernel = context?.session?.kernel;
    return context?.isReady && kernel?.status === 'idle' && kernel.connectionStatus === 'connected';
}}"""
_ADD = f"""([path, source]) => {{
    const panel = ({_PANEL})(path), notebook = panel.content, shared = notebook.model.sharedModel;
    const last = shared.cells.length - 1, at = shared.cells[last].getSource() ? last + 1 : last;
    if (at > last) shared.insertCell(at, {{cell_type: 'code'}});
    shared.cells[at].setSource(source);
    window.jupyterapp.shell.activateById(panel.id);
    notebook.activeCellIndex = at;
    notebook.deselectAll();
    return at;
}}"""
_DONE = f"""([path, at]) => {{
    const cell = ({_PANEL})(path).content.model.cells.get(at);
    return cell.executionState === 'idle' && cell.executionCount !== null;
}}"""
_RUN_UNSEEN = f"""([path, code]) => {{
    const kernel = ({_PANEL})(path).sessionContext.session.kernel;
    return kernel.requestExecute({{code}}).done.then(reply => reply.content.status);
}}"""
_POINTS = """() => {
    const models = [...(window.Bokeh?.documents[0]?._all_models.values() ?? [])];
    const sources = models.filter(each => each.type === 'ColumnDataSource');
    return Math.max(0, ...sources.map(each => each.get_length() ?? 0));
}"""
_COUNT_COMMANDS = """() => {
    window.counted = [];
    window.jupyterapp.commands.commandExecuted.connect((_, {id}) => window.counted.push(id));
}"""
_NOTE_RESTART = f"""path => {{
    const context = ({_PANEL})(path).sessionContext;
    let before = true;
    window.restarted = false;
    const note = (_, status) => {{
        before = before && status !== 'restarting';
        if (!before && status === 'idle') {{ window.restarted = true; context.statusChanged.disconnect(note); }}
    }};
    context.statusChanged.connect(note);
}}"""
_OUTPUTS = f"([path, at]) => ({_PANEL})(path).content.model.cells.get(at).outputs.toJSON()"


@dataclass
class Shown:
    """What a cell shows: its text, its HTML, its error."""

    text: str = ""
    html: str = ""
    error: str = ""


@dataclass
class Plot:
    """A plot of a dashboard, in a pane."""

    frame: Frame

    @property
    def points(self) -> int:
        """How much it shows: the rows of its longest source."""
        return self.frame.evaluate(_POINTS)

    def until_more_than(self, points: int) -> int:
        """Wait until it shows more than so many points; how many then."""
        self.frame.wait_for_function(f"points => ({_POINTS})() > points", arg=points)
        return self.points


@dataclass
class Page:
    """A tab of the browser at a Jupyter server; ``notebook`` is the one that the verbs are about.

    Attributes
    ----------
    complaints : list of str
        Errors on the console, failed requests and answers of 400 and more, since it was opened.
    """

    tab: Tab
    jupyter: Jupyter
    notebook: str = ""
    complaints: list[str] = field(default_factory=list)
    harmless: set[str] = field(default_factory=lambda: set(HARMLESS))

    def __post_init__(self) -> None:
        self.tab.set_default_timeout(WAIT)
        self.tab.on("console", lambda said: self._complain(f"{said.text} {said.location['url']}", said.type == "error"))
        self.tab.on("pageerror", lambda error: self._complain(str(error)))
        self.tab.on("response", lambda answer: self._complain(f"{answer.status} {answer.url}", answer.status >= 400))
        self.tab.on("requestfailed", lambda asked: self._complain(f"{asked.failure} {asked.url}"))

    def open(self, notebook: str) -> None:
        """Open a notebook in an empty workspace, and wait until its kernel is idle."""
        where = "lab/tree/" if self.jupyter.command == "lab" else "notebooks/"
        self.tab.goto(f"{self.jupyter.url}{where}{notebook}?token={self.jupyter.token}&reset")
        self.notebook = notebook
        self.opened()

    def opened(self) -> None:
        """Wait until Jupyter is there, and the notebook's kernel is idle."""
        self.tab.wait_for_function("() => window.jupyterapp?.shell")
        self.ready()

    def open_too(self, notebook: str) -> None:
        """Open another notebook beside the one that is open, over it, and be about that one."""
        self.command("docmanager:open", path=notebook)
        self.notebook = notebook
        self.ready()

    def ready(self) -> None:
        """Wait until the kernel is idle and connected."""
        self.tab.wait_for_function(_READY, arg=self.notebook)

    def run(self, source: str, timeout: float = WAIT) -> Shown:
        """Run a new last cell to its end, and return what it shows."""
        return self.done(self.begin(source), timeout)

    def run_unseen(self, source: str) -> None:
        """Run code of the notebook while another one is looked at."""
        assert self.tab.evaluate(_RUN_UNSEEN, [self.notebook, source]) == "ok"

    def type_in_a_new_cell(self, text: str) -> int:
        """Type into a new last cell, and stay in it; its index."""
        at = self.tab.evaluate(_ADD, [self.notebook, "#"])
        self.command("notebook:enter-edit-mode")
        self.tab.keyboard.press("Control+a")
        self.tab.keyboard.type(text)
        return at

    def source(self, cell: int) -> str:
        """Return what stands in a cell."""
        return self.tab.evaluate(
            f"([path, at]) => ({_PANEL})(path).content.model.cells.get(at).sharedModel.getSource()",
            [self.notebook, cell],
        )

    def begin(self, source: str) -> int:
        """Begin to run a new last cell, the empty one if there is; its index."""
        at = self.tab.evaluate(_ADD, [self.notebook, source])
        self.command("notebook:run-cell")
        return at

    def done(self, cell: int, timeout: float = WAIT) -> Shown:
        """Wait until a cell has run, and return what it shows."""
        self.tab.wait_for_function(_DONE, arg=[self.notebook, cell], timeout=timeout)
        return self.shown(cell)

    def shown(self, cell: int) -> Shown:
        """Return what a cell shows now."""
        shown = Shown()
        for output in self.tab.evaluate(_OUTPUTS, [self.notebook, cell]):
            data = output.get("data", {})
            shown.text += _joined(output.get("text", "")) + _joined(data.get("text/plain", ""))
            shown.html += _joined(data.get("text/html", ""))
            shown.error += "\n".join(output.get("traceback", []))
        return shown

    def command(self, name: str, **arguments: Any) -> None:
        """Begin one of Jupyter's commands, as a menu does."""
        self.tab.evaluate("([c, a]) => { window.jupyterapp.commands.execute(c, a); }", [name, arguments])

    def save(self) -> None:
        """Save the notebook, and wait until it is."""
        self.command("docmanager:save")
        self.tab.wait_for_function(f"path => !({_PANEL})(path).context.model.dirty", arg=self.notebook)

    def restart(self) -> None:
        """Restart the kernel as the button does, and confirm; not waited for."""
        self.tab.evaluate(_NOTE_RESTART, self.notebook)
        self.command("kernelmenu:restart")
        self.tab.locator(".jp-Dialog .jp-mod-accept").click()

    def restarted(self) -> None:
        """Wait until the kernel that was restarted is idle."""
        self.tab.wait_for_function("() => window.restarted")
        self.ready()

    def notification(self) -> str:
        """Wait for a notification and return its text."""
        toast = self.tab.locator(".jp-toast-message").first
        toast.wait_for()
        return toast.inner_text()

    def dismiss(self) -> None:
        """Close the notification."""
        self.tab.locator(".jp-Notification-Toast-Close").first.click()
        self.tab.locator(".jp-Notification-Toast-Close").wait_for(state="detached")

    def show(self, notebook: str) -> None:
        """Look at another notebook that is open, and be about that one."""
        self.notebook = notebook
        self.tab.evaluate(f"path => window.jupyterapp.shell.activateById(({_PANEL})(path).id)", notebook)

    def plot(self, route: str) -> Plot:
        """Wait for a pane's plot, by its route in the dashboard."""
        pane = self.tab.locator(f"iframe[src*='/{route}']").first
        pane.wait_for()
        handle = pane.element_handle()
        frame = handle.content_frame() if handle else None
        assert frame is not None
        frame.wait_for_function("() => window.Bokeh?.documents.length > 0")
        return Plot(frame)

    def commands_from_now(self) -> None:
        """Note the commands that are executed."""
        self.tab.evaluate(_COUNT_COMMANDS)

    def commands_since(self) -> list[str]:
        """Return the commands that were executed since, but for the notebook's own."""
        return [each for each in self.tab.evaluate("() => window.counted") if not each.startswith("notebook:")]

    def panes(self) -> dict[str, dict[str, float]]:
        """The panes of dashboards there are, by title, and each one's place on the screen."""
        return self.tab.evaluate("""() => Object.fromEntries([...window.jupyterapp.shell.widgets('main')]
            .filter(each => each.id.startsWith('dask-dashboard-'))
            .map(each => [each.title.label, each.node.getBoundingClientRect().toJSON()]))""")

    def place(self) -> dict[str, float]:
        """The notebook's place on the screen."""
        return self.tab.evaluate(f"path => ({_PANEL})(path).node.getBoundingClientRect().toJSON()", self.notebook)

    def theme(self, dark: bool) -> None:
        """Change the theme, and wait until the curtain that Lab draws meanwhile is gone."""
        self.command("apputils:change-theme", theme=f"JupyterLab {'Dark' if dark else 'Light'}")
        expect(self.tab.locator("body")).to_have_attribute("data-jp-theme-light", "false" if dark else "true")
        expect(self.tab.locator("#jupyterlab-splash")).to_have_count(0)

    def zoom(self, times: float) -> None:
        """Zoom as the browser does: the same window has fewer pixels of a page."""
        self.tab.set_viewport_size({"width": int(WIDTH / times), "height": int(HEIGHT / times)})

    def close(self) -> None:
        """Shut the tab, and the kernels of its server, as a person does at the end of the day."""
        self.tab.context.close()  # first: panes say so if the dashboard that they show is taken away
        for session in self.jupyter.ask("api/sessions"):
            self.jupyter.delete(f"api/sessions/{session['id']}")

    def forgive(self, text: str) -> None:
        """Have nothing against what contains ``text``, from now on."""
        self.harmless.add(text)
        self.complaints[:] = [each for each in self.complaints if text not in each]

    def shot(self, name: str) -> Path:
        """Keep a picture, and return where."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        picture = PICTURES / f"{name}.png"
        self.tab.screenshot(path=picture)
        return picture

    def _complain(self, text: str, is_one: bool = True) -> None:
        if is_one and not any(harmless in text for harmless in self.harmless):
            self.complaints.append(text.replace(PREFIX, "/"))


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
