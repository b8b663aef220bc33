"""What a Jupyter server tells a front end of the clusters there are, and what it never tells."""

from __future__ import annotations

import json
from typing import Any

from dask_dataproc import DataprocCluster
from dask_dataproc.clusters.connection import find
from dask_dataproc.clusters.sync import run


def clusters(server: Any) -> list[dict[str, Any]]:
    return server.ask(f"{server.base}dask-dataproc/clusters").json()


def test_the_clusters_are_listed_with_their_price_and_dashboard(server, cluster):
    answer = server.ask(f"{server.base}dask-dataproc/clusters")
    [told] = [each for each in answer.json() if each["name"] == cluster.name]
    record = cluster.record
    assert (told["status"], told["workers"], told["owner"]) == ("RUNNING", 2, record.owner)
    assert (told["project"], told["region"], told["created"]) == ("local", "us-central1", record.created)
    assert told["price_per_hour"] == cluster.price_per_hour
    assert told["dashboard"] == f"{server.base}proxy/dask-dataproc/{cluster.name}/status"
    assert told["gateway"] == {}
    assert answer.headers["Content-Type"].startswith("application/json")


def test_neither_keys_nor_metadata_are_told(server, cluster):
    said = server.ask(f"{server.base}dask-dataproc/clusters").text
    keys = run(find(cluster.record.staging, cluster.record.uuid))
    assert "dask-spec" not in said
    assert cluster.record.staging not in said
    assert json.dumps(keys.key)[1:80] not in said


def test_a_cluster_with_component_gateway_has_its_pages_there(server, laptop):
    with DataprocCluster(workers=0, component_gateway=True) as cluster:
        found = laptop.until(lambda: {each["name"]: each["gateway"] for each in clusters(server)}.get(cluster.name))
        host = f"https://{cluster.record.uuid.replace('-', '')}-dot-us-central1.dataproc.invalid"
        assert found["Dask"] == f"{host}/gateway/default/dask"
        assert found["YARN ResourceManager"] == f"{host}/yarn/"


def test_another_sites_page_is_told_nothing(server, cluster):
    other = server.cookie() | {"Origin": "http://evil.example"}
    assert server.ask(f"{server.base}dask-dataproc/clusters", other).status == 404
