"""The options of `up` are the fields of a cluster: all of them, by their names, parsed and refused by the fields."""

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.spec import FIELDS
from dask_dataproc.magics.cli import dataproc
from dask_dataproc.magics.options import DURATION, spec_options, typed_fields
from dask_dataproc.magics.up_verb import up


@click.command()
@spec_options
def typed(**given):
    """Say which fields were typed."""
    click.echo(json.dumps(typed_fields(given)))


def fields(*arguments: str):
    result = CliRunner().invoke(typed, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_every_field_has_an_option_of_its_name_and_its_help():
    options = {option.name: option for option in up.params if isinstance(option, click.Option)}
    for name, field in FIELDS.items():
        assert options[name].opts == [f"--{name.replace('_', '-')}"]
        assert field.help[1:] in options[name].help


def test_what_is_not_typed_is_not_there():
    assert fields() == {}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--workers", "4"], {"workers": 4}),
        (["--lifetime", "2h"], {"lifetime": 7200}),
        (["--no-internal-ip-only"], {"internal_ip_only": False}),
        (["--tags", "dask,batch", "--tags", "no-ssh"], {"tags": ["dask", "batch", "no-ssh"]}),
        (
            ["--labels", "team=risk", "--labels", "step=2,stage=a"],
            {"labels": {"team": "risk", "step": "2", "stage": "a"}},
        ),
        (["--queue", "batch"], {"queue": "batch"}),
        (["--staging", "gs://bucket/dask"], {"staging": "gs://bucket/dask"}),
    ],
)
def test_values_arrive_as_the_field_has_them(arguments, expected):
    assert fields(*arguments) == expected


@given(st.text(max_size=12).filter(lambda text: not text.startswith("-")))
def test_whatever_is_typed_for_a_number_is_a_number_in_bounds_or_one_line_naming_the_field(text):
    result = CliRunner().invoke(dataproc, ["up", "--workers", text, "--spec", "/nowhere.yaml"])
    assert result.exit_code == 2
    line = result.stderr.splitlines()[0]
    assert line.startswith(("SpecError: workers: ", "SpecError: spec: "))
    assert result.stdout == ""


def test_a_spec_file_gives_the_fields_and_a_typed_option_wins(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text("workers: 1\nworker-machine: n2-standard-8\n")
    result = CliRunner().invoke(dataproc, ["up", "--spec", str(path), "--master-machine", "x y"])
    assert "master_machine" in result.stderr
    result = CliRunner().invoke(dataproc, ["up", "--spec", str(path)])
    assert "workers: 1 given" in result.stderr


@pytest.mark.parametrize("text", ["- a\n- b\n", "workers: [", "nosuch: 1\n"])
def test_a_spec_file_that_is_none_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    result = CliRunner().invoke(dataproc, ["up", "--spec", str(path)])
    assert result.exit_code == 2
    assert result.stderr.startswith("SpecError: ")


def test_a_duration_option_takes_durations_alone():
    assert DURATION.convert("45m", None, None) == 2700
    with pytest.raises(click.BadParameter, match="duration"):
        DURATION.convert("soon", None, None)
