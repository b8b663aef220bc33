"""What becomes of a notebook's cluster when its kernel is restarted, shut down, killed, or was never its only one."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

LOAD = "%load_ext dask_dataproc"
BESIDE = """
from dask_dataproc import ClusterExists
from dask_dataproc.clusters.config import resolve
from dask_dataproc.kernel_ext.session import session_of
session = session_of(get_ipython())
said = {{}}
def begin(*_):
    try:
        session.begin(resolve(dict(), local=True), ("another", "one"))
    except ClusterExists as error:
        said[str(error)] = True
session.attach("{name}", ("client", "cluster"), on_phase=begin, project="local", region="us-central1")
begin()
print(*said, sep="\\n")
"""


def up(name: str) -> str:
    return f"%dask_cluster up --wait --name {name}"


def test_a_restarted_kernel_finds_its_cluster_again_and_says_so_in_one_line(kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run(f"{up(name)} --client-name c")
    before = live.run("cluster.record.uuid").text
    live.restart()
    live.run(f"{LOAD}\nfrom distributed import Client")  # while the thread that finds it imports Dask
    assert live.run("%dask_cluster up").text.startswith(f"{name} is up: 2 workers")
    assert live.said.splitlines()[0] == f"Reattached to {name}, made by this notebook: c and cluster are back"
    assert live.run("c.submit(sum, [1, 2]).result()").text == "3"
    assert live.run("cluster.record.uuid").text == before
    live.run("%dask_cluster down")


def test_to_load_the_extension_again_finds_no_second_cluster(laptop, kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run(up(name))
    live.run("%reload_ext dask_dataproc")
    assert f"{name} is up" in live.run("%dask_cluster up").text
    session = "from dask_dataproc.kernel_ext.session import session_of; session = session_of(get_ipython())"
    assert live.run(f"{session}\n[each['cluster'] for each in session.costs()]").text == f"['{name}']"
    live.run("%dask_cluster down --keep")
    live.shutdown()
    assert name in laptop.clusters()
    other = kernel()
    other.run(LOAD)
    other.run(f"%dask_cluster down {name}")


def test_while_a_cell_attaches_to_a_cluster_nothing_begins_another(laptop, kernel, notebook, name):
    shell, live = kernel(), kernel(notebook)
    shell.run(f"!{Path(sys.executable).with_name('dask')} dataproc up --name {name} --lifetime 10m")
    live.run(LOAD)
    ran = live.run(BESIDE.format(name=name))
    assert ran.text == f"this notebook attaches to {name} just now\nthis notebook has {name} already\n", ran.error
    assert list(laptop.clusters()) == [name]
    live.run(f"%dask_cluster down {name}")


def test_a_notebook_that_was_renamed_meanwhile_keeps_its_cluster_and_its_namesake_gets_none(kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run(up(name))
    live.rename(f"/home/ana/renamed-{name}.ipynb")
    live.run(LOAD)
    assert live.run("%dask_cluster up").text.startswith(f"{name} is up: 2 workers")
    other = kernel(notebook)
    other.run(LOAD)
    assert other.run("'cluster' in globals()").text == "False"
    live.run("%dask_cluster down")


def test_loading_waits_for_nothing(kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run(up(name))
    live.restart()
    timed = "import time; t = time.perf_counter(); get_ipython().run_line_magic('load_ext', 'dask_dataproc')"
    assert float(live.run(f"{timed}; print(time.perf_counter() - t)").text.splitlines()[0]) < 0.3
    assert "is deleted" in live.run("%dask_cluster down").text


def test_a_kernel_shut_down_by_a_person_deletes_its_cluster(laptop, kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run(up(name))
    live.shutdown()
    laptop.until(lambda: name not in laptop.clusters())


def test_a_shutdown_deletes_while_a_cell_is_busy(laptop, kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run(up(name))
    live.client.execute("try:\n    import time; time.sleep(600)\nexcept KeyboardInterrupt:\n    time.sleep(600)")
    live.shutdown()
    laptop.until(lambda: name not in laptop.clusters())


def test_a_kept_cluster_outlives_its_kernel_for_its_lifetime(laptop, kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run(f"{up(name)} --keep --lifetime 3h")
    live.shutdown()
    record = laptop.clusters()[name]
    assert 2.9 * 3600 < record.lease_expires - record.created <= 3 * 3600 + 60
    live = kernel(notebook)
    live.run(LOAD)
    assert "is deleted" in live.run("%dask_cluster down").text


def test_a_killed_kernels_cluster_is_found_by_the_notebooks_next_kernel(kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run(up(name))
    live.kill()
    live.run(LOAD)
    assert live.run("%dask_cluster down").text == f"{name} is deleted\n"


def test_a_cluster_that_has_gone_meanwhile_is_said_to_be_gone(laptop, kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run(up(name))
    live.kill()
    other = kernel()
    other.run(LOAD)
    assert other.run(f"%dask_cluster down {name}").text == f"{name} is deleted\n"
    live.run(LOAD)
    assert "ClusterNotFound" in live.run("%dask_cluster status").error
    said = rf"{name} is gone: its lease has ended, or it was deleted; it cost \$0\.0\d at list prices"
    assert re.search(said, live.said), live.said
    assert not list((laptop.state / "sessions").glob("*.json"))


def test_two_kernels_of_one_notebook_do_not_share_a_cluster(kernel, notebook, name):
    first, second = kernel(notebook), kernel(notebook)
    first.run(LOAD)
    first.run(up(name))
    second.run(LOAD)
    assert second.run("'cluster' in globals()").text == "False"
    second.shutdown()
    assert first.run("client.submit(sum, [1, 2]).result()").text == "3"
    first.run("%dask_cluster down")


def test_another_notebook_leaves_what_it_attached_to(laptop, kernel, notebook, name):
    owner, guest = kernel(notebook), kernel("/home/ana/another.ipynb")
    owner.run(LOAD)
    owner.run(up(name))
    guest.run(LOAD)
    assert f"Attached to {name}" in guest.run(f"%dask_cluster attach {name}").text
    assert guest.run("client.submit(sum, [1, 2]).result()").text == "3"
    guest.shutdown()
    assert laptop.clusters()[name].status in ("RUNNING", "UPDATING")
    assert owner.run("%dask_cluster down").text == f"{name} is deleted\n"


def test_a_notebook_that_attaches_takes_over_the_lease_of_a_shells_cluster(laptop, kernel, notebook, name):
    shell = kernel()
    shell.run(f"!{Path(sys.executable).with_name('dask')} dataproc up --name {name} --lifetime 10m")
    before = laptop.clusters()[name].lease_expires
    live = kernel(notebook)
    live.run(LOAD)
    live.run(f"%dask_cluster attach {name}")
    assert laptop.clusters()[name].lease_expires > before + 600
    live.run(f"%dask_cluster down {name}")


def test_the_record_is_its_owners_alone(laptop, kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run(up(name))
    records = list((laptop.state / "sessions").glob("*.json"))
    assert [stat.S_IMODE(record.stat().st_mode) for record in records] == [0o600]
    assert "PRIVATE" not in records[0].read_text()
    live.run("%dask_cluster down")
    assert not records[0].exists()


def test_ipython_in_a_terminal_deletes_its_cluster_when_it_ends(laptop, name):
    script = f"""
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        shell.run_line_magic("load_ext", "dask_dataproc")
        shell.run_line_magic("dask_cluster", "up --name {name}")
    """
    said, _ = laptop.start(script).communicate(timeout=120)
    assert f"{name} is up" in said
    assert name not in laptop.clusters()


def test_a_kernel_started_from_a_live_one_is_headless(laptop, kernel, notebook, name):
    live = kernel(notebook)
    live.run(LOAD)
    live.run("%dask_cluster emulator status")
    cells = [LOAD, up(name), "print(get_ipython().run_line_magic('dask_pipeline', 'run'))"]
    ran = live.run(
        "import nbclient, nbformat\n"
        f"document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in {cells!r}])\n"
        "await nbclient.NotebookClient(document, timeout=100, kernel_name='python3').async_execute()"
    )
    assert "this kernel does not know its own" in ran.error
    laptop.until(lambda: name not in laptop.clusters())
