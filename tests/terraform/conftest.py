"""Terraform, Google's schema, checkov and CEL, for the tests of infra/terraform; `make infra-check` runs them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.append(str(Path(__file__).parent))

from terraform_tree import CLUSTERS, DEV, MADE, Tree, copy_tree, outputs, program


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """Fail where what checks is not there."""
    wanted = [MADE / "terraform.rc", MADE / "venv" / "bin" / "checkov", Path(program())]
    missing = [str(path) for path in wanted if not path.exists()]
    if missing:
        pytest.fail(f"{', '.join(missing)} is missing: bash tests/terraform/setup.sh")


@pytest.fixture(scope="session")
def make_tree(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Tree]:
    """Return what makes a copy of the tree."""
    return lambda: copy_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="session")
def tree(make_tree: Callable[[], Tree]) -> Tree:
    """The tree as it is."""
    return make_tree()


@pytest.fixture(scope="session")
def dev(tree: Tree) -> dict[str, Any]:
    """The plan of the environment dev."""
    return tree.plan(DEV)


@pytest.fixture(scope="session")
def dataproc(tree: Tree) -> dict[str, Any]:
    """The outputs of module dataproc."""
    return outputs(tree.plan("modules/dataproc", CLUSTERS))


@pytest.fixture(scope="session")
def printed(tree: Tree) -> dict[str, Any]:
    """What `terraform output -raw dask_config` prints, as dask reads it: of a run of Terraform's own tests of dev."""
    tree.ready(DEV)
    told = [json.loads(line) for line in tree.done(DEV, "test", "-json", "-verbose").splitlines()]
    (state,) = (
        each["test_state"] for each in told if each.get("@testrun") == "prints_the_config" and "test_state" in each
    )
    return yaml.safe_load(state["outputs"]["dask_config"]["value"])
