"""Google's price catalogue (Cloud Billing) read through Google's own client, and how old our copy of it may be."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from .catalogue import Change, Sku, changes, table_of
from .config import duration
from .errors import ConfigError, PermissionDenied
from .price_table import Table, current, keep, shipped
from .prices import is_stale
from .service_errors import translate
from .spec import DAY

COMPUTE = "services/6F81-5844-456A"
"""Compute Engine in the catalogue; Dataproc's fee is among its SKUs."""
PAGE = 5000
"""SKUs in one answer, the most the API gives."""
LOGIN = "gcloud auth application-default login"
NO_TOKEN = "metadata from plugin failed"
"""How gRPC words it when credentials are there and do not hold."""
LONGEST = 3650 * DAY


def stale(today: datetime.date | None = None) -> bool:
    """Return whether the prices in force are older than the setting ``prices.stale-after``."""
    limit = duration("prices.stale-after", (DAY, LONGEST))
    return is_stale(today or _today(), limit / DAY)


def refresh(client: Any = None, *, today: datetime.date | None = None) -> list[Change]:
    """Read today's list prices, keep them for this user, and return what has changed.

    Parameters
    ----------
    client : google.cloud.billing_v1.CloudCatalogClient, optional
        One with the application's default credentials otherwise.
    today : datetime.date, optional
        The day the prices are of; the present one in UTC.

    Raises
    ------
    ConfigError
        The client is not installed, or there are no credentials.
    ServiceError
        The catalogue refused or failed the call.
    PriceUnknown
        It does not have what the table needs. The table in force stays, here as above.
    """
    table = read(client or catalogue_client(), shipped(), (today or _today()).isoformat())
    found = changes(current(), table)
    keep(table)
    return found


def read(client: Any, base: Table, as_of: str) -> Table:
    """Return the catalogue's present prices as a table; see `refresh` and `table_of`."""
    import google.api_core.exceptions

    try:
        return table_of(_skus(client), base, as_of)
    except google.api_core.exceptions.GoogleAPIError as error:
        ours = translate(error, "read Google's price catalogue")
        if isinstance(ours, PermissionDenied):
            ours.hint = "gcloud services enable cloudbilling.googleapis.com"
        elif NO_TOKEN in ours.message:
            ours.hint = LOGIN
        raise ours from None


def catalogue_client() -> Any:
    """Return Google's client of the catalogue, with the application's default credentials."""
    import google.auth.exceptions

    try:
        from google.cloud.billing_v1 import CloudCatalogClient
    except ImportError:
        raise ConfigError(
            "prices: reading Google's catalogue takes google-cloud-billing", "pip install 'dask-dataproc[prices]'"
        ) from None
    try:
        return CloudCatalogClient()
    except google.auth.exceptions.DefaultCredentialsError:
        raise ConfigError("credentials: none found to read Google's price catalogue", LOGIN) from None


def _skus(client: Any) -> Iterator[Sku]:
    request = {"parent": COMPUTE, "currency_code": "USD", "page_size": PAGE}
    for sku in client.list_skus(request, timeout=duration("timeouts.call")):
        if sku.pricing_info and sku.pricing_info[-1].pricing_expression.tiered_rates:
            yield _plain(sku)


def _plain(sku: Any) -> Sku:
    """Return a message of the catalogue as a value: its latest price, in the last of its tiers."""
    expression = sku.pricing_info[-1].pricing_expression
    last = max(expression.tiered_rates, key=lambda tier: tier.start_usage_amount).unit_price
    return Sku(
        sku.description,
        sku.category.usage_type,
        expression.usage_unit,
        tuple(sku.service_regions),
        last.units + last.nanos / 1e9,
    )


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()
