"""Invalid requests: refused with the field, what is allowed and what was given; nothing is left of them."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from google.api_core import exceptions
from google.rpc import error_details_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DAY = 86_400
LIFE = "cluster.config.lifecycle_config"

INVALID: list[tuple[str, dict[str, Any]]] = [
    ("cluster.cluster_name", {"cluster_name": ""}),
    ("cluster.cluster_name", {"cluster_name": "Upper"}),
    ("cluster.cluster_name", {"cluster_name": "1st"}),
    ("cluster.cluster_name", {"cluster_name": "ends-"}),
    ("cluster.cluster_name", {"cluster_name": "a" * 52}),
    ("cluster.project_id", {"project_id": "another"}),
    ("cluster.labels", {"labels": {f"k{i}": "v" for i in range(33)}}),
    ("cluster.labels[Upper]", {"labels": {"Upper": "v"}}),
    ("cluster.labels[" + "k" * 64 + "]", {"labels": {"k" * 64: "v"}}),
    ("cluster.labels[key]", {"labels": {"key": "v" * 64}}),
    ("cluster.labels[key]", {"labels": {"key": "a b"}}),
    ("cluster.config.master_config.num_instances", {"config": {"master_config": {"num_instances": 2}}}),
    ("cluster.config.worker_config.num_instances", {"config": {"worker_config": {"num_instances": 1}}}),
    (
        "cluster.config.worker_config.num_instances",
        {"config": {"worker_config": {"machine_type_uri": "n2-standard-4"}}},
    ),
    ("cluster.config.worker_config.num_instances", {"config": {"worker_config": {"num_instances": 2**31 - 1}}}),
    (
        "cluster.config.secondary_worker_config.num_instances",
        {"config": {"secondary_worker_config": {"num_instances": -1}}},
    ),
    (
        "cluster.config.worker_config.min_num_instances",
        {"config": {"worker_config": {"num_instances": 2, "min_num_instances": 3}}},
    ),
    (
        "cluster.config.worker_config.machine_type_uri",
        {"config": {"worker_config": {"num_instances": 2, "machine_type_uri": "n2-standard-3"}}},
    ),
    (
        "cluster.config.worker_config.disk_config.num_local_ssds",
        {"config": {"worker_config": {"num_instances": 2, "disk_config": {"num_local_ssds": 9}}}},
    ),
    (f"{LIFE}.idle_delete_ttl", {"config": {"lifecycle_config": {"idle_delete_ttl": {"seconds": 299}}}}),
    (f"{LIFE}.idle_delete_ttl", {"config": {"lifecycle_config": {"idle_delete_ttl": {"seconds": 14 * DAY + 1}}}}),
    (f"{LIFE}.auto_delete_ttl", {"config": {"lifecycle_config": {"auto_delete_ttl": {"seconds": 599}}}}),
    (f"{LIFE}.auto_delete_ttl", {"config": {"lifecycle_config": {"auto_delete_ttl": {"seconds": 14 * DAY + 1}}}}),
    (f"{LIFE}.auto_delete_time", {"config": {"lifecycle_config": {"auto_delete_time": {"seconds": 1}}}}),
    (f"{LIFE}.auto_stop_ttl", {"config": {"lifecycle_config": {"auto_stop_ttl": {"seconds": 599}}}}),
    (
        "cluster.config.gce_cluster_config.subnetwork_uri",
        {"config": {"gce_cluster_config": {"network_uri": "n", "subnetwork_uri": "s"}}},
    ),
    ("cluster.config.gce_cluster_config.zone_uri", {"config": {"gce_cluster_config": {"zone_uri": "europe-west1-b"}}}),
    (
        "cluster.config.gce_cluster_config.multi_zone_config",
        {"config": {"gce_cluster_config": {"zone_uri": "us-central1-b", "multi_zone_config": {"target_shape": "ANY"}}}},
    ),
    ("cluster.config.config_bucket", {"config": {"config_bucket": "gs://bucket"}}),
    ("cluster.config.temp_bucket", {"config": {"temp_bucket": "gs://bucket"}}),
    ("cluster.config.software_config.image_version", {"config": {"software_config": {"image_version": "latest"}}}),
    ("cluster.config.software_config.properties", {"config": {"software_config": {"properties": {"noprefix": "1"}}}}),
    ("cluster.config.initialization_actions[0].executable_file", {"config": {"initialization_actions": [{}]}}),
    (
        "cluster.config.initialization_actions[0].execution_timeout",
        {
            "config": {
                "initialization_actions": [{"executable_file": "gs://b/a.sh", "execution_timeout": {"seconds": -1}}]
            }
        },
    ),
    (
        "cluster.config.secondary_worker_config",
        {
            "config": {
                "software_config": {"properties": {"dataproc:dataproc.allow.zero.workers": "true"}},
                "secondary_worker_config": {"num_instances": 1},
            }
        },
    ),
    ("cluster.virtual_cluster_config", {"virtual_cluster_config": {"staging_bucket": "b"}}),
    (
        "cluster.config.autoscaling_config.policy_uri",
        {
            "config": {
                "autoscaling_config": {"policy_uri": "projects/test-project/regions/elsewhere/autoscalingPolicies/p"}
            }
        },
    ),
]


def merge(into: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """``into`` with ``change`` laid over it, dict by dict."""
    merged = copy.deepcopy(into)
    for key, value in change.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if nested else value
    return merged


def violations(error: exceptions.GoogleAPICallError) -> list[str]:
    (bad,) = error.details
    assert isinstance(bad, error_details_pb2.BadRequest)
    return [violation.field for violation in bad.field_violations]


@pytest.fixture(scope="module")
def name(dataproc) -> str:
    """A running cluster for updates that are to be refused."""
    return dataproc.create(dataproc.single()).cluster_name


@pytest.mark.parametrize(("field", "change"), INVALID)
def test_a_cluster_outside_the_bounds_is_refused_by_field_and_nothing_is_left(dataproc, field, change):
    before = dataproc.names()
    with pytest.raises(exceptions.InvalidArgument) as refused:
        dataproc.create(merge(dataproc.definition(), change))
    assert violations(refused.value) == [field]
    assert f"{field}: " in refused.value.message
    assert "allowed is" in refused.value.message
    assert dataproc.names() == before


def test_all_that_is_wrong_is_said_at_once(dataproc):
    definition = merge(dataproc.definition("Upper"), {"config": {"master_config": {"num_instances": 2}}})
    with pytest.raises(exceptions.InvalidArgument, match=r"^400 Multiple validation errors:") as refused:
        dataproc.create(definition)
    assert violations(refused.value) == ["cluster.cluster_name", "cluster.config.master_config.num_instances"]


@pytest.mark.parametrize("request_id", ["with space", "a" * 41, "semi;colon"])
def test_a_request_id_has_forty_plain_characters(dataproc, request_id):
    with pytest.raises(exceptions.InvalidArgument) as refused:
        dataproc.create(dataproc.definition(), request_id=request_id)
    assert violations(refused.value) == ["request_id"]


def test_a_policy_that_is_not_there_is_not_found(dataproc):
    uri = "projects/test-project/regions/us-central1/autoscalingPolicies/nobody"
    with pytest.raises(exceptions.NotFound):
        dataproc.create(dataproc.definition(autoscaling_config={"policy_uri": uri}))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"update_mask": {"paths": []}}, "update_mask"),
        ({"update_mask": {"paths": ["config.master_config.num_instances"]}}, "update_mask"),
        ({"update_mask": {"paths": ["labels", "cluster_name"]}}, "update_mask"),
        ({"graceful_decommission_timeout": {"seconds": DAY + 1}}, "graceful_decommission_timeout"),
        ({"cluster": {"labels": {"Upper": "v"}}}, "cluster.labels[Upper]"),
        (
            {
                "cluster": {"config": {"worker_config": {"num_instances": 1}}},
                "update_mask": {"paths": ["config.worker_config.num_instances"]},
            },
            "cluster.config.worker_config.num_instances",
        ),
        (
            {
                "cluster": {"config": {"lifecycle_config": {"idle_delete_ttl": {"seconds": 1}}}},
                "update_mask": {"paths": ["config.lifecycle_config.idle_delete_ttl"]},
            },
            f"{LIFE}.idle_delete_ttl",
        ),
    ],
)
def test_an_update_outside_the_bounds_is_refused_and_changes_nothing(dataproc, name, change, field):
    before = dataproc.get(name)
    request = {**dataproc.place, "cluster_name": name, "cluster": {}, "update_mask": {"paths": ["labels"]}, **change}
    with pytest.raises(exceptions.InvalidArgument) as refused:
        dataproc.clusters.update_cluster(request=request)
    assert violations(refused.value) == [field]
    assert dataproc.get(name) == before


names = st.text(alphabet="aA1-_ü", max_size=60).filter(lambda text: not text.islower() or "_" in text)
groups = st.sampled_from(["master_config", "worker_config"])


@st.composite
def wrong(draw: st.DrawFn) -> dict[str, Any]:
    """A change that makes a definition invalid in a way of its own."""
    seconds = draw(st.integers(-1000, 299) | st.integers(14 * DAY + 1, 10**9))
    return draw(
        st.sampled_from(
            [
                {"cluster_name": draw(names)},
                {"labels": {draw(st.text(alphabet="AZ .", min_size=1, max_size=70)): "v"}},
                {"config": {"worker_config": {"num_instances": draw(st.integers(-(2**31), 1))}}},
                {"config": {"master_config": {"num_instances": draw(st.integers(4, 2**31 - 1))}}},
                {
                    "config": {
                        draw(groups): {"num_instances": 3, "disk_config": {"num_local_ssds": draw(st.integers(9, 99))}}
                    }
                },
                {"config": {"lifecycle_config": {"idle_delete_ttl": {"seconds": seconds}}}},
                {"config": {"lifecycle_config": {"auto_delete_ttl": {"seconds": seconds}}}},
                {
                    "config": {
                        "lifecycle_config": {"auto_delete_time": {"seconds": int(time.time()) + min(seconds, 500)}}
                    }
                },
            ]
        )
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=wrong())
def test_no_invalid_request_leaves_anything(dataproc, change):
    before, folders = dataproc.names(), sorted((dataproc.state / "emulator").rglob("*.json"))
    with pytest.raises(exceptions.InvalidArgument):
        dataproc.create(merge(dataproc.definition(), change))
    assert dataproc.names() == before
    assert sorted((dataproc.state / "emulator").rglob("*.json")) == folders
