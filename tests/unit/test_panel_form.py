"""The panel's form without a browser: made from the fields, read through them, wrong values said under them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.clusters.spec import FIELDS, ClusterSpec
from dask_dataproc.magics.panel_form import FRONT, SPLIT, Form, split, together


@pytest.fixture
def form() -> Form:
    made = Form(lambda: None, lambda: None)
    made.begin({name: field.default for name, field in FIELDS.items()}, {})
    made.open()
    return made


def test_what_is_folded_away_is_made_when_it_is_opened_and_says_what_the_form_knows():
    form = Form(lambda: None, lambda: None)
    form.begin({name: field.default for name, field in FIELDS.items()}, {"region": "europe-west1"})
    assert set(form.controls) == set(FRONT)
    assert form.fields() == {"region": "europe-west1"}
    form.widget.children[-1].selected_index = 0
    assert form.controls["region"].input.value == "europe-west1"
    assert form.fields() == {"region": "europe-west1"}


def under(form: Form, name: str) -> str:
    return form.controls[name].widget.children[1].value


def test_every_field_has_a_control_with_a_label_and_its_help(form):
    assert set(form.controls) == (FIELDS.keys() - set(SPLIT)) | {"spot_share"}
    assert set(FRONT) <= form.controls.keys()
    for name, control in form.controls.items():
        assert control.input.description
        if name not in ("workers", "spot_share"):
            assert FIELDS[name].help.split(",")[0][:20] in under(form, name).replace("&#x27;", "'")


def test_a_form_that_nobody_has_touched_asks_for_nothing(form):
    assert form.fields() == {}


def test_what_differs_is_what_is_asked_for(form):
    form.controls["workers"].input.value = 8
    form.controls["spot_share"].input.value = 50
    form.controls["lifetime"].input.value = "45m"
    form.controls["labels"].input.value = "team=risk"
    form.controls["fallbacks"].input.value = "n2d-standard-4, e2-standard-4"
    form.controls["internal_ip_only"].input.value = False
    assert form.fields() == {
        "workers": 4,
        "secondary_workers": 4,
        "secondary_type": "spot",
        "lifetime": 2700,
        "labels": {"team": "risk"},
        "fallbacks": ("n2d-standard-4", "e2-standard-4"),
        "internal_ip_only": False,
    }


def test_a_wrong_value_is_said_under_its_control_and_goes_when_it_is_right_again(form):
    form.controls["lifetime"].input.value = "5 minutes"
    with pytest.raises(SpecError, match="lifetime: '5 minutes' given"):
        form.fields()
    assert "&#x27;5 minutes&#x27; given, allowed is a duration" in under(form, "lifetime")
    form.controls["lifetime"].input.value = "5h"
    assert form.fields() == {"lifetime": 18000}
    assert under(form, "lifetime") == under(Form(lambda: None, lambda: None), "lifetime")


def test_what_fields_refuse_together_is_said_under_the_one_it_names(form):
    form.controls["workers"].input.value = 12
    with pytest.raises(SpecError) as refused:
        ClusterSpec(**form.fields())
    assert form.complain(refused.value)
    assert "at most max_workers (10)" in under(form, "workers")
    assert not form.complain(SpecError("a name of nothing: wrong"))


def test_the_form_takes_a_recommendation_over_and_leaves_what_it_says_nothing_of(form):
    form.controls["lifetime"].input.value = "2h"
    form.take({"workers": 3, "secondary_workers": 3, "secondary_type": "spot", "worker_machine": "n2-highmem-8"})
    assert form.controls["workers"].input.value == 6
    assert form.controls["spot_share"].input.value == 50
    assert form.fields()["worker_machine"] == "n2-highmem-8"
    assert form.fields()["lifetime"] == 7200


def test_values_with_commas_come_back_as_they_were(form):
    properties = {"spark:spark.x": "a,b=c", "dask:y": "{}"}
    form.take({"properties": properties})
    assert form.fields() == {"properties": properties}


def test_a_change_is_told(form):
    told: list[int] = []
    changing = Form(lambda: told.append(1), lambda: None)
    changing.controls["workers"].input.value = 5
    assert told == [1]


@given(st.integers(0, 1000), st.integers(0, 100))
def test_total_and_share_become_fields_that_a_cluster_may_have(total, share):
    fields = split(total, share)
    assert fields["workers"] + fields["secondary_workers"] == total
    assert fields["workers"] >= min(total, 2)
    assert (fields["secondary_type"] == "spot") == (fields["secondary_workers"] > 0)
    if total != 1:
        ClusterSpec(**fields, max_workers=1000)


@given(st.integers(4, 100), st.integers(0, 60))
def test_a_split_that_is_shown_again_is_the_same_split(total, share):
    fields = split(total, share)
    assert split(*together(fields)) == fields


def test_preemptible_machines_stay_what_they_are_called(form):
    form.take({"workers": 2, "secondary_workers": 2, "secondary_type": "preemptible"})
    assert form.fields()["secondary_type"] == "preemptible"
