"""google.longrunning, as the unmodified client sees it."""

from __future__ import annotations

import pytest
from google.api_core import exceptions

REGION = "projects/test-project/regions/us-central1/operations"


def test_operations_are_listed_by_region_and_got_by_name(dataproc):
    definition = dataproc.single()
    creation = dataproc.clusters.create_cluster(request={**dataproc.place, "cluster": definition})
    creation.result(timeout=60)
    name = creation.operation.name
    assert name.startswith(f"{REGION}/")
    assert dataproc.operations.get_operation(name).done
    assert name in [operation.name for operation in dataproc.operations.list_operations(REGION, "")]
    assert list(dataproc.operations.list_operations("projects/other/regions/us-central1/operations", "")) == []


def test_a_finished_operation_can_be_forgotten(dataproc):
    creation = dataproc.clusters.create_cluster(request={**dataproc.place, "cluster": dataproc.single()})
    creation.result(timeout=60)
    dataproc.operations.delete_operation(creation.operation.name)
    with pytest.raises(exceptions.NotFound):
        dataproc.operations.get_operation(creation.operation.name)


def test_a_cancelled_creation_ends_in_cancelled_and_its_cluster_in_error(dataproc):
    definition = dataproc.definition()
    creation = dataproc.clusters.create_cluster(request={**dataproc.place, "cluster": definition})
    with pytest.raises(exceptions.FailedPrecondition, match="not done"):
        dataproc.operations.delete_operation(creation.operation.name)
    assert creation.cancel()
    with pytest.raises(exceptions.GoogleAPICallError, match="The operation was cancelled"):
        creation.result(timeout=60)
    assert dataproc.get(definition["cluster_name"]).status.state.name == "ERROR"
    dataproc.delete(definition["cluster_name"])
    assert definition["cluster_name"] not in dataproc.names()


def test_an_unknown_operation_is_not_found(dataproc):
    for call in (dataproc.operations.get_operation, dataproc.operations.cancel_operation):
        with pytest.raises(exceptions.NotFound):
            call(f"{REGION}/nobody")
