"""The tree of errors is what its first page says, all of it public, each one line for a person."""

import inspect
import re

import pytest

import dask_dataproc
from dask_dataproc.clusters import errors

TREE = [value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__]


def drawn() -> dict[str, str]:
    """Return the parent of each error in the drawing that opens the module."""
    parents, path = {}, {-1: "Exception"}
    for indent, name in re.findall(r"^([│├└─ ]*)([A-Z]\w+)(?:$| {2,})", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 4
        path[depth] = name
        parents[name] = path[depth - 1]
    return parents


def test_the_drawing_is_the_tree():
    assert drawn() == {kind.__name__: kind.__bases__[0].__name__ for kind in TREE}


@pytest.mark.parametrize("kind", TREE)
def test_every_error_is_public_and_says_when_it_is_raised(kind):
    assert getattr(dask_dataproc, kind.__name__) is kind
    assert kind.__name__ in dask_dataproc.__all__
    assert "__doc__" in vars(kind)
    assert len(inspect.getdoc(kind) or "") > 20


@pytest.mark.parametrize("kind", TREE)
def test_a_person_sees_the_line_and_under_it_the_hint(kind):
    assert str(kind("name: what happened", "try this")) == "name: what happened"
    assert kind("what happened", "try this").lines() == f"{kind.__name__}: what happened\n  Try:  try this"
    assert kind("what happened").lines() == f"{kind.__name__}: what happened"


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        ("SpecError", ValueError),
        ("PriceUnknown", LookupError),
        ("ClusterNotFound", LookupError),
        ("PermissionDenied", PermissionError),
        ("WaitTimeout", TimeoutError),
    ],
)
def test_who_knows_only_pythons_own_errors_catches_ours(kind, builtin):
    assert issubclass(getattr(errors, kind), builtin)
