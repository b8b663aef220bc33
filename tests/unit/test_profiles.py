"""ADR-002's optimizations by workload against today's Dask."""

from __future__ import annotations

import subprocess
import sys

import dask.config
import distributed  # noqa: F401  # its settings
import pytest
from distributed.protocol.compression import compressions
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.spec import FIELDS
from dask_dataproc.init_actions import profiles, settings

ADR_002 = {
    "etl": ("by_input_size", "memory_and_disk", "pickle", "lz4", "tasks"),
    "ml": ("by_memory", "memory_only", "cloudpickle", "blosc", "p2p"),
    "analytics": ("by_cpu", "disk_only", "arrow", "zstd", "disk"),
}
NAMES = ("partitioning", "persistence", "serialization", "compression", "shuffle")
SIDES = {
    "workers": profiles.on_workers,
    "head": profiles.on_head,
    "client": lambda workload, codecs: profiles.on_client(workload, codecs, 4 << 30),
}
EVERY = [(workload, side) for workload in profiles.PROFILES for side in SIDES]


def asked(workload: str, side: str, codecs=compressions) -> dict:
    return SIDES[side](workload, codecs)


@pytest.mark.parametrize("workload", ADR_002)
def test_every_name_of_adr_002_is_there_and_says_what_it_comes_to(workload):
    table = {choice.name: choice for choice in profiles.PROFILES[workload]}
    assert {name: choice.given for name, choice in table.items()} == dict(zip(NAMES, ADR_002[workload], strict=True))
    assert all(choice.note for choice in table.values())


def test_every_workload_that_a_cluster_may_have_has_a_profile():
    assert set(FIELDS["workload"].choices) == profiles.PROFILES.keys()


@pytest.mark.parametrize(("workload", "side"), EVERY)
def test_what_is_set_is_a_setting_of_the_installed_dask(workload, side):
    defaults = dask.config.merge(*dask.config.defaults)
    nothing = object()
    assert not [k for k in asked(workload, side) if dask.config.get(k, nothing, config=defaults) is nothing]


@pytest.mark.parametrize(("workload", "side"), EVERY)
def test_what_this_project_installs_is_all_that_the_codecs_need(workload, side):
    assert asked(workload, side) == asked(workload, side, {"lz4", "zstd"})
    assert not profiles.missing(workload, compressions)


def test_a_codec_that_is_not_there_gives_way_to_dasks_own_choice_and_one_line_says_so():
    bare = {None, False, "auto", "zlib"}
    for side in SIDES:
        changed = asked("analytics", side, bare).items() - asked("analytics", side).items()
        assert dict(changed) == {k: "auto" for k, v in asked("analytics", side).items() if v == "zstd"}
    said = profiles.missing("analytics", bare)
    assert said == "zstd is not installed here, which workload analytics asks for: Dask takes what is"


WITHOUT = """
import sys
sys.modules["zstandard"] = None
import dask.config
from distributed.protocol.compression import compressions, get_compression_settings
from dask_dataproc.init_actions import profiles
from dask_dataproc.init_actions.spill import spill_to
dask.config.set(profiles.on_workers("analytics", compressions) | profiles.on_head("analytics", compressions))
buffer = spill_to(sys.argv[1], 1000)
buffer["key"] = bytes(100_000)
print(*map(get_compression_settings, (profiles.SPILLED, profiles.WIRE)), buffer.spilled_total.disk < 2000)
"""


def test_dask_itself_goes_on_without_the_codec(tmp_path):
    ran = subprocess.run([sys.executable, "-c", WITHOUT, tmp_path], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["lz4", "lz4", "True"], ran.stderr


def test_spilling_begins_before_a_worker_pauses_and_ends_in_every_workload():
    for workload in profiles.PROFILES:
        memory = settings.DASK | asked(workload, "workers")
        target, *rest = (memory[f"distributed.worker.memory.{n}"] for n in ("target", "spill", "pause", "terminate"))
        assert rest == sorted(rest)
        assert target is False or target <= rest[0]


@given(st.integers(0, 1 << 45), st.integers(0, 1 << 45))
def test_a_partition_by_memory_is_of_a_size_that_dask_can_live_with(one, other):
    few, many = (profiles.on_client("ml", compressions, memory)[profiles.CHUNK] for memory in sorted([one, other]))
    assert profiles.LEAST <= few <= many <= profiles.MOST


def test_where_the_memory_is_not_known_partitions_are_left_alone():
    assert not profiles.on_client("ml", compressions, None).keys() & set(profiles.BY_MEMORY)
