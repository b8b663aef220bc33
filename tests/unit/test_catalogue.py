"""Google's catalogue becomes the price table: every kind by its own words, nothing by words that only resemble them.

The client is Google's own; the catalogue is a server on loopback that pages through SKUs shaped as the real ones.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from concurrent import futures
from dataclasses import replace
from typing import Any

import grpc
import pytest
from click.testing import CliRunner
from google.cloud import billing_v1
from google.cloud.billing_v1.services.cloud_catalog.transports import CloudCatalogGrpcTransport

from dask_dataproc.clusters import billing, price_table
from dask_dataproc.clusters.catalogue import FEE, Sku, changes, count, table_of
from dask_dataproc.clusters.errors import PermissionDenied, PriceUnknown, ServiceError
from dask_dataproc.clusters.price_table import shipped
from dask_dataproc.clusters.prices import as_of, price
from dask_dataproc.clusters.spec import ClusterSpec
from dask_dataproc.magics.cli import dataproc

DAY = "2026-11-25"
HOME = "us-central1"
AMERICAS = ("us-central1", "us-east1", "us-west1")
"""Where the real SKUs of the Americas hold, together."""
NOT_OURS = [
    "Commitment v1: N2 Cpu in Americas for 1 Year",
    "Reserved N2 Instance Core in Americas",
    "N2 Sole Tenancy Instance Core running in Americas",
    "N2 Custom Extended Instance Ram running in Americas",
    "Sole Tenancy Premium for N2 Sole Tenancy Instance Core running in Americas",
    "N4 Instance Core running in Americas",
    "Regional SSD backed PD Capacity in Americas",
    "Hyperdisk Balanced Capacity in Americas",
    "C3D Instance Local SSD running in Americas",
    "Licensing Fee for Google Cloud Dataproc (GPU cost)",
]
TITLES = {
    "n1": "N1 Predefined Instance",
    "n2": "N2 Instance",
    "n2d": "N2D AMD Instance",
    "e2": "E2 Instance",
    "c2": "Compute optimized",
    "c2d": "C2D AMD Instance",
    "c3": "C3 Instance",
    "c3d": "C3D Instance",
    "pd-standard": "Storage PD Capacity",
    "pd-balanced": "Balanced PD Capacity",
    "pd-ssd": "SSD backed PD Capacity",
    "local-ssd": "SSD backed Local Storage",
}
PARTS = {"vcpu_hour": ("Core", "h"), "gb_hour": ("Ram", "GiBy.h")}


def skus_of(table: Any) -> Iterator[Sku]:
    """Give the SKUs that say what ``table`` says, one for each price."""
    yield Sku(FEE, "OnDemand", "h", ("global",), table["dataproc_fee_per_vcpu_hour"])
    for kind, regions in table["machines"].items():
        for region, rates in regions.items():
            for rate, usd in rates.items():
                part, unit = PARTS[rate.removeprefix("spot_")]
                title = f"{TITLES[kind]} {part} running in {region}"
                yield _sku(title, "Spot Preemptible ", rate, unit, region, usd)
    for kind, regions in table["disks"].items():
        for region, rates in regions.items():
            for rate, usd in rates.items():
                attached = " attached to Spot Preemptible VMs" if rate.startswith("spot_") else ""
                yield _sku(f"{TITLES[kind]}{attached} in {region}", "", rate, "GiBy.mo", region, usd)


def _sku(title: str, prefix: str, rate: str, unit: str, region: str, usd: float) -> Sku:
    spot = rate.startswith("spot_")
    return Sku((prefix if spot else "") + title, "Preemptible" if spot else "OnDemand", unit, (region,), usd)


class Catalogue:
    """Google's catalogue on loopback: one service, its SKUs in pages, and the error it is told to answer with.

    Attributes
    ----------
    skus : list of Sku
        What it has.
    failure : tuple of grpc.StatusCode and str, or None
        What it answers after the first page.
    requests : list
        What it was asked.
    """

    def __init__(self) -> None:
        self.skus = list(skus_of(shipped()))
        self.failure: tuple[grpc.StatusCode, str] | None = None
        self.requests: list[Any] = []

    def list_skus(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
        if self.failure and request.page_token:
            context.abort(*self.failure)
        begin, size = int(request.page_token or 0), 700
        page = [message(sku) for sku in self.skus[begin : begin + size]]
        more = str(begin + size) if begin + size < len(self.skus) else ""
        return billing_v1.ListSkusResponse(skus=page, next_page_token=more)


def message(sku: Sku) -> Any:
    """Return ``sku`` as the catalogue sends it: money in units and nanos, a free tier before that of a disk."""
    units, nanos = divmod(round(sku.price * 1e9), 10**9)
    paid = {"start_usage_amount": 0, "unit_price": {"currency_code": "USD", "units": units, "nanos": nanos}}
    free = {"start_usage_amount": 0, "unit_price": {"currency_code": "USD", "units": 0, "nanos": 0}}
    tiers = [free, paid | {"start_usage_amount": 30}] if sku.description.startswith("Storage PD") else [paid]
    old = {"usage_unit": sku.unit, "tiered_rates": [paid | {"unit_price": {"currency_code": "USD", "units": 9}}]}
    return billing_v1.Sku(
        name="services/6F81-5844-456A/skus/0000-0000-0000",
        description=sku.description,
        category={"service_display_name": "Compute Engine", "resource_family": "Compute", "usage_type": sku.usage},
        service_regions=sku.regions,
        pricing_info=[
            {"effective_time": {"seconds": 1}, "pricing_expression": old},
            {"effective_time": {"seconds": 2}, "pricing_expression": {"usage_unit": sku.unit, "tiered_rates": tiers}},
        ],
        service_provider_name="Google",
    )


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Catalogue, Any]]:
    """A catalogue and Google's client wired to it."""
    catalogue = Catalogue()
    answer = grpc.unary_unary_rpc_method_handler(
        lambda request, context: catalogue.list_skus(request, context),
        request_deserializer=billing_v1.ListSkusRequest.deserialize,
        response_serializer=billing_v1.ListSkusResponse.serialize,
    )
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("google.cloud.billing.v1.CloudCatalog", {"ListSkus": answer})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield catalogue, billing_v1.CloudCatalogClient(transport=CloudCatalogGrpcTransport(channel=channel))
    server.stop(None).wait()


