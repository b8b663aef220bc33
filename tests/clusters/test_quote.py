"""What the panel says would be refused is what `up` refuses, with the same words."""

from __future__ import annotations

import dask.config
import pytest

from dask_dataproc.clusters.cluster import DataprocCluster
from dask_dataproc.clusters.config import resolve, setting
from dask_dataproc.clusters.errors import DaskDataprocError
from dask_dataproc.clusters.quote import quote
from dask_dataproc.clusters.runs import usual_hours
from dask_dataproc.clusters.standings import standings
from dask_dataproc.magics.reach import Place
from dask_dataproc.magics.size_verbs import read_history

REFUSED = {
    "workers": ({"quotas": {"class": "standard"}}, {"workers": 5}),
    "lifetime": ({"quotas": {"class": "standard"}}, {"lifetime": "9h"}),
    "disk": ({"quotas": {"class": "standard"}}, {"worker_disk_gb": 300}),
    "pool": ({"quotas": {"pool": 0}}, {}),
    "role": ({"quotas": {"roles": {"default": "data_scientist"}}}, {}),
    "budget": ({"budgets": {"user": 0.0001, "hard-stop": True}}, {"worker_machine": "n2-highmem-32"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_said_beforehand_is_what_up_says(laptop, case):
    settings, fields = REFUSED[case]
    with dask.config.set({f"dataproc.{section}": said for section, said in settings.items()}):
        spec = resolve({"name": f"t-quote-{case}"} | fields)
        stand = standings(spec.project, spec.region)
        usual = usual_hours(tuple(read_history(spec.workload, Place(spec.project, spec.region))))
        said = quote(spec, stand, usual, quotas=setting("quotas"), budgets=setting("budgets")).refusal
        with pytest.raises(DaskDataprocError) as raised:
            DataprocCluster(spec)
    assert said is not None
    assert said.lines() == raised.value.lines()


def test_what_is_not_refused_beforehand_comes_up_at_the_price_that_was_said(laptop):
    spec = resolve({"name": "t-quote-up"})
    said = quote(spec, standings(spec.project, spec.region), None)
    assert said.refusal is None
    with DataprocCluster(spec) as cluster:
        assert cluster.price_per_hour == said.price_per_hour
        overview = cluster.overview()
        assert len(overview["workers"]) == 2
        assert overview["memory"] <= overview["memory_limit"]
        with cluster.get_client() as client:
            client.gather(client.map(abs, range(20), pure=False))
            boom = client.submit(divmod, 1, 0)
            boom.exception()
        counted = cluster.overview()
        assert cluster.is_there()
    assert (counted["done"], counted["failed"]) == (20, 1)
    assert (counted["processing"], counted["waiting"]) == (0, 0)
