"""The result that is committed of the infrastructure's check, which is too long for each run, is of what there is."""

import importlib.util
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
LAST = (ROOT / "infra" / "check" / "last.txt").read_text()


def digest() -> str:
    spec = importlib.util.spec_from_file_location("infra_check", ROOT / "tests" / "infra_check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.digest(ROOT)


def test_the_last_check_was_of_this_tree_and_nothing_failed():
    assert f"tree {digest()}\n" in LAST, "infra/ has changed since its last check: make infra-check"
    assert LAST.endswith("   0 failed\n")
    assert all(int(count) for count in re.findall(r"(\d+) passed", LAST))


def test_the_text_names_no_place_of_the_machine_it_was_made_on():
    assert not re.findall(r"(?<![\w.])/\w+/\w+/", LAST)


def test_the_example_of_the_environment_has_every_variable_without_a_default():
    dev = ROOT / "infra" / "terraform" / "environments" / "dev"
    blocks = (dev / "variables.tf").read_text().split('variable "')[1:]
    needed = {block.split('"')[0] for block in blocks if not re.search(r"^  default +=", block, re.M)}
    given = set(re.findall(r"^(\w+) +=", (dev / "terraform.tfvars.example").read_text(), re.M))
    assert needed <= given


def test_the_settings_that_terraform_prints_are_settings():
    printed = (ROOT / "infra/terraform/environments/dev/outputs.tf").read_text()
    keys = re.findall(r"^      ([a-z-]+) +=", printed, re.M)
    from dask_dataproc.clusters.spec import FIELDS

    settings = yaml.safe_load((ROOT / "clusters" / "dataproc.yaml").read_text())["dataproc"]
    assert len(keys) > 7
    assert set(keys) <= set(settings) | {name.replace("_", "-") for name in FIELDS}
