"""What is known of an input before it is read: how large it is here, how large in memory, how it can be cut. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure that is not known exactly, ``low <= mid <= high``.

    Attributes
    ----------
    low, mid, high : float
        Where it lies in about nine cases of ten, and the figure to reckon with.
    """

    low: float
    mid: float
    high: float

    @classmethod
    def about(cls, mid: float, share: float) -> Estimate:
        """Return ``mid`` give or take ``share`` of it, as a factor: 0.25 is a fifth less or a quarter more."""
        return cls(mid / (1 + share), mid, mid * (1 + share))

    def __mul__(self, by: float | Estimate) -> Estimate:
        """Return the product; of two estimates with the errors of both, taken as independent on a log scale."""
        if not isinstance(by, Estimate):
            return Estimate(self.low * by, self.mid * by, self.high * by)
        mid = self.mid * by.mid
        if not mid:
            return Estimate(0.0, 0.0, self.high * by.high)
        down = math.hypot(math.log(self.mid / self.low), math.log(by.mid / by.low))
        up = math.hypot(math.log(self.high / self.mid), math.log(by.high / by.mid))
        return Estimate(mid * math.exp(-down), mid, mid * math.exp(up))


@dataclass(frozen=True, slots=True)
class Input:
    """An input as it lies in storage.

    Attributes
    ----------
    path : str
        As it was given: a file, a folder or a pattern.
    format : str
        ``parquet``, ``csv``, ``json`` (one document a line) or ``other``.
    compression : str
        The codec's name, empty for none; ``mixed`` where files differ.
    bytes, files : int
        In storage.
    decoded : Estimate
        Bytes in the memory of Dask workers, as dataframes with pyarrow strings.
    unpacked : int
        Bytes in storage if nothing were compressed there but Parquet's own pages: what throughput is counted in.
    rows : int or None
        None where nothing says so; of text an extrapolation.
    row_groups : int or None
        Of Parquet.
    pieces : int or None
        The most partitions it can be read in; None where it can be cut anywhere.
    largest_piece : float
        Decoded bytes of the largest of those, 0 where it can be cut anywhere.
    partitioned_by : tuple of str
        Keys of a hive-partitioned dataset, ``year=2024/…``.
    looked_at : int
        Files of which more than the size was looked at.
    notes : tuple of str
        What a person should know of the figures.
    """

    path: str
    format: str
    bytes: int
    files: int
    decoded: Estimate
    compression: str = ""
    unpacked: int = 0
    rows: int | None = None
    row_groups: int | None = None
    pieces: int | None = None
    largest_piece: float = 0.0
    partitioned_by: tuple[str, ...] = ()
    looked_at: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "unpacked", self.unpacked or self.bytes)

    @property
    def decoded_bytes(self) -> int:
        """Bytes in memory to reckon with; `decoded` has the range."""
        return round(self.decoded.mid)


def extrapolated(ratios: Sequence[float], weights: Sequence[float], least: float) -> Estimate:
    """Return the mean of ``ratios`` by ``weights``, with the error of a mean of so many.

    Parameters
    ----------
    ratios, weights : sequences of float
        One of each, and as many, for every place that was looked at.
    least : float
        The error, as a share, below which no sample of this kind brings it.

    Notes
    -----
    The error is 1.64 standard errors, which nine of ten means are within; of one sample it is a third.
    """
    mean = sum(r * w for r, w in zip(ratios, weights, strict=True)) / sum(weights)
    if len(ratios) < 2 or not mean:
        return Estimate.about(mean, max(least, 1 / 3))
    error = 1.64 * statistics.stdev(ratios) / mean / math.sqrt(len(ratios))
    return Estimate.about(mean, max(least, error))


def in_words(octets: float) -> str:
    """Return a number of bytes in decimal units, as storage is billed: ``1.5 GB``."""
    power = min(int(math.log10(octets) // 3), len(_UNITS) - 1) if octets >= 1 else 0
    value = octets / 1000**power
    return f"{value:.1f} {_UNITS[power]}" if power and value < 10 else f"{value:.0f} {_UNITS[power]}"
