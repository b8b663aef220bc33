"""A look at an input: what is there, what it will be in memory, and one line for what cannot be looked at."""

from __future__ import annotations

import bz2
import gzip
import json
import threading
from decimal import Decimal
from pathlib import Path
from statistics import median

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dask.sizeof import sizeof
from fsspec.implementations.memory import MemoryFileSystem

from dask_dataproc.clusters.errors import InputError
from dask_dataproc.clusters.inputs import FOOTERS, look

ROWS = 20_000


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    dice = np.random.default_rng(1)
    words = np.array(["short", "a somewhat longer text", "DELIVER IN PERSON"])
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "small": dice.integers(0, 100, ROWS).astype("int32"),
            "price": dice.normal(100, 20, ROWS).round(2),
            "word": pd.array(words[dice.integers(0, 3, ROWS)], dtype="string[pyarrow]"),
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(dice.integers(0, 10**6, ROWS), unit="s"),
        }
    )


def in_memory(frame: pd.DataFrame) -> int:
    return sizeof(frame) - sizeof(frame.iloc[:0])


def test_a_parquet_files_dictionary_encoded_text_is_counted_as_it_is_decoded(frame, tmp_path):
    frame.to_parquet(tmp_path / "a.parquet", row_group_size=5000)
    found = look(str(tmp_path / "a.parquet"))
    assert (found.format, found.files, found.rows, found.row_groups, found.pieces) == ("parquet", 1, ROWS, 4, 4)
    assert found.compression == "snappy"
    assert found.decoded.low <= in_memory(frame) <= found.decoded.high
    assert found.decoded_bytes == pytest.approx(in_memory(frame), rel=0.05)
    assert found.largest_piece == pytest.approx(in_memory(frame) / 4, rel=0.1)


def test_whole_numbers_with_nulls_become_floats(tmp_path):
    table = pa.table({"n": pa.array([1, None] * 5000, pa.int16())})
    pq.write_table(table, tmp_path / "n.parquet")
    assert look(str(tmp_path)).decoded_bytes == pytest.approx(8 * 10_000, rel=0.01)


def test_dates_decimals_lists_and_flags_with_nulls_are_measured_as_dask_has_them(tmp_path):
    import dask.dataframe as dd

    days = pa.array([1, 2] * 5000, pa.int32()).cast(pa.date32())
    table = pa.table(
        {
            "day": days,
            "money": pa.array([Decimal("1.50"), Decimal(2)] * 5000, pa.decimal128(15, 2)),
            "flag": pa.array([True, None] * 5000),
            "tags": pa.array([["a", "b"], []] * 5000),
        }
    )
    pq.write_table(table, tmp_path / "n.parquet")
    frame = dd.read_parquet(tmp_path).compute(scheduler="synchronous")
    truth, looks = (median(act() for _ in range(15)) for act in (lambda: in_memory(frame), lambda: decoded(tmp_path)))
    assert looks == pytest.approx(truth, rel=0.15), "Dask guesses from objects that it takes at random"


def decoded(folder: Path) -> int:
    return look(str(folder)).decoded_bytes


def test_a_partitioned_set_is_one_input_with_its_keys(frame, tmp_path):
    for year in (2024, 2025):
        for month in (1, 2):
            folder = tmp_path / f"year={year}" / f"month={month}"
            folder.mkdir(parents=True)
            frame.to_parquet(folder / "part.0.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "_metadata").write_bytes(b"not to be read")
    found = look(str(tmp_path))
    assert (found.files, found.rows, found.partitioned_by) == (4, 4 * ROWS, ("year", "month"))
    assert found.decoded_bytes == pytest.approx(4 * in_memory(frame), rel=0.15)
    assert look(f"{tmp_path}/year=2024/*/*.parquet").files == 2


def test_of_many_files_some_footers_are_read_and_the_rest_is_extrapolated(tmp_path):
    for i in range(FOOTERS + 40):
        pq.write_table(pa.table({"x": np.arange(1000 + i, dtype="int64")}), tmp_path / f"{i}.parquet")
    found = look(str(tmp_path))
    assert (found.files, found.looked_at) == (FOOTERS + 40, FOOTERS)
    truth = sum(range(1000, 1000 + FOOTERS + 40))
    assert found.rows == pytest.approx(truth, rel=0.02)
    assert found.decoded.low <= 8 * truth <= found.decoded.high


@pytest.mark.parametrize("separator", [",", "\t", "|", ";"])
def test_csv_grows_as_dask_parses_it(frame, tmp_path, separator):
    import dask.dataframe as dd

    plain = frame.drop(columns="when")
    plain.to_csv(tmp_path / "a.csv", index=False, sep=separator)
    truth = in_memory(dd.read_csv(tmp_path / "a.csv", sep=separator).compute(scheduler="synchronous"))
    found = look(str(tmp_path / "a.csv"))
    assert found.format == "csv"
    assert found.decoded_bytes == pytest.approx(truth, rel=0.05)
    assert found.rows == pytest.approx(ROWS, rel=0.02)


def test_a_file_that_changes_on_the_way_is_looked_at_in_several_places(tmp_path):
    with (tmp_path / "a.csv").open("w") as file:
        file.write("text\n" + "x\n" * 400_000 + f"{'y' * 200}\n" * 8_000)
    truth = 8 * 408_000 + 400_000 + 200 * 8_000
    found = look(str(tmp_path / "a.csv"))
    assert found.decoded.low <= truth <= found.decoded.high


@pytest.mark.parametrize(("suffix", "packed"), [("gz", gzip.compress), ("bz2", bz2.compress), ("zst", None)])
def test_a_compressed_file_is_unpacked_in_part_and_cannot_be_cut(frame, tmp_path, suffix, packed):
    text = frame.drop(columns="when").to_csv(index=False).encode()
    packed = packed or (lambda text: pa.Codec("zstd").compress(text, asbytes=True))
    (tmp_path / f"a.csv.{suffix}").write_bytes(packed(text))
    found = look(str(tmp_path))
    assert (found.format, found.pieces) == ("csv", 1)
    assert found.unpacked == pytest.approx(len(text), rel=0.05)
    assert found.decoded_bytes == pytest.approx(in_memory(frame.drop(columns="when")), rel=0.1)


def test_lines_of_json_are_parsed_and_nested_values_do_not_stop_them(tmp_path):
    lines = [json.dumps({"id": i, "name": f"person {i}", "tags": ["a", "b"]}) for i in range(5000)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    found = look(str(tmp_path))
    assert found.format == "json"
    assert found.rows == pytest.approx(5000, rel=0.01)
    assert found.decoded_bytes > found.bytes


def test_an_unknown_format_is_sized_by_its_bytes_with_a_wide_range_and_the_reason(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\0" * 1000)
    found = look(str(tmp_path))
    assert (found.format, found.bytes) == ("other", 1000)
    assert found.decoded.high >= 10 * found.decoded.low
    assert "format is not known" in found.notes[0]


def test_a_document_that_is_no_lines_of_json_is_sized_by_its_bytes(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"id": i} for i in range(1000)], indent=1))
    found = look(str(tmp_path))
    assert found.decoded.high >= 10 * found.decoded.low
    assert any("could be parsed as json" in note for note in found.notes)


