"""The panel of a notebook's job: when, with what and where it runs; saved in the notebook, exported as a DAG."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import ipywidgets

from ..clusters.errors import DaskDataprocError, NotebookError, SpecError
from ..clusters.sizes import in_words
from ..pipelines.notebook_file import NotebookFile
from ..pipelines.parameters import declared_parameters
from ..pipelines.schedule import in_words as runs
from . import panel_html as html
from .contract import Contract
from .job_entry import keep
from .panel_beat import Acts
from .panel_style import MARK, styled
from .pipeline_form import JobForm
from .promote import of_cluster, promotion
from .render import Table, money

if TYPE_CHECKING:
    from ..kernel_ext.session import Session


class PipelinePanel:
    """The widgets of one notebook's job.

    Parameters
    ----------
    session : Session
        Of a live notebook.
    """

    def __init__(self, session: Session):
        self._session = session
        self._file = NotebookFile.read(session.notebook)
        self._acts = Acts(lambda words: self._say(html.Line(words)), self._ended)
        self._make()
        self.load()

    # -- how it is shown

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return self.summary().bundle() | {"application/vnd.jupyter.widget-view+json": view}, {MARK: {"panel": True}}

    def summary(self) -> Table:
        """Return what a saved notebook keeps: the job as its file has it."""
        try:
            rows = Contract.of(self._file.document, self._file.path, self._file.entry).rows(_now())
        except NotebookError as error:
            rows = [("wrong", error.message)]
        return Table([("panel", "%dask_pipeline shows it"), *rows])

    # -- what is pressed

    def load(self) -> None:
        """Show what the notebook's file says now."""
        try:
            self._file = NotebookFile.read(self._session.notebook)
            wrong = self.form.show(self._file.entry)
        except NotebookError as error:
            self._say(html.line_of(error))
            return
        self._parameters.value = _parameters(self._file)
        self._say(html.line_of(wrong[0]) if wrong else html.Line())
        self._look()

    def _save(self) -> None:
        try:
            entry = self.form.entry()
            now = NotebookFile.read(self._session.notebook)
            if now.entry != self._file.entry:
                said = "the notebook's file says something else of the job than was shown here: nothing is saved"
                raise NotebookError(said, "Load again")
            Contract.of(now.document, now.path, entry)
            self._say(html.Line("Saving …"))
            keep(self._session, now, entry, self._kept)
        except DaskDataprocError as error:
            self._say(html.line_of(error))

    def _kept(self, said: str) -> None:
        if not said.startswith("Not saved"):
            self.load()
        self._say(html.Line(said, tone=html.FAILS if said.startswith("Not saved") else html.PLAIN))

    def _take(self) -> None:
        cluster = self._session.last_cluster
        if cluster is None:
            self._say(html.line_of(SpecError("cluster: this session has had none", "%dask_cluster up")))
            return
        found = of_cluster(cluster)
        self.form.take_cluster(found.cluster)
        self._say(html.Line(" ".join(f"{line}." for line in found.said)))

    def _export(self) -> None:
        try:
            if self.form.entry() != self._file.entry:
                raise NotebookError("the form is not saved, and what is exported is the notebook's file", "Save first")
        except DaskDataprocError as error:
            self._say(html.line_of(error))
            return
        self._acts.begin("Exporting …", self._write)

    def _write(self) -> None:
        from ..pipelines.generator import write_dag

        said: list[str] = []
        cluster = promotion(self._session, self._session.notebook, said.append)
        path = write_dag(self._session.notebook, self.folder.value.strip() or ".", cluster)
        self._exported = html.Line(" ".join([*(f"{line}." for line in said), f"Exported: {path.resolve()}"]))

    def _ended(self, error: BaseException | None) -> None:
        self._say(html.line_of(error) if error else self._exported)

    # -- what is seen

    def _look(self) -> None:
        """Say beside each field what is wrong with it, and what the job is."""
        try:
            contract = Contract.of(self._file.document, self._file.path, self.form.entry())
        except NotebookError as error:
            beside = self.form.complain(error)
            self._refuse(html.Line("Not as it stands: see the field" if beside else error.message, tone=html.FAILS))
        except SpecError as error:
            self._refuse(html.line_of(error))
        else:
            self.save.disabled = False
            self._figures.value = html.tiles(_figures(contract))
            self._wrong.value = html.spoken(html.Line())

    def _refuse(self, line: html.Line) -> None:
        self.save.disabled = True
        self._wrong.value = html.spoken(line)

    def _say(self, line: html.Line) -> None:
        self._line.value = html.spoken(line)

    # -- how it is made

    def _make(self) -> None:
        self._exported = html.Line()
        self.form = JobForm(self._look)
        self._parameters, self._figures = ipywidgets.HTML(), ipywidgets.HTML()
        self._wrong, self._line = ipywidgets.HTML(html.spoken(html.Line())), ipywidgets.HTML(html.spoken(html.Line()))
        self.take = _button(
            "Take this session's cluster", "As it was asked for, at the size its use speaks for", self._take
        )
        self.save = _button("Save", "Put it into the notebook, and save that", self._save)
        self.save.button_style = "primary"
        self.again = _button("Load again", "Show what the notebook's file says", self.load)
        self.export = _button("Export", "Write the DAG's file", self._export)
        self.folder = ipywidgets.Text(description="Export to", value=".", tooltip="Folder of the DAG's file")
        taking, buttons = (
            ipywidgets.HBox(row) for row in ([self.take], [self.save, self.again, self.folder, self.export])
        )
        taking.add_class("buttons")
        buttons.add_class("buttons")
        heading = ipywidgets.HTML(html.heading(self._file.path.stem, "as a job"))
        rows = [heading, self._parameters, self.form.widget, taking, self._figures, self._wrong, buttons, self._line]
        self.widget = styled(rows)


_panels: dict[int, PipelinePanel] = {}


def panel_of_job(session: Session) -> PipelinePanel:
    """Return the session's panel, each time the same; what is in it and not saved stays.

    Raises
    ------
    NotebookError
        The notebook has not been saved yet.
    """
    if id(session) not in _panels:
        _panels[id(session)] = PipelinePanel(session)
    return _panels[id(session)]


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _parameters(file: NotebookFile) -> str:
    try:
        declared = declared_parameters(file.document)
    except NotebookError as error:
        return html.spoken(html.line_of(error))
    rows = [
        (p.name, p.type, "computed" if p.computed else repr(p.default), str(p.cell), p.help) for p in declared.values()
    ]
    return html.table("Parameters, as their cell declares them", ("name", "type", "default", "cell", "what"), rows)


def _figures(contract: Contract) -> list[tuple[str, str, str]]:
    tries = contract.job.retries + 1
    return [
        ("DAG", contract.name, contract.job.owner),
        ("Schedule", contract.job.schedule or "by hand", runs(contract.job.schedule, _now())),
        ("Cluster", in_words(contract.cluster), f"{money(contract.rate)} per hour"),
        ("A run", f"at most {money(contract.at_most)}", f"{tries} {'try' if tries == 1 else 'tries'} to the timeout"),
    ]


def _button(words: str, help: str, press: Any) -> Any:
    button = ipywidgets.Button(description=words, tooltip=help)
    button.on_click(lambda _: press())
    return button
