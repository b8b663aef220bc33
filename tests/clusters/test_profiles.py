"""What a workload asks for is in force in the workers, the head and this process, and does what it is for."""

from __future__ import annotations

import dask
import dask.array
import dask.config
import dask.dataframe
import numpy
import pandas
import pytest
from distributed import wait

from dask_dataproc import DataprocCluster
from dask_dataproc.init_actions import profiles

WIRE, SPILLED = profiles.WIRE, profiles.SPILLED
TARGET = "distributed.worker.memory.target"


@pytest.fixture(scope="module")
def client(shared_laptop):
    with (
        shared_laptop.here(),
        DataprocCluster(n_workers=2, workload="analytics") as cluster,
        cluster.get_client() as client,
    ):
        yield client


def settings_of(*names: str):
    return lambda: [dask.config.get(name) for name in names]


def test_the_workers_spill_as_the_workload_asks_and_send_to_each_other_as_they_are(client):
    assert set(map(tuple, client.run(settings_of(TARGET, SPILLED, WIRE)).values())) == {(0.6, "zstd", False)}
    share = client.run(lambda dask_worker: dask_worker.data.n / dask_worker.memory_manager.memory_limit)
    assert list(share.values()) == pytest.approx([0.6, 0.6])


def test_the_head_compresses_for_the_notebook(client):
    assert client.run_on_scheduler(settings_of(WIRE)) == ["zstd"]
    assert dask.config.get(WIRE) == "zstd"


def test_a_shuffle_and_a_merge_are_peer_to_peer_and_text_is_in_arrow_columns(client):
    frame = pandas.DataFrame({"key": numpy.arange(400) % 7, "word": ["a", "b"] * 200})
    one, other = (dask.dataframe.from_pandas(frame, npartitions=8) for _ in range(2))
    assert one.dtypes["word"] == "string[pyarrow]"
    shuffled, merged = one.shuffle("word"), one.merge(other, on="key")
    assert {"P2PShuffle", "HashJoinP2P"} <= names(shuffled.optimize(fuse=False)) | names(merged.optimize(fuse=False))
    assert (len(shuffled), len(merged)) == (400, sum(count**2 for count in frame["key"].value_counts()))


def names(collection) -> set[str]:
    return {type(node).__name__ for node in collection.expr.walk()}


def test_what_is_spilled_takes_little_of_the_disk(client):
    worker = next(iter(client.nthreads()))
    kept = client.submit(numpy.arange, 4_000_000, workers=[worker])
    wait(kept)

    def spill(dask_worker):
        return dask_worker.data.evict(), dask_worker.data.spilled_total.disk

    memory, disk = client.run(spill, workers=[worker])[worker]
    assert memory >= 32_000_000 > 5 * disk > 0
    assert kept.result()[-1] == 3_999_999


def test_arrays_of_ml_are_rechunked_in_memory_and_as_large_as_a_worker_bears(shared_laptop):
    with shared_laptop.here(), DataprocCluster(n_workers=2, workload="ml") as cluster, cluster.get_client() as client:
        assert client.run_on_scheduler(settings_of(WIRE)) == ["lz4"]
        assert set(client.run(lambda dask_worker: dask_worker.data.n > 1 << 60).values()) == {True}
        large = dask.array.ones((100_000, 10_000), chunks="auto")
        assert large.chunksize[0] * large.chunksize[1] * 8 == pytest.approx(313_174_698, rel=0.1)
        numbers = dask.array.arange(90_000, chunks=1000).reshape(300, 300)
        turned = numbers.rechunk((-1, 7), method="p2p")
        assert turned.dask.layers[turned.name].disk is False
        assert turned.sum().compute() == 89_999 * 45_000


def test_what_a_person_has_set_wins_and_everything_is_as_before_when_the_cluster_has_gone(shared_laptop):
    config = {"dataframe.shuffle.method": "tasks", "array.chunk-size": "1MiB"}
    with shared_laptop.here(), dask.config.set(config):
        with DataprocCluster(n_workers=2, workload="etl"):
            assert {name: dask.config.get(name) for name in config} == config
            assert dask.config.get(profiles.PARTITION) == 128_000_000
        assert {name: dask.config.get(name) for name in config} == config
        assert dask.config.get(profiles.PARTITION) == 75_000_000


def test_who_attaches_has_the_clusters_settings_until_detach(client, shared_laptop):
    with shared_laptop.here(), DataprocCluster(n_workers=2, workload="etl", keep=True) as made:
        assert dask.config.get(WIRE) == "lz4"
        attached = DataprocCluster.from_name(made.name, hold_lease=False)
        made.detach()
        assert dask.config.get(WIRE) == "lz4"
        attached.delete()
    assert dask.config.get(WIRE) == "zstd", "of the other cluster, which is still attached"