@pytest.fixture
def google(served, monkeypatch, tmp_path) -> Iterator[Catalogue]:
    """The catalogue as a user meets it, who has kept no table yet."""
    catalogue, client = served
    catalogue.__init__()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(billing, "catalogue_client", lambda: client)
    price_table.current.cache_clear()
    yield catalogue
    price_table.current.cache_clear()


def test_the_catalogue_s_words_for_all_that_the_table_has_give_the_table_back():
    made = table_of(skus_of(shipped()), shipped(), DAY)
    assert made["as_of"] == DAY
    for section in ("machines", "disks"):
        for kind, regions in shipped()[section].items():
            assert made[section][kind] == {
                region: {rate: pytest.approx(usd, abs=1e-9) for rate, usd in rates.items()}
                for region, rates in regions.items()
            }


def test_what_only_resembles_a_kind_is_left_out(google):
    plain = table_of(google.skus, shipped(), DAY)
    dear = [Sku(words, "OnDemand", unit, (HOME,), 1e6) for words in NOT_OURS for unit in ("h", "GiBy.h", "GiBy.mo")]
    assert table_of([*google.skus, *dear], shipped(), DAY) == plain


@pytest.mark.parametrize("change", [{"usage": "Commit1Yr"}, {"unit": "GiBy.mo"}, {"price": 0.0}])
def test_a_sku_of_another_usage_or_unit_or_for_nothing_is_left_out(change):
    dear = Sku("N2 Instance Core running in Americas", "OnDemand", "h", (HOME,), 1e6)
    made = table_of([*skus_of(shipped()), replace(dear, **change)], shipped(), DAY)
    assert made["machines"]["n2"][HOME]["vcpu_hour"] < 1


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        ("Compute optimized Instance Core running in Zurich", "c2"),
        ("N1 Predefined Instance Core running in Sao Paulo", "n1"),
        ("Custom Instance Core running in Paris", "n1-custom"),
        ("N2D AMD Custom Instance Core running in Americas", "n2d-custom"),
        ("Spot Preemptible C3D Instance Core running in Taiwan", "c3d"),
        ("Preemptible E2 Instance Core running in Americas", "e2"),
    ],
)
def test_each_way_of_writing_a_family_is_that_family(description, kind):
    usage = "Preemptible" if "Preemptible" in description else "OnDemand"
    region = "here-1"
    core = Sku(description, usage, "h", (region,), 0.5)
    parts = [core, replace(core, description=description.replace("Core", "Ram"), unit="GiBy.h", price=0.1)]
    whole = [replace(sku, usage="OnDemand", description=sku.description.split("Preemptible ")[-1]) for sku in parts]
    made = table_of([*skus_of(shipped()), *whole, *parts], shipped(), DAY)["machines"][kind][region]
    assert (made["vcpu_hour"], made["gb_hour"]) == (0.5, 0.1)
    assert ("spot_vcpu_hour" in made) == (usage == "Preemptible")


