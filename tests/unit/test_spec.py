"""A spec is right or refused in one line; a right one is taken by Google's own message class and survives writing."""

import json

import pytest
from google.cloud import dataproc_v1
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.clusters.fields import Field, shown
from dask_dataproc.clusters.machines import PREDEFINED
from dask_dataproc.clusters.spec import FIELDS, ClusterSpec

BASE = {"name": "dask-ana-3f2c", "project": "my-project", "staging": "gs://bucket/dask", "max_workers": 1000}
MACHINES = st.sampled_from([*sorted(PREDEFINED), "n4-standard-8", "n2-custom-4-16384"])
LABELS = st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True)
GCSFS = {
    "block_size": st.integers(1 << 18, 1 << 28).map(str) | st.integers(1, 256).map("{}MiB".format),
    "cache_timeout": st.integers(0, 9999999),
    "endpoint_url": st.sampled_from(["https://storage.example", "http://10.0.0.1:4443"]),
    "requester_pays": st.sampled_from(["true", "false", "my-project"]),
}
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates()
ANYTHING = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.text(), PLAIN, max_size=3)


def right_values(field: Field) -> st.SearchStrategy:
    """Return values that ``field`` alone takes."""
    special = {
        "zone": st.just("us-central1-b"),
        "workers": st.integers(2, 400) | st.just(0),
        "secondary_workers": st.integers(0, 400),
        "max_workers": st.integers(800, 1000),
        "autoscaling": st.just(False),  # alone it is right, but not with standalone in the cloud
        "min_workers": st.integers(0, 800),
        "master_machine": MACHINES,
        "worker_machine": MACHINES,
        "fallbacks": st.lists(MACHINES, max_size=3),
        "accelerators": st.dictionaries(st.sampled_from(["nvidia-l4", "nvidia-tesla-t4"]), st.integers(1, 8)),
        "labels": st.dictionaries(LABELS, st.from_regex(r"[a-z0-9_-]{0,63}", fullmatch=True), max_size=4),
        "properties": st.dictionaries(st.from_regex(r"[a-z-]+:[!-~]+", fullmatch=True), texts(), max_size=3),
        "gcsfs": st.fixed_dictionaries({}, optional=GCSFS),
        "staging": texts().map(lambda text: f"file:///{text}".strip()),
    }
    if field.name in special:
        return special[field.name]
    if field.choices:
        return st.sampled_from(field.choices)
    if field.type is bool:
        return st.booleans()
    if field.type is int:
        return st.integers(field.low, field.high)
    matching = st.from_regex(f"(?a:{field.pattern})", fullmatch=True)
    return st.lists(matching, max_size=3) if field.type is tuple else matching


def texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"], include_characters=" "), max_size=20)


RIGHT = {name: right_values(field) for name, field in FIELDS.items()}


def told(value) -> list[str]:
    """Return what an error may show of ``value``: the whole, or the item of it that is wrong."""
    if isinstance(value, str):
        return [shown(value), *(shown(part.strip()) for part in value.split(","))]
    items = [f"{k}={v}" for k, v in value.items()] if isinstance(value, dict) else value
    return [shown(value), *map(shown, items if isinstance(items, (list, tuple)) else [])]


def assert_survives(spec: ClusterSpec) -> None:
    assert dataproc_v1.Cluster(spec.to_dataproc()).cluster_name == spec.name
    assert ClusterSpec.from_dict(spec.to_dict()) == spec
    assert ClusterSpec.from_dict(json.loads(json.dumps(spec.to_dict(defaults=True)))) == spec
    assert ClusterSpec.from_yaml(spec.to_yaml()) == spec


def assert_one_line(refused: SpecError) -> None:
    assert len(str(refused).splitlines()) == 1
    assert "\n" not in refused.hint


def assert_told(refused: SpecError, name: str, value: object) -> None:
    assert_one_line(refused)
    assert name in str(refused)
    assert " given, allowed is " in str(refused)
    assert any(part in str(refused) for part in told(value))


def assert_rule_of(refused: SpecError, fields: set[str]) -> None:
    assert_one_line(refused)
    assert str(refused).partition(":")[0] in fields


