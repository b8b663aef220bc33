"""`%dask_cluster` without a verb, in a live kernel on a real emulator; its buttons are pressed by code."""

from __future__ import annotations

import json
import re

import pytest

from dask_dataproc.clusters.fleet import delete_cluster, stop_cluster

LOAD = "%load_ext dask_dataproc"
PANEL = """
from dask_dataproc.kernel_ext.session import session_of
from dask_dataproc.magics.panels import panel_of_session
panel = panel_of_session(session_of(get_ipython()))
panel.form.open()
import time
def until(holds, timeout=60):
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, panel._view
        time.sleep(0.02)
"""
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def live(kernel, notebook):
    """A kernel of a notebook, with the panel in the variable ``panel``."""
    live = kernel(notebook)
    live.run(LOAD)
    live.run("%dask_cluster")
    assert live.run(PANEL).error == ""
    return live


def recorded(laptop, name):
    """Whether the record of a notebook on disk names the cluster."""
    return any(name in path.read_text() for path in (laptop.state / "sessions").glob("*.json"))


def value(live, expression):
    ran = live.run(f"import json; print(json.dumps({expression}))")
    assert not ran.error, ran.error
    return json.loads(ran.text)


def test_without_a_verb_there_is_a_panel_that_a_saved_notebook_keeps_as_text_and_table(kernel, notebook):
    live = kernel(notebook)
    live.run(LOAD)
    asked = live.client.execute("%dask_cluster")
    bundles = []
    while True:
        message = live.client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "display_data":
            bundles.append(message["content"]["data"])
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            break
    (bundle,) = bundles
    assert set(bundle) == {"text/plain", "text/html", WIDGET}
    assert "%dask_cluster shows it" in bundle["text/plain"]
    assert "<table>" in bundle["text/html"]


def test_headless_there_is_the_help(execute):
    document = execute(LOAD, "%dask_cluster")
    (out,) = document.cells[1].outputs
    assert "Ephemeral Dask clusters" in out["text"]


def test_create_brings_a_cluster_up_and_down_ends_it_with_what_it_cost(live):
    live.run("until(lambda: not panel._dirty); panel.create.click()")
    assert live.run("until(lambda: panel._view == 'running')").error == ""
    name = value(live, "cluster.name")
    assert live.run("client.submit(sum, [1, 2]).result()").text == "3"
    assert live.run("until(lambda: '1 done' in panel.running._facts.value)").error == ""
    live.run("panel.running.workers.value = 3; panel.running.scale.click()")
    assert live.run("until(lambda: '3 of 3' in panel.running._facts.value)").error == ""
    live.run("panel.running.down.click()")
    assert value(live, "panel.running.down.description") == "Press again to delete"
    live.run("panel.running.down.click()")
    assert live.run("until(lambda: panel._view == 'form')").error == ""
    said = value(live, "panel._line.value")
    assert f"{name} is deleted; it cost $0.00" in said
    assert value(live, "'cluster' in globals()") is False


def test_until_the_cluster_has_gone_the_panel_says_that_it_goes_and_a_cell_makes_no_other(live, laptop, faults, name):
    live.run(f"%dask_cluster up --wait --name {name}")
    live.run("until(lambda: panel._view == 'running'); held = cluster")
    faults.ask("throttle", times=1000, method="delete_cluster", cluster=name)
    live.run("panel.running.down.click(); panel.running.down.click(); until(lambda: held.status.name == 'closed')")
    look = "seen = panel.beat.busy; until(lambda: panel.beat.busy > seen)"
    assert live.run(f"{look}\n{look}").error == ""
    assert value(live, "panel._view") == "running"
    assert "Deleting it" in value(live, "panel.running._line.value")
    assert f"{name} is going down: wait until it has gone" in live.run("%dask_cluster up").error
    assert recorded(laptop, name)
    faults.clear()
    assert live.run("until(lambda: panel._view == 'form')").error == ""
    assert name not in laptop.clusters()
    assert f"{name} is deleted; it cost $0.0" in value(live, "panel._line.value")
    assert not recorded(laptop, name)