@pytest.mark.parametrize("usage", ["OnDemand", "Preemptible"])
@pytest.mark.parametrize(
    "words", ["Spot Preemptible VMs in Paris", "Spot Preemptible VM running in X", "Preemptible VMs"]
)
def test_a_spot_disk_is_spot_by_its_words_wherever_it_is_filed(usage, words):
    sku = Sku(f"SSD backed Local Storage attached to {words}", usage, "GiBy.mo", (HOME,), 0.079)
    made = table_of([*skus_of(shipped()), sku], shipped(), DAY)["disks"]["local-ssd"][HOME]
    assert made == {"gb_month": 0.08, "spot_gb_month": 0.079}


def test_of_two_prices_for_one_thing_the_higher_counts_in_any_order():
    more = Sku("N2 Instance Core running in Iowa", "OnDemand", "h", (HOME,), 0.04)
    for skus in ([*skus_of(shipped()), more], [more, *skus_of(shipped())]):
        assert table_of(skus, shipped(), DAY)["machines"]["n2"][HOME]["vcpu_hour"] == 0.04


def test_a_region_where_half_of_a_price_is_missing_is_left_out():
    half = Sku("N2 Instance Core running in Mars", "OnDemand", "h", ("mars-north1",), 0.04)
    assert "mars-north1" not in table_of([*skus_of(shipped()), half], shipped(), DAY)["machines"]["n2"]


@pytest.mark.parametrize("kind", TITLES)
def test_a_catalogue_that_lacks_a_kind_is_refused_by_name(kind):
    rest = [sku for sku in skus_of(shipped()) if not sku.description.startswith(TITLES[kind])]
    with pytest.raises(PriceUnknown, match=f"no price of {kind} in us-central1 found in it; the table is left"):
        table_of(rest, shipped(), DAY)


def test_a_catalogue_without_the_fee_is_refused():
    rest = [sku for sku in skus_of(shipped()) if sku.description != FEE]
    with pytest.raises(PriceUnknown, match="no price of Dataproc's fee"):
        table_of(rest, shipped(), DAY)


def test_changes_are_told_greatest_first_with_what_is_new_and_gone():
    before = table_of(skus_of(shipped()), shipped(), DAY)
    here = before["machines"]["n2"]
    rates = here[HOME] | {"vcpu_hour": here[HOME]["vcpu_hour"] * 1.1, "spot_gb_hour": here[HOME]["spot_gb_hour"] * 2}
    regions = {region: row for region, row in here.items() if region != "us-west4"} | {
        HOME: rates,
        "mars-1": here[HOME],
    }
    found = changes(before, dict(before) | {"machines": before["machines"] | {"n2": regions}})
    assert [(c.kind, c.region, c.rate) for c in found[:2]] == [
        ("n2", HOME, "spot_gb_hour"),
        ("n2", HOME, "vcpu_hour"),
    ]
    assert [c.region for c in found if c.before is None] == ["mars-1"] * 4
    assert [c.region for c in found if c.after is None] == ["us-west4"] * 4
    assert changes(before, before) == []
    assert count(before) == count(shipped()) > 1000


def verb(*arguments: str) -> Any:
    return CliRunner().invoke(dataproc, ["prices", *arguments])


def test_a_refresh_reads_every_page_and_the_new_prices_hold_from_then_on(google):
    spec = ClusterSpec(name="a", worker_machine="n2-standard-4", master_machine="n2-standard-4")
    before = price(spec)
    google.skus += [
        Sku("N2 Instance Core running in Americas", "OnDemand", "h", AMERICAS, 0.05),
        Sku("N2 Instance Core running in Mars", "OnDemand", "h", ("mars-north1",), 0.07),
        Sku("N2 Instance Ram running in Mars", "OnDemand", "GiBy.h", ("mars-north1",), 0.01),
    ]
    changed = billing.refresh(today=datetime.date(2026, 11, 25))
    assert [(c.kind, c.region, c.before, c.after) for c in changed] == [
        *(("n2", region, 0.031611, 0.05) for region in AMERICAS),
        ("n2", "mars-north1", None, 0.01),
        ("n2", "mars-north1", None, 0.07),
    ]
    assert as_of() == "2026-11-25"
    vcpus = 4 * (1 + spec.workers)
    assert price(spec).machines - before.machines == pytest.approx(vcpus * (0.05 - 0.031611))
    assert price(spec).disks == before.disks  # the free first tier is not the price
    assert {(r.parent, r.currency_code) for r in google.requests} == {("services/6F81-5844-456A", "USD")}
    assert len(google.requests) == len(google.skus) // 700 + 1 > 2


