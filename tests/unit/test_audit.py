"""The audit trail as plain values: each event once, in order, with the ends that nobody wrote and no secret in it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_dataproc import SpecError
from dask_dataproc.clusters import audit
from dask_dataproc.clusters.account import Account
from dask_dataproc.clusters.audit import (
    Event,
    asked_for,
    event_of,
    events_of,
    lines_of,
    moment,
    over,
    together,
    total,
    with_ends,
)
from dask_dataproc.clusters.origin import origin
from dask_dataproc.clusters.redaction import HIDDEN, redacted
from dask_dataproc.clusters.reservation import Reservation, Span

NOW = 1_790_000_000.0
DAY = 86400.0
CREATED = Event(
    NOW, audit.CREATED, "c", "p/r", "ana", "ana", "notebook n.ipynb", "1", "k", "u", 2, "n2-standard-4", 0.74
)
texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=30)
events = st.builds(
    Event,
    at=st.floats(0, 2e9),
    act=st.sampled_from(["create", "deleted", "resize failed"]),
    cluster=texts,
    place=texts,
    owner=texts,
    by=texts,
    through=texts,
    id=st.uuids().map(str),
    usd=st.none() | st.floats(0, 1e6),
    detail=texts,
)


@given(events)
def test_an_event_is_read_back_as_it_was_written(event):
    assert event_of(event.line()) == event
    assert "\n" not in event.line()


@given(st.lists(events, max_size=8), st.randoms())
def test_however_events_are_found_each_counts_once_and_they_are_in_order(found, random):
    twice = [*found, *found]
    random.shuffle(twice)
    assert together(twice) == sorted(found, key=lambda event: (event.at, event.id))
    assert events_of(lines_of(together(found, twice))) == together(found)


def test_a_line_that_is_broken_or_of_a_later_version_keeps_nobody_from_reading_the_others():
    later = json.dumps(CREATED.to_dict() | {"colour": "red"})
    assert events_of(f'{{"half": \n{later}\n[]\n"x"\n'.encode()) == [CREATED]


def test_names_of_objects_are_in_the_order_of_time():
    at = [0.5, 9.0, 99.0, NOW, NOW + 0.001, 1e11]
    names = [replace(CREATED, at=when).name for when in at]
    assert names == sorted(names)


def test_a_day_is_put_together_only_when_nobody_may_add_to_it_any_more():
    yesterday, earlier = replace(CREATED, at=NOW - DAY, id="2"), replace(CREATED, at=NOW - 3 * DAY, id="3")
    assert list(over([CREATED, yesterday, earlier], NOW).values()) == [[earlier]]


def test_a_cluster_that_went_with_its_lease_has_an_end_with_what_it_cost():
    accounts = [Account("ana", ended={"k": NOW + 1800}, costs={"k": 0.37})]
    (_, end) = with_ends([CREATED], accounts)
    assert (end.act, end.at, end.by, end.through, end.usd) == ("ended", NOW + 1800, "dataproc", audit.LEASE, 0.37)
    deleted = replace(CREATED, act=audit.DELETED, at=NOW + 60, id="4")
    assert with_ends([CREATED, deleted], accounts) == [CREATED, deleted]


def test_a_cluster_that_was_attached_to_again_after_its_end_has_none():
    held = Reservation("k", "c", "p/r", 2, 28 << 30, "etl", NOW + 3600, "u", (Span(NOW, 0.74),), NOW)
    accounts = [Account("ana", {"k": held}, ended={"k": NOW + 1800}, costs={"k": 0.37})]
    assert with_ends([CREATED], accounts) == [CREATED]


def test_a_cluster_that_two_have_deleted_has_cost_once():
    deleted = replace(CREATED, act=audit.DELETED, usd=2.0, id="4")
    again = replace(deleted, at=NOW + 60, id="5")
    other = replace(deleted, key="l", usd=1.0, id="6")
    unknown = replace(deleted, usd=None, id="7")
    assert total([CREATED, deleted, again, unknown, other]) == 3.0


def test_events_are_asked_for_by_time_owner_cluster_and_place():
    bo = replace(CREATED, owner="bo", cluster="d", id="5", at=NOW + 5)
    assert asked_for([CREATED, bo], owner="bo") == [bo]
    assert asked_for([CREATED, bo], cluster="c", place="p/r") == [CREATED]
    assert asked_for([CREATED, bo], since=NOW + 1) == [bo]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("36h", NOW - 36 * 3600),
        ("7d", NOW - 7 * DAY),
        ("2026-09-21", 1_789_948_800.0),
        ("2026-09-21T02:00+02:00", 1_789_948_800.0),
    ],
)
def test_a_moment_is_a_duration_or_a_date(text, meant):
    assert moment(text, NOW) == meant


def test_what_is_neither_is_refused_with_what_is_allowed():
    with pytest.raises(SpecError, match=r"since: 'last week' given, allowed is a duration such as 36h"):
        moment("last week", NOW)


@pytest.mark.parametrize(
    ("environment", "words", "said"),
    [
        ({"AIRFLOW_CTX_DAG_ID": "etl", "AIRFLOW_CTX_DAG_RUN_ID": "r1", "JPY_SESSION_NAME": "n"}, ["x"], "dag etl r1"),
        ({"JPY_SESSION_NAME": "/home/ana/a.ipynb"}, ["ipykernel_launcher.py"], "notebook /home/ana/a.ipynb"),
        ({}, ["/v/bin/dask", "dataproc", "up", "--name", "s3cret"], "dask dataproc up"),
        ({}, ["/v/dask/__main__.py", "dataproc", "scale", "3"], "dask dataproc scale"),
        ({}, ["/v/ipykernel_launcher.py", "-f", "k.json"], "a kernel without a notebook's name"),
        ({}, ["/home/ana/job.py", "--token", "x"], "job.py"),
        ({}, ["-c"], "python"),
        ({}, [], "python"),
    ],
)
def test_it_is_said_through_what_somebody_acts_and_no_option_is_repeated(environment, words, said):
    assert origin(environment, words) == said


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----\nSECRET\nmore\n-----END PRIVATE KEY-----",
        "tail of a file\n-----BEGIN RSA PRIVATE KEY-----\nSECRET",
        "pip install --index-url https://ana:SECRET@pypi.corp/simple",
        "Authorization: Bearer SECRET.abc-def",
        'headers={"authorization": "Bearer SECRETSECRET"}',
        "export DB_PASSWORD=SECRET",
        '{"private_key": "SE\\"CRET", "x": 1}',
        "{'api_key': 'SECRET', 'n': 2}",
        "access_token: SECRET",
        "--client-secret SECRET --other 1",
        "got ya29.SECRET-x_y",
        "key AIzaSECRETaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiSECRET.SECRET",
        "{'Authorization': 'Basic SECRETpw=='}",
        '{"authorization": "token SECRET"}',
        "from https://SECRETSECRET@pypi.corp/simple",
        "git clone https://glpat-SECRET@gitlab.com/a/b",
        "postgresql://u:p@SECRET@host/db",
        "postgresql://u:p/SECRET@host/db",
        "password:SECRET",
        json.dumps(json.dumps({"password": "SECRET", "detail": "{'token': 'SECRET'}"})),
        json.dumps({"detail": json.dumps({"private_key": "SE\nCRETSECRET"})}),
        "remote https://x-access-token:ghp_SECRETSECRETSECRETSECRET@github.com/a/b",
    ],
)
def test_a_secret_is_taken_out_of_a_log(text):
    said = redacted(text)
    assert "SECRET" not in said
    assert HIDDEN in said
    assert redacted(said) == said


@pytest.mark.parametrize(
    "text",
    [
        "tls://10.0.0.3:8786 registered, 3 tokens processed",
        "secrets are in Secret Manager",
        "gs://bucket/dask/clusters/u/connection.json",
        "gs://bucket/a/b, mail ana@corp.com",
        "https://docs.dask.org/en/stable/ and ana@corp.com",
        "tokens: 12, secret:",
        "2026-11-26 09:51:17 distributed.scheduler - INFO - Register worker tls://10.1.2.3:1234",
        "key ('sum-abc', 0) is done; keys: 12",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(text):
    assert redacted(text) == text
