"""`size` as one types it: a table for people, one JSON document for programs, a line that can be pasted."""

import json

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from dask_dataproc.magics.cli import dataproc


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("data")
    pq.write_table(pa.table({"x": np.arange(100_000)}), folder / "x.parquet")
    return str(folder)


def asked(*arguments: str):
    return CliRunner().invoke(dataproc, ["size", *arguments])


def test_json_is_one_document_with_the_names_that_are_promised(data):
    done = asked(data, "--workload", "analytics", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["recommend"] in ("cluster", "single-node", "none")
    assert said["spec"]["workload"] == "analytics"
    assert said["bytes"] > 0
    assert len(said["expected_minutes"]) == len(said["expected_cost"]) == 2
    assert said["prices"]["as_of"]


def test_a_person_sees_why_the_price_adr_003s_answer_and_a_line_to_paste(data):
    done = asked(data)
    assert done.exit_code == 0, done.stderr
    assert "recommended" in done.stdout
    assert "small_etl" in done.stdout
    assert "dd.read_parquet(" in done.stdout
    line = done.stdout.splitlines()[-1]
    typed = line.partition("dask dataproc ")[2].split()
    assert typed[0] == "up"
    up = dataproc.get_command(click.Context(dataproc), "up")
    assert up is not None
    assert up.make_context("up", typed[1:]).params["workload"] == "etl"


def test_the_rule_alone_is_adr_003s_cluster(data):
    said = json.loads(asked(data, "--rule", "--json").stdout)
    assert (said["spec"]["workers"], said["spec"]["worker_machine"]) == (2, "n2-standard-2")
    assert "small_etl" in said["reasons"][0]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere.parquet"], 1, "InputError: nowhere.parquet: nothing is there"),
        (["x", "--workload", "batch"], 2, "SpecError: workload: 'batch' given"),
        (["x", "--deadline", "soon"], 2, "'soon' is no duration"),
    ],
)
def test_what_cannot_be_sized_is_one_line(arguments, status, said):
    done = asked(*arguments)
    assert (done.exit_code, done.stdout) == (status, "")
    assert said in done.stderr
