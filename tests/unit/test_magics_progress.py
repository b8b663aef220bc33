"""Phases as they are painted: bounded in number, complete at the end, from whichever thread they come."""

from __future__ import annotations

import io
import threading
import time

from dask_dataproc.clusters.phases import Phase, Phases
from dask_dataproc.magics.progress import PAUSE, LiveLine, PlainLines, Progress, Step, steps_bundle


class Canvas:
    """Keeps each painting and when it was made."""

    def __init__(self):
        self.paintings: list[tuple[float, list[Step]]] = []

    def paint(self, steps):
        self.paintings.append((time.monotonic(), list(steps)))


def test_a_flood_of_events_is_painted_at_most_four_times_a_second_and_in_full_at_the_end():
    canvas = Canvas()
    begun = time.monotonic()
    with Progress(canvas) as progress:
        while time.monotonic() - begun < 0.6:
            progress(Phase("workers", begun, detail=f"{time.monotonic()}"))
        progress(Phase("workers", begun, 0.6, "2 of 2"))
    took = time.monotonic() - begun
    assert len(canvas.paintings) <= took / PAUSE + 2  # the first, and the last
    assert canvas.paintings[-1][1] == [Step("workers", "2 of 2", "done", 0.6)]


def test_phases_come_from_another_thread_in_the_order_they_began():
    canvas = Canvas()
    with Progress(canvas) as progress:
        phases = Phases(progress)

        def up() -> None:
            for name in ("stage", "create"):
                with phases.phase(name, "said"):
                    pass

        thread = threading.Thread(target=up)
        thread.start()
        thread.join()
    assert [(step.name, step.state) for step in canvas.paintings[-1][1]] == [("stage", "done"), ("create", "done")]


def test_a_running_phase_shows_how_long_it_has_taken_so_far():
    progress = Progress(Canvas())
    progress(Phase("boot", time.time()))
    first = progress.steps()[0].seconds
    assert progress.steps()[0].state == "running"
    assert progress.steps()[0].seconds > first


def test_plain_lines_say_each_phase_once_when_it_is_over():
    said: list[str] = []
    lines = PlainLines(said.append)
    running, done = Step("boot", "", "running", 1.0), Step("boot", "", "done", 1.25)
    for steps in ([running], [done], [done, Step("ready", "quota", "failed", 0.5)]):
        lines.paint(steps)
    assert said == ["boot        1.25 s", "ready       0.50 s  failed: quota"]


def test_a_terminal_has_the_lines_that_are_over_and_one_that_moves():
    terminal = io.StringIO()
    live = LiveLine(terminal)
    live.paint([Step("boot", "", "running", 0.5)])
    live.paint([Step("boot", "", "done", 1.0)])
    shown = [line.rpartition("\x1b[2K")[2] for line in terminal.getvalue().split("\n")]
    assert shown == ["boot        1.00 s", ""]


def test_the_bundle_escapes_what_a_service_said():
    bundle = steps_bundle([Step("create", "<b>no</b>", "failed", 0.1)])
    assert "&lt;b&gt;" in bundle["text/html"]
    assert "<b>no" in bundle["text/plain"]


def test_before_the_first_phase_it_says_that_it_starts_and_nothing_of_that_stays():
    painted = []

    class Painter:
        def paint(self, steps):
            painted.append([step.name for step in steps])

    progress = Progress(Painter())
    assert [step.name for step in progress.steps()] == ["start"]
    with progress:
        pass
    assert painted[-1] == []


def test_a_phase_that_comes_again_after_a_stockout_is_a_step_of_its_own():
    written: list[str] = []
    with Progress(PlainLines(written.append)) as progress:
        phases = Phases(progress)
        for name, detail in (("create", "in a"), ("retry", "a is out; next in b"), ("create", "in b")):
            with phases.phase(name, detail):
                pass
    assert [line.split(" s  ")[1] for line in written] == ["in a", "a is out; next in b", "in b"]