def test_a_deletion_that_fails_says_why_where_one_looks_and_the_next_kernel_has_the_cluster(live, laptop, faults, name):
    live.run(f"%dask_cluster up --wait --name {name}")
    live.run("until(lambda: panel._view == 'running')")
    faults.ask("permission", method="delete_cluster", cluster=name)
    live.run("panel.running.down.click(); panel.running.down.click(); until(lambda: not panel._acts._free.locked())")
    assert live.run("until(lambda: panel._view == 'form')").error == ""
    assert "dataproc.clusters.delete" in value(live, "panel._line.value")
    assert name in laptop.clusters()
    live.restart()
    live.run(LOAD)
    live.hear(f"Reattached to {name}")
    assert live.run("%dask_cluster down").text == f"{name} is deleted\n"


def test_a_create_beside_an_act_that_is_under_way_is_not_swallowed(live):
    live.run("import threading; go = threading.Event(); panel._acts.begin('Scaling …', go.wait)")
    live.run("until(lambda: not panel._dirty); panel.create.click()")
    assert value(live, "panel._view") == "form"
    assert "still under way" in value(live, "panel._line.value")
    live.run("go.set(); until(lambda: not panel._acts._free.locked()); panel.create.click()")
    assert live.run("until(lambda: panel._view == 'running')").error == ""


def test_a_scale_out_of_bounds_says_its_line_and_changes_nothing(live):
    live.run("until(lambda: not panel._dirty); panel.create.click(); until(lambda: panel._view == 'running')")
    live.run("panel.running.workers.value = 900; panel.running.scale.click()")
    assert live.run("until(lambda: 'allowed is' in panel.running._line.value)").error == ""
    assert "scale: 900 given, allowed is a whole number, 2 to 10" in value(live, "panel.running._line.value")
    assert value(live, "cluster.record.total_workers") == 2


@pytest.mark.parametrize("moment", ["at once", "boot"])
def test_cancel_leaves_nothing(live, laptop, faults, moment):
    faults.ask("slow-create", seconds=30)
    wait = "pass" if moment == "at once" else f"until(lambda: '{moment}' in panel.progress._line.value)"
    live.run("panel.form.controls['name'].input.value = 't-cancelled'; until(lambda: not panel._dirty)")
    live.run(f"panel.create.click(); {wait}\npanel.progress.cancel.click()")
    assert live.run("until(lambda: panel._failed)").error == ""
    assert "Given up: nothing of it is left" in value(live, "panel.progress._line.value")
    assert "t-cancelled" not in laptop.clusters()
    live.run("panel.progress.back.click()")
    assert value(live, "panel._view") == "form"


def test_a_wrong_field_is_said_before_it_is_pressed_and_create_does_nothing(live, laptop):
    live.run("panel.form.controls['workers'].input.value = 1; until(lambda: panel.create.disabled)")
    assert "workers: 1 given, allowed is 0 (single node) or 2 and more" in value(live, "panel.quote._line.value")
    live.run("panel.create.click()")
    assert value(live, "panel._view") == "form"


def test_a_failure_on_the_way_up_is_one_line_with_its_hint_and_a_way_back(live, faults):
    faults.ask("init-action")
    live.run("until(lambda: not panel._dirty); panel.create.click()")
    assert live.run("until(lambda: panel._failed)").error == ""
    assert 'role="alert"' in value(live, "panel.progress._line.value")


