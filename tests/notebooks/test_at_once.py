"""In front of a person `up` is over at once: what needs the cluster waits for it, everything else goes on."""

from __future__ import annotations

import pytest

LOAD = "%load_ext dask_dataproc"


def noted(laptop, name: str) -> bool:
    """Whether a record on disk says that the cluster is a notebook's own."""
    return any(f'"{name}"' in path.read_text() for path in (laptop.state / "sessions").glob("*.json"))


@pytest.fixture
def live(kernel, notebook):
    """A live kernel with the extension loaded."""
    started = kernel(notebook)
    started.run(LOAD)
    return started


def test_the_cell_is_over_before_the_cluster_is_up_and_the_next_one_waits_for_it(live, faults, name):
    faults.ask("slow-create", seconds=3)
    live.run(f"%dask_cluster up --name {name}")
    shown = live.run("client").text
    assert live.run("client.submit(sum, [1, 2]).result()").text == "3"
    assert shown.startswith(f"client of {name}, to come: ")
    assert live.run("type(client).__name__, client is cluster.get_client()").text == "('Client', True)"
    assert f"{name} is up" in live.run("%dask_cluster up").text
    live.run("%dask_cluster down")


def test_what_dask_computes_by_default_waits_too_and_is_not_done_in_the_kernel(live, faults, name):
    faults.ask("slow-create", seconds=1)
    live.run("import dask, os; where = dask.delayed(os.getpid)()")
    live.run(f"%dask_cluster up --name {name}")
    assert live.run("where.compute() == os.getpid()").text == "False"
    assert live.run("kept = where.persist(); type(kept.dask[kept.key]).__name__").text == "'Future'"
    live.run("%dask_cluster down")
    assert live.run("dask.config.get('scheduler', None), where.compute() == os.getpid()").text == "(None, True)"


def test_the_client_is_there_as_soon_as_the_scheduler_is(live, faults, name):
    faults.ask("missing-worker", seconds=3)
    live.run(f"%dask_cluster up --name {name}")
    assert live.run("client.submit(sum, [1, 2]).result()").text == "3"
    assert "to come: workers" in live.run("cluster").text
    live.run("%dask_cluster down")


def test_down_gives_up_what_is_coming(laptop, live, faults, name):
    faults.ask("slow-create", seconds=30)
    live.run(f"%dask_cluster up --name {name}")
    laptop.until(lambda: name in laptop.clusters())
    assert live.run("%dask_cluster down").text == f"{name}: closed while it came up; nothing of it is left\n"
    assert name not in laptop.clusters()
    assert live.run("'client' in globals()").text == "False"


@pytest.mark.parametrize("another", ["up", "attach other"])
def test_a_second_one_is_refused_while_one_is_coming(live, faults, name, another):
    faults.ask("slow-create", seconds=30)
    live.run(f"%dask_cluster up --name {name}")
    assert live.run(f"%dask_cluster {another}").error.startswith("ClusterExists: one is coming up already: ")
    assert "nothing of it is left" in live.run("%dask_cluster down --all").text


def test_who_waits_for_a_cluster_that_fails_is_told_why_in_two_lines(laptop, live, faults, name):
    faults.ask("stockout", times=99)
    live.run(f"%dask_cluster up --name {name}")
    error = live.run("client.submit(sum, [1, 2])").error
    assert error.startswith("Stockout: ")
    assert len(error.splitlines()) == 2
    assert name not in laptop.clusters()
    faults.clear()
    live.run(f"%dask_cluster up --name {name}")
    assert live.run("client.submit(sum, [1, 2]).result()").text == "3"
    live.run("%dask_cluster down")


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_the_next_kernel_finds_what_the_last_one_began(laptop, live, faults, name, end):
    faults.ask("slow-create", seconds=3)
    live.run(f"%dask_cluster up --name {name}")
    laptop.until(lambda: noted(laptop, name))
    getattr(live, end)()
    live.run(LOAD)
    assert live.run("%dask_cluster up").text.startswith(f"{name} is up: 2 workers")
    assert live.run("client.submit(sum, [1, 2]).result()").text == "3"
    assert [record for record in laptop.clusters() if record == name]
    live.run("%dask_cluster down")


def test_a_kernel_shut_down_meanwhile_leaves_nothing(laptop, live, faults, name):
    faults.ask("slow-create", seconds=30)
    live.run(f"%dask_cluster up --name {name}")
    laptop.until(lambda: name in laptop.clusters())
    live.shutdown()
    laptop.until(lambda: name not in laptop.clusters())
    assert not laptop.machines(name)


def test_json_is_waited_for(live, name):
    assert f'"name": "{name}"' in live.run(f"%dask_cluster up --json --name {name}").text
    live.run("%dask_cluster down")


def test_what_failed_while_no_kernel_was_there_is_said_to_be_lost(laptop, live, faults, name):
    faults.ask("slow-create", seconds=2)
    faults.ask("stockout", times=99)
    live.run(f"%dask_cluster up --name {name}")
    laptop.until(lambda: noted(laptop, name))
    live.kill()
    laptop.until(lambda: laptop.clusters()[name].status == "ERROR")
    live.run(LOAD)
    live.hear(f"{name} is lost: {name} exists and is ERROR")
    live.run(f"%dask_cluster down {name}")
