"""What a month may cost: how far a budget is used, where the month will end, and what still fits. Pure: time is given.

Levels are the seeds': above 80 % a warning, above 95 % it is critical (ADR-003's cost tracker), and between them the
alert of ADR-003's rule HighUserSpending, above 90 %. What running clusters have cost so far is spent.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import BudgetExceeded, ConfigError
from .fields import duration_text, shown
from .sections import entries, section

BUDGETS = "dataproc.budgets"
LEVELS = ((1.0, "over"), (0.95, "critical"), (0.9, "alert"), (0.8, "warning"))
"""The share of the budget above which there is a level, highest first."""
HOUR, DAY = 3600.0, 24.0
LEAST_LIFETIME = 600
"""Seconds; a cluster's shortest lifetime."""
STEP = 600
"""Seconds; lifetimes that are proposed are a multiple of it."""


class Budgets(NamedTuple):
    """The budgets that hold for a person, USD a month; None is no bound.

    Attributes
    ----------
    user, project : float or None
        Of the person, and of all who use the project.
    hard_stop : bool
        Whether a cluster that does not fit any more is refused, or only warned of.
    hourly : float or None
        USD an hour that the person's clusters may cost together; alerts speak of it, nothing is refused by it.
    """

    user: float | None = None
    project: float | None = None
    hard_stop: bool = False
    hourly: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a month's budget stands.

    Attributes
    ----------
    whose : str
        ``ana``, ``project my-project``.
    month : str
        ``2026-11``, in UTC.
    spent : float
        USD since its beginning, running clusters included.
    rate : float
        USD per hour of the clusters that run now.
    budget : float or None
        USD; None is no bound.
    forecast : float
        USD by the month's end; see `forecast`.
    remaining : float
        Hours until the month's end.
    """

    whose: str
    month: str
    spent: float
    rate: float
    budget: float | None
    forecast: float
    remaining: float

    @property
    def share(self) -> float | None:
        """How much of the budget is spent, 0.8 of it say; None without one. Of a budget of 0 all is."""
        if self.budget is None:
            return None
        return self.spent / self.budget if self.budget else 1.0

    @property
    def left(self) -> float | None:
        """USD that are left, never below 0; None without a budget."""
        return None if self.budget is None else max(0.0, self.budget - self.spent)

    @property
    def hours_left(self) -> float | None:
        """Hours until the clusters that run now have used up what is left; None if none runs or there is no budget."""
        return None if self.left is None or self.rate <= 0 else self.left / self.rate

    @property
    def level(self) -> str:
        """``over``, ``critical``, ``alert``, ``warning``, or nothing."""
        if self.budget is None:
            return ""
        return next((name for share, name in LEVELS if self.spent > share * self.budget), "")

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        named = ("whose", "month", "spent", "budget", "left", "share", "level", "rate", "forecast", "hours_left")
        return {name: getattr(self, name) for name in named}


def budgets_of(user: str, settings: Any) -> Budgets:
    """Return the budgets that hold for ``user``.

    Parameters
    ----------
    user : str
        As the label ``owner`` says it.
    settings : mapping
        The section ``dataproc.budgets``.

    Raises
    ------
    ConfigError
        An unknown setting, or a budget that is no sum of money; one line names it.
    """
    found = section(settings, BUDGETS, ("user", "users", "project", "hard_stop", "hourly"))
    people = entries(found.get("users"), f"{BUDGETS}.users")
    own = {who: _usd(value, f"{BUDGETS}.users.{who}") for who, value in people.items()}
    common, project, hourly = (_usd(found.get(name), f"{BUDGETS}.{name}") for name in ("user", "project", "hourly"))
    hard_stop = found.get("hard_stop", False)
    if not isinstance(hard_stop, bool):
        raise _wrong(f"{BUDGETS}.hard-stop", hard_stop, "true or false", "false")
    return Budgets(own.get(user, common), project, hard_stop, hourly)


def standing(spent: float, rate_per_hour: float, budget: float | None, now: float, whose: str = "you") -> Standing:
    """Return how a budget stands.

    Parameters
    ----------
    spent : float
        USD of this month so far, of ended and running clusters; `Account.spent_in`.
    rate_per_hour : float
        USD per hour of the clusters that run now; `Account.rate`.
    budget : float or None
        USD a month.
    now : float
        Unix seconds; months are UTC's, as the days of an account.
    whose : str
        As an error calls the owner.
    """
    passed, remaining = _hours(now)
    month = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m")
    ahead = forecast(spent, rate_per_hour, passed, remaining)
    return Standing(whose, month, spent, rate_per_hour, budget, ahead, remaining)


def forecast(spent: float, rate_per_hour: float, passed: float, remaining: float) -> float:
    """Return USD by the month's end at the present rate of spending.

    ``spent + mean × (remaining − h) + max(mean, rate_per_hour) × h``: the month goes on as it went, ``mean`` being
    ``spent`` by the hours passed, counted as a day at least, so that the first cluster of a month is no trend. For the
    next ``h`` hours, a day or what is left of the month, the clusters that run now count if they cost more than that:
    a day is the longest that a class of ADR-002 lets one live.

    Parameters
    ----------
    spent, rate_per_hour : float
        USD, and USD per hour.
    passed, remaining : float
        Hours of the month.
    """
    mean = spent / max(passed, DAY)
    near = min(DAY, remaining)
    return spent + mean * (remaining - near) + max(mean, rate_per_hour) * near


def check(standing: Standing, price_per_hour: float | None, hours: float, *, hard_stop: bool = False) -> str:
    """Return a line that warns, nothing where all is well; with a hard stop, refuse what does not fit.

    A cluster fits if what is left pays for it and for the clusters that run now, until it ends or the month does:
    ``(rate + price) × min(hours, remaining) ≤ left``.

    Parameters
    ----------
    standing : Standing
    price_per_hour : float or None
        USD of the cluster; None where the list has no price: it counts as nothing, and fits while anything is left.
    hours : float
        How long it is expected to live: what its job is estimated to take, or else its lifetime.
    hard_stop : bool

    Raises
    ------
    BudgetExceeded
        One line with what is expected, left and allowed; the hint is the lifetime that fits.
    """
    if standing.left is None:
        return ""
    expected = (price_per_hour or 0.0) * min(hours, standing.remaining)
    running = standing.rate * min(hours, standing.remaining)
    fits = 0 < standing.left >= expected + running
    if fits:
        return _warning(standing) if standing.level else ""
    said = _too_much(standing, expected, running)
    if hard_stop:
        raise BudgetExceeded(said, _affordable(standing, price_per_hour))
    return said


def _too_much(standing: Standing, expected: float, running: float) -> str:
    beside = f" beside {_money(running)} for the clusters that run" if running else ""
    left = f"{_money(standing.left or 0)} left of {_money(standing.budget or 0)} for {standing.month}"
    return f"budget of {standing.whose}: {_money(expected)} expected for this cluster{beside}, {left}"


def _warning(standing: Standing) -> str:
    used = f"{standing.share:.0%} of {_money(standing.budget or 0)} spent in {standing.month} ({standing.level})"
    return f"budget of {standing.whose}: {used}, {_money(standing.forecast)} expected by the month's end"


def _affordable(standing: Standing, price_per_hour: float | None) -> str:
    """Return what to do: a shorter lifetime, or the clusters that run, or more money."""
    rate = standing.rate + (price_per_hour or 0.0)
    seconds = int((standing.left or 0) / rate * HOUR / STEP) * STEP if rate else 0
    if seconds >= LEAST_LIFETIME:
        return f"%dask_cluster up --lifetime {duration_text(seconds)}"
    if standing.rate:
        return f"%dask_cluster list   (what runs costs {_money(standing.rate)} per hour: end what you can)"
    return f"{BUDGETS} in ~/.config/dask/dataproc.yaml holds the budgets: ask whoever sets them for more"


def _hours(now: float) -> tuple[float, float]:
    """Return the hours of the month that have passed, and those that remain."""
    at = datetime.datetime.fromtimestamp(now, datetime.UTC)
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = (first + datetime.timedelta(days=31)).replace(day=1)
    return (at - first).total_seconds() / HOUR, (following - at).total_seconds() / HOUR


def _money(usd: float) -> str:
    return f"{usd:,.2f} USD"


def _usd(given: Any, where: str) -> float | None:
    """Return a sum of money, None where none is given."""
    if given is None or given == "":
        return None
    try:
        usd = float("nan") if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        usd = float("nan")
    if not 0 <= usd < float("inf"):
        raise _wrong(where, given, "USD a month, 0 and more", "200")
    return usd


def _wrong(where: str, given: Any, allowed: str, like: str) -> ConfigError:
    return ConfigError(f"{where}: {shown(given)} given, allowed is {allowed}", f"{where}: {like}")