def test_data_is_measured_and_the_form_takes_the_recommendation_over(live, tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("a,b\n" + "1,2\n" * 1000)
    live.run(f"panel.form.data.input.value = {str(table)!r}; panel.form.measure.click()")
    assert live.run("until(lambda: 'Sized for' in panel.form.data._note.value)").error == ""
    assert value(live, "panel.form.controls['input_bytes'].input.value") == table.stat().st_size
    live.run("panel.form.data.input.value = '/nowhere.csv'; panel.form.measure.click()")
    assert live.run("until(lambda: 'note fails' in panel.form.data._note.value)").error == ""
    assert "/nowhere.csv" in value(live, "panel.form.data._note.value")


def test_a_way_up_that_a_cell_began_is_shown_too(live, name):
    live.run(f"%dask_cluster up --name {name}")
    assert live.run("until(lambda: panel._view == 'running')").error == ""
    assert name in value(live, "panel.running._head.value")
    live.run("%dask_cluster down")
    assert live.run("until(lambda: panel._view == 'form')").error == ""
    assert f"{name} has ended" in value(live, "panel._line.value")


def ended_beside(live, name: str, end) -> str:
    """Have a cluster come up and somebody else ``end`` it; return what the panel says of that."""
    live.run(f"%dask_cluster up --name {name}")
    live.run("until(lambda: panel.running.cost)")
    end(name, project="local", region="us-central1")
    assert live.run("until(lambda: panel._view == 'form')").error == ""
    return value(live, "panel._line.value")


def test_a_cluster_that_somebody_else_deletes_is_said_to_be_gone_with_its_cost(live, laptop, name):
    with laptop.here():
        said = ended_beside(live, name, delete_cluster)
    assert f"{name} is gone" in said
    assert "it cost $0.00" in said
    assert value(live, "panel.create.disabled") is False


def test_a_cluster_that_somebody_else_stops_is_not_said_to_be_gone(live, laptop, name):
    with laptop.here():
        said = ended_beside(live, name, stop_cluster)
        assert re.search(f"{name} is (STOPPED|STOPPING): it stays, and costs, until it is deleted", said), said
        delete_cluster(name, project="local", region="us-central1")


def test_the_next_notebook_starts_from_what_the_last_cluster_was_asked_to_be(live, kernel, name):
    live.run(f"panel.form.controls['name'].input.value = {name!r}; panel.form.controls['workers'].input.value = 3")
    live.run("until(lambda: not panel._dirty); panel.create.click(); until(lambda: panel._view == 'running')")
    live.run("panel.running.down.click(); panel.running.down.click(); until(lambda: panel._view == 'form')")
    other = kernel(f"/home/ana/{name}.ipynb")
    for cell in (LOAD, "%dask_cluster", PANEL):
        other.run(cell)
    assert value(other, "panel.form.fields()") == {"workers": 3}


def test_it_is_painted_while_a_cell_blocks(live, name):
    live.run(f"%dask_cluster up --name {name}")
    live.run("until(lambda: panel._view == 'running')")
    blocked = "end = time.monotonic() + 2.5\nwhile time.monotonic() < end: sum(range(1000))"
    assert live.run(f"seen = panel.running._facts.value\n{blocked}\nseen != panel.running._facts.value").text == "True"


def test_nothing_stays_behind_when_the_extension_is_unloaded(live):
    count = "sum(t.name == 'dask-dataproc-panel' for t in __import__('threading').enumerate())"
    assert value(live, count) == 1
    live.run("%dask_cluster")
    assert value(live, count) == 1
    live.run("%unload_ext dask_dataproc\nuntil(lambda: not panel.beat._thread.is_alive())")
    assert value(live, count) == 0
    assert value(live, "panel.widget.comm is None") is True


def test_a_cluster_made_by_hand_has_a_panel_of_its_own(live, laptop, name):
    live.run(f"from dask_dataproc import DataprocCluster; mine = DataprocCluster(name={name!r}, local=True)")
    assert live.run("alone = mine.panel(); alone is not panel").text == "True"
    assert live.run("alone.bundle(); until(lambda: '2 of 2' in alone.running._facts.value)").error == ""
    live.run("alone.running.down.click(); alone.running.down.click()")
    assert live.run("until(lambda: 'is deleted' in alone._line.value)").error == ""
    assert name not in laptop.clusters()


def test_after_a_restart_the_panel_shows_the_notebooks_cluster_again(live, name):
    live.run(f"%dask_cluster up --name {name}")
    live.run("until(lambda: panel._view == 'running')")
    looking = "while True: session.cluster; time.sleep(0.001)"
    live.run("import threading; session = session_of(get_ipython())")
    live.run(f"threading.Thread(target=exec, args=({looking!r}, globals()), daemon=True).start()")
    live.restart()
    for cell in (LOAD, "%dask_cluster", PANEL):
        live.run(cell)
    assert live.run("until(lambda: panel._view == 'running')").error == ""
    assert name in value(live, "panel.running._head.value")
    assert value(live, "client.submit(sum, [1, 2]).result()") == 3
