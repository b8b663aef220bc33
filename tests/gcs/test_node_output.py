"""The end of a failed initialization action's output is what a person reads."""

import asyncio

import fsspec

from dask_dataproc.clusters.errors import ClusterFailed
from dask_dataproc.clusters.node_output import told_by_node

SAID = "install-dask: could not install the packages: package nothing==1 cannot be installed: no such version"


def failed(*outputs: str) -> ClusterFailed:
    told = [
        f"Initialization action failed. Failed action 'gs://b/install-dask.sh', see output in: {o}." for o in outputs
    ]
    return ClusterFailed(f"cluster dask-ana: Multiple Errors: - {' - '.join(told)}", "%dask_cluster logs")


def test_the_last_lines_of_the_output_are_the_error(gcs):
    output = f"{gcs}/google-cloud-dataproc-metainfo/u/dask-ana-w-0/dataproc-initialization-script-0_output"
    with fsspec.open(output, "w") as file:
        file.write(f"install-dask: begins\ninstall-dask: read: 0 s\nuv: resolving\n{SAID}\n\n")
    told = asyncio.run(told_by_node(failed(output)))
    assert told.message == f"cluster dask-ana: install-dask: read: 0 s / uv: resolving / {SAID}"
    assert output in told.hint


def test_an_output_that_cannot_be_read_leaves_the_error_as_it_was(gcs):
    error = failed(f"{gcs}/nowhere")
    assert asyncio.run(told_by_node(error)) is error


def test_of_several_nodes_the_first_that_said_something_is_heard(gcs):
    outputs = [f"{gcs}/empty", f"{gcs}/full"]
    for url, text in zip(outputs, ("\n", SAID), strict=True):
        with fsspec.open(url, "w") as file:
            file.write(text)
    assert asyncio.run(told_by_node(failed(*outputs))).message.endswith(SAID)