def test_a_csv_file_with_nothing_but_a_header_is_no_error(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n")
    assert look(str(tmp_path)).bytes == 4


def test_files_of_another_format_among_the_data_are_left_out_and_said(frame, tmp_path):
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "README.md").write_text("what this is")
    found = look(str(tmp_path))
    assert (found.format, found.files, found.rows) == ("parquet", 1, ROWS)
    assert "12 B in files of other formats are left out" in found.notes


def test_packed_and_plain_files_together_are_one_input(frame, tmp_path):
    text = frame.drop(columns="when").to_csv(index=False).encode()
    (tmp_path / "a.csv").write_bytes(text)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text))
    found = look(str(tmp_path))
    truth = 2 * in_memory(frame.drop(columns="when"))
    assert (found.files, found.compression) == (2, "mixed")
    assert found.decoded_bytes == pytest.approx(truth, rel=0.3)


def test_a_file_that_is_not_packed_as_its_name_says_is_named(tmp_path):
    (tmp_path / "a.csv.gz").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"a\.csv\.gz: it is broken"):
        look(str(tmp_path))


def test_parquet_without_its_suffix_is_known_by_its_first_bytes(frame, tmp_path):
    frame.to_parquet(tmp_path / "part-00000")
    assert look(str(tmp_path)).format == "parquet"


def test_a_delta_tables_old_files_are_said_to_be_counted(frame, tmp_path):
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "0.json").write_text("{}")
    found = look(str(tmp_path))
    assert found.files == 1
    assert "Delta" in found.notes[0]


@pytest.mark.parametrize("path", ["nowhere", "nowhere/*.csv", "empty"])
def test_nothing_there_is_one_line_that_names_the_path(tmp_path, path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        look(f"{tmp_path}/{path}")
    assert path in caught.value.message
    assert "\n" not in caught.value.message


def test_a_scheme_that_is_not_known_is_named():
    with pytest.raises(InputError, match="gx:// is not a scheme that can be read here"):
        look("gx://bucket/data")


def test_a_broken_parquet_file_is_named_among_the_whole_ones(frame, tmp_path):
    frame.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:1000])
    with pytest.raises(InputError, match=r"b\.parquet: it is broken"):
        look(str(tmp_path))


class Closed(MemoryFileSystem):
    """A file system that lists nobody anything, as a bucket without a permission."""

    protocol = "closed"

    def find(self, path, **options):
        raise PermissionError(f"{path}: storage.objects.list is missing")


class Slow(MemoryFileSystem):
    """A file system that does not answer."""

    protocol = "slow"
    answer = threading.Event()

    def find(self, path, **options):
        self.answer.wait()
        return {}


@pytest.fixture(scope="module", autouse=True)
def schemes():
    fsspec.register_implementation("closed", Closed)
    fsspec.register_implementation("slow", Slow)
    yield
    Slow.answer.set()


def test_a_missing_permission_is_one_line_with_what_to_do():
    with pytest.raises(InputError, match=r"may not be read: .*storage\.objects\.list") as caught:
        look("closed://bucket/data")
    assert "gcloud auth" in caught.value.hint


def test_a_store_that_does_not_answer_is_not_waited_for():
    with pytest.raises(InputError, match=r"not looked at within 0\.05 s"):
        look("slow://bucket/data", patience=0.05)
