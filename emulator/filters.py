"""The list filters of the API (``field = value AND …``) and its pages. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from .errors import invalid

TERM = re.compile(r'\s*([\w.-]+)\s*(<=|>=|<|>|=)\s*("[^"]*"|[^\s"]+)(?=\s|$)')
AND = re.compile(r"\s+AND(?=\s)")
MAX_PAGE = 1000

Field = Callable[[str, str], bool]
"""Whether a resource's field stands in the relation (``=``, ``<=`` …) to the value given."""
T = TypeVar("T")


def parse(text: str) -> list[tuple[str, str, str]]:
    """Return the filter's terms as ``(field, relation, value)``; the AND between two terms may be left out.

    Raises
    ------
    ApiError
        INVALID_ARGUMENT: the text is not made of terms.
    """
    terms, at = [], 0
    while text[at:].strip():
        joint = AND.match(text, at) if terms else None
        found = TERM.match(text, joint.end() if joint else at)
        if found is None:
            raise invalid([("filter", f"'{text}' given, allowed is field = value [AND [field = value]] ...")])
        field, relation, value = found.groups()
        terms.append((field, relation, value.strip('"')))
        at = found.end()
    return terms


def matches(terms: Iterable[tuple[str, str, str]], labels: Mapping[str, str], fields: Mapping[str, Field]) -> bool:
    """Return whether a resource with ``labels`` and ``fields`` meets every term.

    Raises
    ------
    ApiError
        INVALID_ARGUMENT: a term names another field.
    """
    return all(_meets(field, relation, value, labels, fields) for field, relation, value in terms)


def _meets(field: str, relation: str, value: str, labels: Mapping[str, str], fields: Mapping[str, Field]) -> bool:
    kind, _, key = field.partition(".")
    if kind == "labels" and key and relation == "=":
        return key in labels and value in ("*", labels[key])
    if field not in fields:
        raise invalid([("filter", f"'{field}' given, allowed is one of {', '.join(fields)}, labels.KEY")])
    return value == "*" or fields[field](relation, value)


def equals(*given: str) -> Field:
    """Return the field whose value is each of ``given`` (a state, and the name of the group it is in)."""
    return lambda relation, value: relation == "=" and value in given


def check_terms(terms: Iterable[tuple[str, str, str]], names: Iterable[str]) -> None:
    """Refuse a filter on other fields than ``names``, also where there is nothing to list."""
    nothing = {name: equals() for name in names}
    for term in terms:
        matches([term], {}, nothing)


def page(found: Mapping[str, T], size: int, token: str) -> tuple[list[T], str]:
    """Return one page of ``found`` in the order of its keys, and the token of the next page or ''.

    A token names the last key given, so that a page is not moved by what is deleted meanwhile.

    Raises
    ------
    ApiError
        INVALID_ARGUMENT: a size below 0, or a token that no page gave.
    """
    if size < 0:
        raise invalid([("page_size", f"'{size}' given, allowed is 0 to {MAX_PAGE}")])
    after = _read_token(token)
    keys = [key for key in sorted(found) if key > after]
    shown = keys[: min(size or MAX_PAGE, MAX_PAGE)]
    following = _make_token(shown[-1]) if len(keys) > len(shown) else ""
    return [found[key] for key in shown], following


def _make_token(key: str) -> str:
    return base64.urlsafe_b64encode(f"after:{key}".encode()).decode()


def _read_token(token: str) -> str:
    if not token:
        return ""
    try:
        mark, _, key = base64.b64decode(token, altchars=b"-_", validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        mark, key = "", ""
    if mark != "after":
        raise invalid([("page_token", f"'{token}' given, allowed is the next_page_token of an earlier answer")])
    return key
