"""Whether a model is good enough: every metric that is not is named, with its bound; none passes by being no number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc.clusters.errors import SpecError
from dask_dataproc.pipelines.operators.thresholds import missed, read_metrics, read_thresholds, worse

numbers = st.floats(-1e6, 1e6)


def lines(metrics, thresholds, wanted=()):
    return missed(metrics, wanted, read_thresholds(thresholds))


@given(numbers, numbers)
def test_a_number_alone_is_a_bound_below_that_is_kept_where_it_is_met(value, bound):
    assert bool(lines({"auc": value}, {"auc": bound})) == (value < bound)


@given(numbers, numbers, numbers)
def test_bounds_on_both_sides_are_both_kept(value, one, other):
    low, high = sorted((one, other))
    assert bool(lines({"bias": value}, {"bias": {"min": low, "max": high}})) == (not low <= value <= high)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, True, "0.9", [0.9]])
def test_what_is_no_finite_number_never_passes(value):
    (line,) = lines({"auc": value}, {"auc": 0.5})
    assert line.startswith("auc: ")
    assert line.endswith("allowed is a finite number")


def test_each_failure_is_one_line_with_metric_value_and_bound():
    metrics = {"auc": 0.7, "rmse": 4.0}
    assert lines(metrics, {"auc": 0.8, "rmse": {"max": 3.5}}, wanted=["f1", "auc"]) == [
        "f1: not there, the model has auc, rmse",
        "auc: 0.7, allowed is at least 0.8",
        "rmse: 4, allowed is at most 3.5",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rmse": 3.5}, "rmse: 3.5 given, allowed is a mapping with max"),
        ({"log_loss": 0.2}, "log_loss: 0.2 given, allowed is a mapping with max"),
        ({"auc": "0.8"}, "auc: '0.8' given, allowed is a finite number"),
        ({"auc": True}, "auc: True given, allowed is a finite number"),
        ({"auc": {}}, "auc: {} given, allowed is min, max or both"),
        ({"auc": {"min": 1, "max": 0}}, "allowed is min at most max"),
        ({"auc": {"mim": 1}}, "'mim': no such bound of auc, the nearest is min"),
    ],
)
def test_a_threshold_that_cannot_be_meant_is_refused_in_one_line(given, said):
    with pytest.raises(SpecError) as refused:
        read_thresholds(given)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@given(numbers, numbers)
def test_a_model_is_worse_where_it_is_behind_the_champion_in_the_metrics_own_direction(value, best):
    up, down = read_thresholds({"auc": -1e9}), read_thresholds({"rmse": {"max": 1e9}})
    assert bool(worse({"auc": value}, {"auc": best}, up)) == (value < best)
    assert bool(worse({"rmse": value}, {"rmse": best}, down)) == (value > best)


def test_what_the_champion_does_not_have_is_not_compared():
    assert worse({"auc": 0.1}, {"f1": 0.9}, read_thresholds({"auc": 0})) == []


def test_metrics_are_a_mapping_or_under_metrics():
    assert read_metrics({"auc": 1}, "m") == read_metrics({"metrics": {"auc": 1}}, "m") == {"auc": 1}
    with pytest.raises(SpecError, match="m: "):
        read_metrics([1], "m")
