"""`%dask_cluster` in a headless kernel and in a live one: what lands in the notebook, what is shown, what is raised."""

from __future__ import annotations

import json
import re

import pytest
from nbclient.exceptions import CellExecutionError

from dask_dataproc.clusters.phases import UP

LOAD = "%load_ext dask_dataproc"
PHASE = rf"({'|'.join(UP)}) +\d+\.\d\d s.*"


def texts(document) -> list[str]:
    return [
        "".join(out.get("text", "") or out["data"]["text/plain"] for out in cell.outputs) for cell in document.cells
    ]


def test_up_leaves_client_and_cluster_and_a_line_for_each_phase(execute, name):
    document = execute(LOAD, f"%dask_cluster up --name {name}", "client.submit(sum, [1, 2]).result()", "cluster.name")
    loaded, up, three, cluster = texts(document)
    assert loaded == ""
    *phases, last = up.splitlines()
    assert len(phases) == len(UP)
    assert all(re.fullmatch(PHASE, line) for line in phases), up
    price = r"\$0\.\d\d per hour in the cloud, nothing here"
    assert re.fullmatch(rf"{name} is up: 2 workers, {price}; client and cluster are ready", last)
    assert (three, cluster) == ("3", repr(name))


def test_the_end_of_a_headless_run_deletes_its_cluster(laptop, execute, name):
    execute(LOAD, f"%dask_cluster up --name {name}")
    laptop.until(lambda: name not in laptop.clusters())


def test_keep_outlives_a_headless_run(laptop, execute, name):
    execute(LOAD, f"%dask_cluster up --name {name} --keep")
    assert laptop.clusters()[name].status in ("RUNNING", "UPDATING")
    execute(LOAD, f"%dask_cluster down {name}")
    assert name not in laptop.clusters()


def test_an_expected_failure_stops_a_headless_run_with_its_line_and_hint(execute):
    with pytest.raises(CellExecutionError) as raised:
        execute(LOAD, "%dask_cluster up --workers 1", "raise AssertionError('went on')")
    assert raised.value.ename == "SpecError"
    assert "went on" not in raised.value.traceback
    shown = raised.value.traceback
    assert "SpecError: workers: 1 given, allowed is 0 (single node) or 2 and more\n  Try:  workers=2" in shown
    assert "Traceback" not in shown


def test_an_unexpected_failure_keeps_its_traceback(kernel):
    live = kernel()
    live.run(LOAD)
    live.run("import dask_dataproc.clusters.config as config; config.resolve = None")
    shown = live.run("%dask_cluster up").error
    assert "Traceback (most recent call last)" in shown
    assert "TypeError" in shown


def test_a_second_up_in_the_notebook_says_that_there_is_one(execute, name):
    up = f"%dask_cluster up --name {name}"
    document = execute(LOAD, up, "first = cluster", up, "first is cluster", "%dask_cluster up --workers 3")
    *_, again, same, larger = texts(document)
    assert again.startswith(f"{name} is up: 2 workers")
    assert same == "True"
    assert "%dask_cluster scale 3 makes it 3" in larger


def test_down_takes_the_names_out_of_the_notebook_unless_they_are_somebody_elses_by_now(laptop, execute, name):
    document = execute(
        LOAD,
        f"%dask_cluster up --name {name} --client-name c --cluster-name k",
        "c_was_there, k = 'c' in globals(), 'mine'",
        "%dask_cluster down",
        "c_was_there, 'c' in globals(), k",
    )
    assert texts(document)[-2:] == [f"{name} is deleted\n", "(True, False, 'mine')"]
    assert name not in laptop.clusters()


def test_status_shows_state_workers_memory_price_cost_and_lease_as_text_and_html(execute, name):
    document = execute(LOAD, f"%dask_cluster up --name {name}", "%dask_cluster status", "%dask_cluster status --json")
    shown = document.cells[2].outputs[0].data
    expected = rf"""name            {name}
place           local/us-central1
state           RUNNING
workers         2 of 2, \d+ threads
memory          [\d.]+ \w+ of [\d.]+ GiB
price per hour  \$0\.\d\d
cost so far     \$0\.0\d
lease left      \d+ min
dashboard       http://127\.0\.0\.1:\d+/status"""
    assert re.fullmatch(expected, shown["text/plain"])
    assert f">{name}</td>" in shown["text/html"]
    known = json.loads(document.cells[3].outputs[0].text)
    assert (known["name"], known["registered"], known["status"]) == (name, 2, "RUNNING")


def test_a_live_notebook_has_one_display_whose_last_state_stays(kernel, name, notebook):
    live = kernel(notebook)
    live.run(LOAD)
    up = live.run(f"%dask_cluster up --wait --name {name}")
    assert up.html.count("✓") == len(UP)
    assert "…" not in up.html
    assert len(re.findall(PHASE, up.text)) == len(UP)
    assert f"{name} is up" in up.text


def test_an_interrupted_up_leaves_nothing(laptop, kernel, name, notebook):
    live = kernel(notebook)
    live.run(LOAD)
    ran = live.interrupt(f"%dask_cluster up --wait --workers 4 --name {name}", when="service")
    assert ran.error == "KeyboardInterrupt"
    assert name not in laptop.clusters()
    assert live.run("'cluster' in globals()").text == "False"
    live.run(f"%dask_cluster up --wait --name {name}")
    assert live.run("client.submit(sum, [1, 2]).result()").text == "3"


def test_an_interrupt_while_a_stockout_is_answered_leaves_nothing(laptop, faults, kernel, name, notebook):
    live = kernel(notebook)
    live.run(LOAD)
    faults.ask("slow-create", times=9, seconds=5)  # each attempt takes longer than the display needs to be seen
    faults.ask("stockout", times=9)
    ran = live.interrupt(f"%dask_cluster up --wait --name {name}", when="next in us-central1-a")
    assert ran.error == "KeyboardInterrupt"
    assert name not in laptop.clusters()
    assert not laptop.machines(name)


def test_in_a_job_up_attaches_to_the_runs_cluster_and_down_leaves_it(laptop, execute, name):
    execute(LOAD, f"%dask_cluster up --name {name} --keep")
    run = {"cluster": name, "project": "local", "region": "us-central1"}
    document = execute(
        f"dask_dataproc_run = {run}",
        LOAD,
        "%dask_cluster up --workers 7 --name another",
        "client.submit(sum, [1, 2]).result(), cluster.name",
        "%dask_cluster down",
    )
    *_, up, used, down = texts(document)
    assert f"This run is a job: client and cluster are on {name}, made and deleted by its DAG" in up
    assert used == f"(3, '{name}')"
    assert down == f"This run is a job: let go of {name}, its DAG deletes it\n"
    assert set(laptop.clusters()) >= {name}
    execute(LOAD, f"%dask_cluster down {name}")


def test_help_is_asked_for_with_a_question_mark(execute):
    document = execute(LOAD, "%dask_cluster?", "%dask_cluster up?", "%dask_pipeline?")
    _, verbs, up, pipeline = texts(document)
    assert "  scale      " in verbs
    assert up.startswith("Usage: %dask_cluster up [OPTIONS]")
    assert "--worker-machine" in up
    assert "export" in pipeline


def test_tab_offers_verbs_options_choices_and_clusters(kernel, name):
    live = kernel()
    live.run(LOAD)
    live.run(f"%dask_cluster up --wait --name {name}")
    assert "scale" in live.complete("%dask_cluster s")
    assert "--worker-machine" in live.complete("%dask_cluster up --work")
    assert live.complete("%dask_cluster up --queue b") == ["batch", "background"]
    assert name in live.complete("%dask_cluster status t-")
