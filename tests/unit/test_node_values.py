"""What a node is stands in one file: the scripts, the node programs and the Ansible role all read it there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import dask.config
import pytest
import yaml

from dask_dataproc.clusters.staging import NODE_PROGRAMS, alone
from dask_dataproc.init_actions import settings

FILE = NODE_PROGRAMS / "node.yaml"
VALUES = yaml.safe_load(FILE.read_text())
SCRIPTS = sorted(NODE_PROGRAMS.glob("*.sh"))
ROLE = NODE_PROGRAMS.parent / "infra" / "ansible" / "roles" / "dask-config"


@pytest.mark.parametrize("name", [name for name in VALUES if name != "dask"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_reads_each_value_as_a_reader_of_yaml_does(script, name, tmp_path):
    on_a_node = tmp_path / script.name
    on_a_node.write_text(alone(script))
    assert not (tmp_path / FILE.name).exists()
    for path in (script, on_a_node):
        said = subprocess.run(["bash", "-c", f". {path}; value {name}"], capture_output=True, text=True)
        assert (yaml.safe_load(said.stdout), said.stderr) == (VALUES[name], "")


def test_a_list_is_one_in_a_script_too():
    lists = 'printf \'%s\\n\' "${SHARED_FOLDERS[@]}" - "${SCRATCH_VARIABLES[@]}"'
    said = subprocess.run(
        ["bash", "-c", f". {NODE_PROGRAMS / 'configure-storage.sh'}; {lists}"], capture_output=True, text=True
    )
    assert said.stdout.split() == [*VALUES["shared_folders"], "-", *VALUES["scratch_folders"]]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_node_gets_a_script_that_needs_no_file_beside_it(script):
    assert FILE.name not in alone(script).replace(FILE.read_text().rstrip("\n").replace("'", "'\"'\"'"), "")


def test_no_value_stands_in_a_script_as_well():
    """But in words for a reader: comments and what is said."""
    code = [line for script in SCRIPTS for line in script.read_text().splitlines() if not line.lstrip().startswith("#")]
    texts = [VALUES[name] for name in VALUES if isinstance(VALUES[name], str) and "/" in VALUES[name].strip("/")]
    assert texts
    assert [line for line in code for text in texts if text in line] == []


def test_dask_on_a_node_is_configured_by_the_file():
    with dask.config.set(settings.DASK):
        for name, value in settings.DASK.items():
            assert dask.config.get(name) == value
        assert dask.config.get("distributed.worker.memory.target") == 0.85


def test_the_role_reads_the_very_file():
    assert Path(ROLE / "vars" / "node.yaml").resolve() == FILE
