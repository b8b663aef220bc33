"""Terraform itself finds nothing to say: formatted, valid by Google's schema, and what the modules promise holds."""

import pytest
from terraform_tree import DEV, ROOT

MODULES = sorted(path.name for path in (ROOT / "infra/terraform/modules").iterdir())


def test_everything_is_formatted(tree):
    assert tree.done(".", "fmt", "-check", "-recursive", "-list=true") == ""


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_valid_and_keeps_its_promises(tree, module):
    folder = f"modules/{module}"
    tree.ready(folder)
    tree.done(folder, "validate", "-no-color")
    assert "0 failed" in tree.done(folder, "test", "-no-color")


def test_the_environment_dev_is_valid_and_can_be_planned(tree, dev):
    tree.done(DEV, "validate", "-no-color")
    assert not [each for each in dev["resource_changes"] if "delete" in each["change"]["actions"]]
    modules = {each["address"].split(".")[1] for each in dev["planned_values"]["root_module"]["child_modules"]}
    assert modules == set(MODULES)


def test_every_module_pins_the_provider(tree):
    pinned = [path.read_text() for path in tree.terraform.glob("*/*/versions.tf")]
    assert len(pinned) == len(MODULES) + 1
    assert all('"~> 6.50"' in text for text in pinned)


def test_every_variable_says_what_it_is(tree):
    for path in tree.terraform.glob("*/*/*.tf"):
        blocks = path.read_text().split('\nvariable "')[1:]
        assert not [block.split('"')[0] for block in blocks if "description" not in block.split("\n}")[0]], path
