"""The fleet and its trail in a real kernel: as a table that a notebook shows, and as text for whoever reads that."""

from __future__ import annotations

from dask_dataproc.clusters.config import user


def test_a_notebook_shows_the_fleet_and_says_through_which_notebook_a_cluster_was_made(kernel, notebook, name):
    running = kernel(notebook)
    running.run("%load_ext dask_dataproc")
    assert running.run(f"%dask_cluster up --workers 0 --name {name} --wait").error == ""
    fleet = running.run("%dask_cluster fleet")
    assert f"{name}  {user()}" in fleet.text
    assert 'class="dask-dataproc-panel view"' in fleet.html
    assert f'<td class="name">{name}</td>' in fleet.html
    audit = running.run(f"%dask_cluster audit --cluster {name}")
    assert f"notebook {notebook}" in audit.text
    assert "<th" in audit.html
    assert "doctor --daily" not in running.run("%dask_cluster doctor --daily").html
    assert "--since" in running.complete("%dask_cluster audit --si")[0]
    assert running.run("%dask_cluster down").error == ""
