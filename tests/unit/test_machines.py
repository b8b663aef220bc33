"""Machine types say what Compute Engine says of them; a wrong name is refused in one line with one that exists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.clusters.machines import PREDEFINED, known_type, machine_type
from dask_dataproc.init_actions.shape import worker_shape

GIB = 1 << 30


@pytest.mark.parametrize(
    ("name", "family", "vcpus", "gigabytes"),
    [
        ("n1-standard-4", "n1", 4, 15),
        ("n1-highmem-8", "n1", 8, 52),
        ("n2-standard-4", "n2", 4, 16),
        ("n2-highmem-128", "n2", 128, 864),
        ("n2d-highcpu-224", "n2d", 224, 224),
        ("e2-highmem-16", "e2", 16, 128),
        ("c2-standard-60", "c2", 60, 240),
        ("c3-highcpu-22", "c3", 22, 44),
        ("c3d-highcpu-30", "c3d", 30, 59),
        ("custom-2-10240", "n1", 2, 10),
        ("n2-custom-6-20480", "n2", 6, 20),
        ("n2-custom-2-65536-ext", "n2", 2, 64),
    ],
)
def test_a_name_says_family_vcpus_and_memory(name, family, vcpus, gigabytes):
    kind = machine_type(name)
    assert (kind.name, kind.family, kind.vcpus, kind.memory) == (name, family, vcpus, gigabytes * GIB)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "n2-standard",
        "n2-standard-5",
        "n2-standard-04",
        "n2-standard-٤",
        "n2-standart-4",
        "N2-standard-4",
        "n2-standard-4 ",
        "n9-standard-4",
        "c3-custom-4-16384",
        "n2-custom-5-16384",
        "n2-custom-4-16383",
        "n2-custom-4-65536",
        "e2-custom-4-65536-ext",
    ],
)
def test_a_wrong_name_is_refused_with_what_is_allowed_and_a_name_that_exists(name):
    with pytest.raises(SpecError) as refused:
        machine_type(name)
    assert f"{name!r} given, allowed is" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert machine_type(refused.value.hint).name == refused.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "n4-standard-4",
        "c4-standard-8-lssd",
        "c4a-highmem-16",
        "m3-ultramem-32",
        "a2-highgpu-1g",
        "f1-micro",
        "n4-custom-4-16384",
        "c3-standard-8-lssd",
    ],
)
def test_a_type_of_another_family_is_not_known_and_not_refused(name):
    assert known_type(name) is None
    with pytest.raises(SpecError, match=f"{name!r} given"):
        machine_type(name)


@pytest.mark.parametrize(
    "name", ["n2-standard-5", "n2-standart-4", "n2-custom-5-16384", "m5.xlarge", "Standard_D4", ""]
)
def test_a_size_that_a_listed_family_does_not_have_is_refused(name):
    with pytest.raises(SpecError):
        known_type(name)


@given(st.text(max_size=30) | st.from_regex(r"[a-z]{1,2}[0-9]-custom-[0-9]{1,9}-[0-9]{1,9}(-ext)?", fullmatch=True))
def test_any_text_is_a_machine_type_or_refused(text):
    try:
        kind = machine_type(text)
    except SpecError as refused:
        kind = machine_type(refused.hint)
    assert kind.vcpus >= 1


@pytest.mark.parametrize(
    ("vcpus", "gigabytes", "shape"), [(4, 16, (3, 14)), (2, 8, (1, 6)), (1, 2, (1, 1)), (1, 3.75, (1, 1.875))]
)
def test_a_worker_leaves_a_core_and_two_gigabytes_to_the_system(vcpus, gigabytes, shape):
    threads, memory = worker_shape(vcpus, int(gigabytes * GIB))
    assert (threads, memory / GIB) == shape


@pytest.mark.parametrize("kind", PREDEFINED.values(), ids=str)
def test_a_worker_fits_its_machine(kind):
    shape = worker_shape(kind.vcpus, kind.memory)
    assert 1 <= shape.threads <= kind.vcpus
    assert kind.memory // 2 <= shape.memory < kind.memory