@given(st.sampled_from(list(FIELDS)), ANYTHING)
def test_anything_is_a_right_value_or_refused_with_field_bound_and_what_was_given(name, value):
    try:
        spec = ClusterSpec.from_dict(BASE | {name: value})
    except SpecError as refused:
        assert_told(refused, name, value)
        return
    try:
        spec.to_dataproc()
    except SpecError as refused:
        assert_rule_of(refused, {name})
    else:
        assert_survives(spec)


@given(st.sampled_from(list(FIELDS)).flatmap(lambda name: st.tuples(st.just(name), RIGHT[name])))
def test_a_value_within_the_bounds_is_taken(pair):
    name, value = pair
    repository = {"git_repository": "https://github.com/ana/etl.git"} if name in ("git_ref", "git_secret") else {}
    assert_survives(ClusterSpec.from_dict(BASE | repository | {name: value}))


@given(st.fixed_dictionaries({}, optional=RIGHT))
def test_right_values_together_make_a_spec_or_break_a_named_rule(values):
    try:
        spec = ClusterSpec.from_dict(BASE | values)
        assert_survives(spec)
    except SpecError as refused:
        assert_rule_of(refused, {"network", "zone", "git_ref", "git_secret", "secondary_workers"})


@given(st.sampled_from(list(FIELDS)).flatmap(lambda name: st.tuples(st.just(name), RIGHT[name])))
def test_a_parsed_value_is_parsed_to_itself(pair):
    field = FIELDS[pair[0]]
    value = field.parse(pair[1])
    assert field.parse(value) == value


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_the_default_and_the_example_of_a_field_are_right_values(field):
    assert field.parse(field.default) == field.default
    field.parse(field.example)


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (
            {"name": "Dask Ana"},
            "name: 'Dask Ana' given, allowed is text like dask-ana-1 (a-z, 0-9, -, at most 51)",
            "name=dask-ana-1   (the cluster's name, unique in project and region)",
        ),
        (
            {"worker_machine": "c2-standard-5"},
            "worker_machine: machine type 'c2-standard-5' given, allowed is c2-standard with 4, 8, 16, 30, 60 vCPUs",
            "worker_machine=c2-standard-4",
        ),
        (
            {"master_machine": "m5.xlarge"},
            "master_machine: machine type 'm5.xlarge' given, allowed is a name like n2-standard-4 or n2-custom-4-16384",
            None,
        ),
        (
            {"fallbacks": ["n4-standard-4", "n2 standard 4"]},
            "fallbacks: machine type 'n2 standard 4' given, allowed is a name like n2-standard-4 or n2-custom-4-16384",
            "fallbacks=n2-standard-4",
        ),
        (
            {"accelerators": "nvidia-l4=9"},
            "accelerators: 'nvidia-l4=9' given, allowed is a count of 1 to 8 for each type",
            "accelerators=nvidia-l4=1",
        ),
        (
            {"labels": {"team": "Risk"}},
            "labels: 'team=Risk' given, allowed is a value of at most 63 of a-z, 0-9, _ and -",
            "labels=team=risk",
        ),
        ({"lifetime": "5m"}, "lifetime: '5m' given, allowed is a duration such as 45m or 2h, 10m to 14d", None),
        ({"worker_disk_gb": 20}, "worker_disk_gb: 20 given, allowed is a whole number, 30 to 65536", None),
        ({"queue": "fast"}, "queue: 'fast' given, allowed is one of interactive, batch, background", None),
        ({"git_ref": "--upload-pack=x"}, "git_ref: '--upload-pack=x' given, allowed is text like main", None),
        ({"workerz": 3}, "'workerz': no such field of a cluster, the nearest is workers", "workers"),
        ({"workers": 1}, "workers: 1 given, allowed is 0 (single node) or 2 and more", "workers=2"),
        (
            {"workers": 0, "secondary_workers": 3},
            "secondary_workers: 3 given, allowed is 0 on a single node (workers=0)",
            "workers=2",
        ),
        (
            {"workers": 8, "secondary_workers": 4},
            "workers: 12 given, allowed is at most max_workers (10) with secondary_workers",
            "max_workers=12",
        ),
        ({"min_workers": 11}, "min_workers: 11 given, allowed is at most max_workers (10)", "max_workers=11"),
        (
            {"network": "default", "subnetwork": "mine"},
            "network: 'default' given, allowed is none together with subnetwork=mine",
            "network=",
        ),
        (
            {"zone": "us-central10-a"},
            "zone: 'us-central10-a' given, allowed is a zone of region us-central1",
            "zone=us-central1-b",
        ),
        (
            {"gcsfs": "block_size=1GiB"},
            "gcsfs: 'block_size=1GiB' given, allowed is block_size from 256KiB to 256MiB, or in bytes",
            "gcsfs=block_size=16MiB",
        ),
        (
            {"git_repository": "https://ana:hunter2@git.example/etl.git"},
            "git_repository: '…@git.example' given, allowed is a URL without credentials, which belong into a secret",
            "git_secret=projects/p/secrets/s",
        ),
        ({"git_secret": "hunter2"}, "git_secret: 'hunter2' given, allowed is text like projects/p/secrets/s", None),
        ({"cost_centre": "Risk"}, "cost_centre: 'Risk' given, allowed is text like risk-42", None),
        ({"git_ref": "main"}, "git_ref: 'main' given, allowed is none without git_repository", "git_repository=URL"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_error_is_one_line_a_person_can_act_on(given, message, hint):
    with pytest.raises(SpecError) as refused:
        ClusterSpec.from_dict(given)
    assert str(refused.value) == message
    assert hint is None or refused.value.hint == hint


@pytest.mark.parametrize("machine", ["n4-standard-8", "c4-highmem-16", "m3-ultramem-32", "n4-custom-4-16384"])
def test_machine_families_that_are_not_listed_are_left_to_compute_engine(machine):
    assert ClusterSpec(worker_machine=machine, fallbacks=(machine,)).worker_machine == machine


def test_an_unknown_name_with_nothing_near_lists_the_fields():
    with pytest.raises(SpecError) as refused:
        ClusterSpec.from_dict({"zzzz": 1})
    assert all(name in refused.value.hint for name in FIELDS)


@pytest.mark.parametrize("text", ["workers: [", "- workers", "workers", "", "a: b: c\n x"])
def test_what_is_no_yaml_mapping_is_refused_in_one_line(text):
    with pytest.raises(SpecError, match=r"^spec: ") as refused:
        ClusterSpec.from_yaml(text)
    assert_one_line(refused.value)


def test_options_yaml_and_python_write_the_same_spec():
    typed = {"labels": "team=risk,cost=42", "tags": "dask, no-ssh", "lifetime": "2h", "internal-ip-only": "no"}
    python = ClusterSpec(
        labels={"team": "risk", "cost": "42"}, tags=("dask", "no-ssh"), lifetime=7200, internal_ip_only=False
    )
    yaml = "labels: {team: risk, cost: 42}\ntags: [dask, no-ssh]\nlifetime: 2h\ninternal_ip_only: false\n"
    assert ClusterSpec.from_dict(typed) == ClusterSpec.from_yaml(yaml) == python


def test_what_to_dict_returns_is_the_callers():
    spec = ClusterSpec(labels={"team": "risk"})
    spec.to_dict()["labels"]["team"] = "other"
    assert spec.labels == {"team": "risk"}


def test_without_staging_there_is_no_cluster_config():
    with pytest.raises(SpecError, match=r"^staging: '' given, allowed is"):
        ClusterSpec(name="a").to_dataproc()


def test_a_single_node_cluster_has_no_worker_groups():
    config = dataproc_v1.Cluster(ClusterSpec.from_dict(BASE | {"workers": 0}).to_dataproc()).config
    assert config.worker_config.num_instances == config.secondary_worker_config.num_instances == 0
    assert config.software_config.properties["dataproc:dataproc.allow.zero.workers"] == "true"


def test_googles_message_says_what_the_spec_says():
    spec = ClusterSpec.from_dict(
        BASE
        | {"secondary_workers": 3, "secondary_type": "spot", "accelerators": "nvidia-l4=2", "local_ssds": 1}
        | {"lifetime": "4h", "tags": "dask", "kms_key": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}
    )
    config = dataproc_v1.Cluster(spec.to_dataproc()).config
    assert config.worker_config.accelerators[0].accelerator_count == 2
    assert config.worker_config.disk_config.num_local_ssds == 1
    assert config.secondary_worker_config.preemptibility == dataproc_v1.InstanceGroupConfig.Preemptibility.SPOT
    assert config.lifecycle_config.auto_delete_ttl.total_seconds() == 4 * 3600
    assert config.gce_cluster_config.tags == ["dask"]
    assert config.encryption_config.gce_pd_kms_key_name == spec.kms_key


def test_each_node_first_gets_its_storage_then_dask():
    config = dataproc_v1.Cluster(ClusterSpec.from_dict(BASE).to_dataproc()).config
    scripts = [action.executable_file.rpartition("/")[2] for action in config.initialization_actions]
    assert scripts == ["configure-storage.sh", "install-dask.sh"]
    assert all(action.execution_timeout.total_seconds() for action in config.initialization_actions)


def test_the_nodes_are_told_how_many_workers_there_are_and_how_to_read_buckets():
    spec = ClusterSpec.from_dict(BASE | {"secondary_workers": 3, "gcsfs": "block_size=1MiB,requester_pays=my-project"})
    metadata = spec.to_dataproc()["config"]["gce_cluster_config"]["metadata"]
    assert metadata["dask-workers"] == "5"
    assert json.loads(metadata["dask-gcsfs"]) == {
        "cache_timeout": 60,
        "block_size": 1 << 20,
        "requester_pays": "my-project",
    }


def test_labels_say_that_it_will_go_what_it_is_for_and_who_pays():
    labels = ClusterSpec.from_dict(BASE | {"workload": "etl", "cost_centre": "risk-42"}).to_dataproc()["labels"]
    asked = {"workload": "etl", "cost_centre": "risk-42"}
    assert labels == {"dask-dataproc": "standalone", "lifecycle": "ephemeral"} | asked


def test_nodes_have_no_public_address_boot_what_is_signed_and_wear_the_firewalls_tag():
    config = dataproc_v1.Cluster(ClusterSpec.from_dict(BASE).to_dataproc()).config.gce_cluster_config
    shielded = config.shielded_instance_config
    assert config.internal_ip_only
    assert shielded.enable_secure_boot
    assert shielded.enable_vtpm
    assert shielded.enable_integrity_monitoring
    assert config.tags == ["dataproc-cluster"]


SECRETS = st.sampled_from(
    [
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXktdjEA -----END OPENSSH PRIVATE KEY-----",
        "https://ana:hunter2@git.example/etl.git",
        "https://ghp_16C7e42F292c6912E7710c838347Ae178B4a@git.example/etl.git",
        "ssh://git:hunter2@git.example/etl.git",
    ]
)


@given(st.sampled_from(["git_secret", "git_repository", "kms_key"]), SECRETS, st.fixed_dictionaries({}, optional=RIGHT))
def test_a_secret_where_a_name_belongs_never_reaches_metadata_or_labels(field, secret, values):
    """The fields about secrets take names of resources and URLs without credentials alone."""
    if field == "git_repository" and "://" not in secret:
        return
    with pytest.raises(SpecError, match=rf"^{field}: "):
        ClusterSpec.from_dict(BASE | values | {"git_repository": "https://git.example/etl.git", field: secret})


@given(st.fixed_dictionaries({}, optional=RIGHT))
def test_what_the_nodes_are_told_is_named_for_no_secret_but_by_a_resource(values):
    try:
        cluster = ClusterSpec.from_dict(BASE | values).to_dataproc()
    except SpecError:
        return
    told = cluster["config"]["gce_cluster_config"]["metadata"] | cluster["labels"]
    named = {key: value for key, value in told.items() if any(word in key for word in ("secret", "token", "password"))}
    assert set(named) - set(cluster["labels"]) <= {"dask-git-secret"}
    assert named.get("dask-git-secret", "projects/").startswith("projects/")
