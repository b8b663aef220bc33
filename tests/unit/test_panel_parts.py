"""The panel's thread, its acts and its HTML, each by itself."""

from __future__ import annotations

import itertools
import threading
import time

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.clusters.phases import UP, Phase
from dask_dataproc.magics import panel_html as html
from dask_dataproc.magics.panel_beat import PAUSE, Acts, Beat
from dask_dataproc.magics.panel_progress import rows


def test_however_often_it_is_woken_it_looks_at_most_four_times_a_second_and_not_after_its_end():
    looks: list[float] = []
    third = threading.Event()

    def tick() -> float:
        looks.append(time.monotonic())
        if len(looks) == 3:
            third.set()
        return 0.0

    beat = Beat(tick)
    beat.start()
    beat.start()
    while not third.is_set():
        beat.wake()
    beat.stop()
    beat._thread.join(5)
    assert not beat._thread.is_alive()
    assert all(after - before >= PAUSE * 0.95 for before, after in itertools.pairwise(looks))


def test_a_look_that_fails_is_not_the_last(caplog):
    again = threading.Event()
    looks: list[int] = []

    def tick() -> float:
        looks.append(1)
        if len(looks) == 1:
            raise RuntimeError("once")
        again.set()
        return 60.0

    beat = Beat(tick)
    beat.start()
    beat.wake()
    assert again.wait(10)
    beat.stop()
    assert "could not be painted" in caplog.text


def test_one_act_at_a_time_and_its_failure_is_told():
    told: list[object] = []
    go, over = threading.Event(), threading.Event()

    def ended(error: BaseException | None) -> None:
        told.append(error)
        over.set()

    acts = Acts(told.append, ended)
    assert acts.begin("first", lambda: go.wait(10)) is True
    assert acts.begin("second", lambda: told.append("never")) is False
    go.set()
    assert over.wait(10)
    assert told == ["first", None]
    over.clear()
    wrong = SpecError("workers: 1 given")
    acts.begin("third", lambda: (_ for _ in ()).throw(wrong))
    assert over.wait(10)
    assert told[2:] == ["third", wrong]


def test_what_others_wrote_is_shown_as_text():
    evil = "<script>alert('x')</script>\"onload=\""
    shown = [
        html.spoken(html.Line(evil, evil)),
        html.note(html.Line(evil)),
        html.tiles([(evil, evil, evil)]),
        html.steps([html.Row("running", evil, evil, evil)]),
        html.heading(evil, evil),
        html.links([(evil, evil)]),
        html.logs(evil),
    ]
    assert not any("<script>" in each or '"onload' in each for each in shown)


def test_a_failure_is_said_at_once_and_the_rest_when_there_is_time():
    assert 'role="alert"' in html.spoken(html.line_of(SpecError("no", "yes")))
    assert "Try: <code>yes</code>" in html.spoken(html.line_of(SpecError("no", "yes")))
    assert 'role="status"' in html.spoken(html.Line("well"))
    assert html.line_of(KeyError("a\nb")).text == "KeyError: 'a\\nb'"


def test_all_phases_have_their_row_from_the_beginning_so_that_nothing_jumps():
    begun = [rows([], {"boot": 2.0}, 10.0, 9.5)]
    begun.append(rows([Phase("service", 10.0, 0.1), Phase("admit", 10.1)], {"boot": 2.0}, 10.5, 9.5))
    assert [[row.name for row in each] for each in begun] == [["start", *UP]] * 2
    states = [row.state for row in begun[1]]
    assert states == ["done", "done", "running", *["to come"] * 6]
    assert next(row.seconds for row in begun[0] if row.name == "boot") == "about 2.0 s"


def test_a_stopped_cluster_that_is_started_and_a_retry_have_rows_of_their_own():
    phases = [Phase("create", 1.0, 1.0, failed=True), Phase("undo", 2.0, 1.0), Phase("start", 3.0)]
    named = [row.name for row in rows(phases, {}, 4.0, 0.5)]
    assert named[:4] == ["start", "create", "undo", "start"]
    assert named.count("create") == 1
