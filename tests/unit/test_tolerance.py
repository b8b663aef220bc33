"""ADR-002's table of fault tolerance against today's Dask."""

from __future__ import annotations

import dask.config
import distributed  # noqa: F401  # its settings
import pytest

from dask_dataproc.init_actions import settings, tolerance

PLACED = {figure.name: figure.place for figure in tolerance.TABLE if figure.place.startswith("distributed.")}


@pytest.mark.parametrize("place", PLACED.values(), ids=list(PLACED))
def test_a_figure_that_is_said_to_be_a_setting_is_one_and_set_on_every_node(place):
    assert dask.config.get(place) is not None
    assert place in settings.DASK


def test_the_settings_are_the_figures():
    given = {figure.place: figure.given for figure in tolerance.TABLE}
    for place in ("distributed.scheduler.worker-ttl", "distributed.deploy.lost-worker-timeout"):
        assert settings.DASK[place] == given[place]
    assert given["dask.annotate(retries=…)"] == tolerance.RETRIES


def test_every_figure_says_what_becomes_of_it():
    assert all(figure.note for figure in tolerance.TABLE)
    assert len({figure.name for figure in tolerance.TABLE}) == len(tolerance.TABLE)