def test_what_was_kept_is_found_by_the_next_process_and_a_newer_package_wins_over_it(google, tmp_path):
    billing.refresh(today=datetime.date(2026, 11, 25))
    kept = tmp_path / "dask-dataproc" / "prices.json"
    price_table.current.cache_clear()
    assert as_of() == "2026-11-25"
    kept.write_text(kept.read_text().replace('"2026-11-25"', '"2020-01-01"'))
    price_table.current.cache_clear()
    assert as_of() == shipped()["as_of"]


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"as_of": "2999-01-01"}', '{"as_of": "soon"}', "\x00"])
def test_a_broken_file_of_prices_keeps_nobody_from_working(google, tmp_path, content, caplog):
    (tmp_path / "dask-dataproc").mkdir(exist_ok=True)
    (tmp_path / "dask-dataproc" / "prices.json").write_text(content)
    assert as_of() == shipped()["as_of"]
    assert "cannot be used, the package's prices are" in caplog.text


def test_a_state_folder_that_cannot_be_made_keeps_nobody_from_working(google, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert as_of() == shipped()["as_of"]


@pytest.mark.parametrize(
    ("code", "said", "error", "hint"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, "API is disabled", PermissionDenied, "gcloud services enable cloudbilling"),
        (grpc.StatusCode.INTERNAL, "boom", ServiceError, "doctor"),
        (grpc.StatusCode.UNAVAILABLE, "Getting metadata from plugin failed with error: old", ServiceError, "login"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", ServiceError, "wait a minute"),
    ],
)
def test_a_catalogue_that_breaks_off_leaves_the_table_as_it_was(google, tmp_path, code, said, error, hint):
    google.failure = (code, said)
    with pytest.raises(error, match=f"read Google's price catalogue: .*{said}") as refused:
        billing.refresh()
    assert hint in refused.value.hint
    assert as_of() == shipped()["as_of"]
    assert not list(tmp_path.rglob("prices.json*"))


def test_the_verb_shows_a_region_s_rates_their_day_and_source(google):
    shown = verb("--region", "europe-west1").stdout
    assert shown.startswith("USD          vCPU-hour")
    row = next(line for line in shown.splitlines() if line.startswith("n2 ")).split()
    rates = shipped()["machines"]["n2"]["europe-west1"]
    assert [float(cell) for cell in row[1:]] == pytest.approx(list(rates.values()), rel=1e-5)
    assert "as of           2026-07-16" in shown
    assert "Cyclenerd/google-cloud-pricing-cost-calculator (Apache-2.0)" in shown


def test_the_verb_says_what_a_refresh_changed(google):
    google.skus.append(Sku("Balanced PD Capacity in Belgium", "OnDemand", "GiBy.mo", ("europe-west1",), 0.2))
    done = verb("--refresh", "--region", "europe-west1")
    assert done.exit_code == 0, done.output
    assert f"1 of {count(shipped())} prices changed, 0 are new, 0 gone" in done.stderr
    assert "pd-balanced       europe-west1  gb_month  0.1     0.2  +100%" in done.stdout
    assert "stale" not in done.stdout
    assert "No price has changed" in verb("--refresh").stdout


def test_the_verb_s_json_is_one_document_with_rates_and_changes(google):
    known = json.loads(verb("--json", "--region", "us-west1").stdout)
    assert known["machines"]["e2"] == shipped()["machines"]["e2"]["us-west1"]
    assert (known["as_of"], known["region"], known["currency"]) == ("2026-07-16", "us-west1", "USD")
    assert "changes" not in known
    refreshed = json.loads(verb("--json", "--refresh").stdout)
    assert (refreshed["changes"], refreshed["stale"]) == ([], False)


def test_an_unknown_region_is_refused_before_the_catalogue_is_read(google):
    done = verb("--refresh", "--region", "mars-north1")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "PriceUnknown: region mars-north1: no list prices in the table (2026-07-16)" in done.stderr
    assert google.requests == []


def test_prices_are_stale_after_the_days_that_are_set(google):
    import dask.config

    billing.stale()  # the defaults come first
    day = datetime.date.fromisoformat(as_of())
    assert not billing.stale(day + datetime.timedelta(days=90))
    assert billing.stale(day + datetime.timedelta(days=91))
    with dask.config.set({"dataproc.prices.stale-after": "365d"}):
        assert not billing.stale(day + datetime.timedelta(days=365))


def test_the_shipped_table_is_written_as_a_refresh_writes_it():
    assert price_table.SHIPPED.read_text() == price_table.text(shipped())
    assert len(price_table.SHIPPED.read_text()) < 150_000
