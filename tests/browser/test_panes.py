"""A cluster that is ready has its dashboards beside its notebook, and no message of a kernel does anything else."""

from __future__ import annotations

from .lab import PREFIX

UP = "%load_ext dask_dataproc\n%dask_cluster up --name {name} --workers 2"
LAYOUT = {"Task Stream", "Workers Memory", "Progress"}
ASK = """from comm import create_comm
comm = create_comm(target_name="dask-dataproc", data={data!r})"""

ELSE = (
    {"open": "dashboards", "cluster": "../../api/shutdown"},
    {"open": "dashboards", "cluster": "a\nb"},
    {"open": "dashboards", "cluster": {"toString": "x"}},
    {"open": "dashboards", "cluster": ["dask-ana-1"]},
    {"open": "dashboards"},
    {"open": "filebrowser:delete", "cluster": "dask-ana-1"},
    {"command": "dask:launch-cluster", "args": {}},
    {},
)


def test_dashboards_open_beside_the_notebook_and_move(page, lab, notebook, name):
    page.open(lab.write(notebook))
    page.begin(UP.format(name=name))
    stream = page.plot("individual-task-stream")
    assert set(page.panes()) == LAYOUT
    page.run("import time; client.gather(client.map(lambda i: time.sleep(0.01) or i, range(20), pure=False))[-1]")
    before = stream.until_more_than(0)
    page.run("client.gather(client.map(lambda i: time.sleep(0.01) or i, range(40), pure=False))[-1]")
    stream.until_more_than(before)
    page.shot("dashboards")
    assert f"{PREFIX}proxy/dask-dataproc/{name}/" in stream.frame.url


def test_panes_leave_the_notebook_where_it_is_and_the_cursor_in_its_cell(page, lab, notebook, name):
    page.open(lab.write(notebook))
    page.begin(UP.format(name=name))
    at = page.type_in_a_new_cell("answer = ")
    page.plot("individual-task-stream")
    page.tab.keyboard.type("42")
    assert page.source(at) == "answer = 42"
    here = page.place()
    assert here["width"] > 300
    for there in page.panes().values():
        assert there["left"] >= here["right"] - 1


def test_panes_wait_until_their_notebook_is_looked_at(page, lab, notebook, name):
    page.open(lab.write(notebook))
    page.open_too(lab.write(f"other-{notebook}"))
    page.notebook = notebook
    page.run_unseen(UP.format(name=name) + " --wait")
    assert page.panes() == {}
    page.show(notebook)
    page.plot("individual-task-stream")


def test_a_message_that_asks_for_anything_else_does_nothing(page, lab, notebook):
    page.open(lab.write(notebook))
    page.commands_from_now()
    for data in ELSE:
        page.run(ASK.format(data=data))
    page.run("comm.close()")
    assert page.commands_since() == []


def test_dashboards_are_still_there_after_a_reload_however_late_the_workspace_comes(page, lab, notebook, name):
    page.open(lab.write(notebook))
    page.begin(UP.format(name=name))
    page.plot("individual-task-stream")
    page.save()
    held = []
    page.tab.route("**/lab/api/workspaces/**", lambda route: held.append(route))
    with page.tab.expect_response("**/individual-plots.json*"):
        page.tab.reload()
    for route in held:
        route.continue_()
    page.tab.unroute_all()
    page.opened()
    stream = page.plot("individual-task-stream")
    before = stream.points
    page.run(f"client.gather(client.map(abs, range({before + 20}), pure=False))[-1]")
    stream.until_more_than(before)
