"""Quotas and zones as settings of the emulator: how they may be written, and what is refused."""

from __future__ import annotations

import dask
import pytest

from dask_dataproc import ConfigError
from dask_dataproc.clusters.config import setting
from dask_dataproc.clusters.local import _limits


def limits(**given: object) -> list[str]:
    setting("lease")  # the defaults come first
    with dask.config.set({f"dataproc.emulator.{name}": value for name, value in given.items()}):
        return _limits()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, []),
        ({"quotas": {"CPUS": 48, "N2_CPUS": 24}}, ["--quotas=CPUS=48,N2_CPUS=24"]),
        ({"quotas": "CPUS=48", "zones": {"us-central1-b": 0}}, ["--quotas=CPUS=48", "--zones=us-central1-b=0"]),
    ],
)
def test_limits_are_written_as_a_mapping_or_as_one_text(given, expected):
    assert limits(**given) == expected


@pytest.mark.parametrize("given", [{"CPUS": "many"}, {"CPUS": -1}, "CPUS", 48])
def test_what_is_no_number_is_refused_with_the_settings_name(given):
    with pytest.raises(ConfigError, match=r"dataproc.emulator.quotas: .* given, allowed is a number for each metric"):
        limits(quotas=given)
