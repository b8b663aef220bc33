"""The client's private names that the emulator reads its API off: when they change, this fails before users notice."""

from __future__ import annotations

import subprocess
import sys

import grpc
import pytest
from google.cloud import dataproc_v1

from dask_dataproc.emulator import descriptors

RPCS = {"ClusterController": 8, "JobController": 7, "AutoscalingPolicyService": 5}


@pytest.mark.parametrize(("service", "number"), RPCS.items())
def test_every_rpc_of_the_client_is_recorded(tmp_path, service, number):
    recorded = descriptors.load(tmp_path).rpcs(service)
    client = getattr(dataproc_v1, f"{service}Client")
    assert len(recorded) == number
    for name, request in recorded.items():
        assert request.DESCRIPTOR.full_name.startswith("google.cloud.dataproc.v1.")
        assert any(public.replace("_", "") == name.lower() for public in dir(client))


def test_an_rpc_without_a_method_is_unimplemented_and_there_is_none(dataproc, tmp_path):
    api = descriptors.load(tmp_path)
    for service in RPCS:
        for rpc, request in api.rpcs(service).items():
            call = dataproc.channel.unary_unary(
                f"/{descriptors.PACKAGE}.{service}/{rpc}", request.SerializeToString, lambda answer: answer
            )
            with pytest.raises(grpc.RpcError) as refused:
                call(request())
            assert refused.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND), rpc


def test_messages_are_loaded_from_the_file_without_the_client(tmp_path):
    descriptors.load(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"descriptors-{dataproc_v1.__version__}.binpb"]
    program = f"""
import sys
from pathlib import Path
from dask_dataproc.emulator import descriptors
api = descriptors.load(Path({str(tmp_path)!r}))
print(api.Cluster().status.State.Value("RUNNING"), len(api.rpcs("JobController")))
print("{descriptors.CLIENT}" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "7", "False"]
