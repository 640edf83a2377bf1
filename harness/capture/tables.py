"""Tables of numbers: rows of a declared layout. Whole rows are moved as octets, which numpy does many times as fast."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.void]
Layout = np.dtype[Any]
Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


def picked(table: Table, which: Mask | Integers) -> Table:
    """The rows of a mask, or those of these indices in their order."""
    index = np.flatnonzero(which) if which.dtype == bool else which
    return _plain(table)[index].view(table.dtype)


def joined(tables: Sequence[Table]) -> Table:
    """The rows of all these tables, one after another."""
    if len(tables) == 1:
        return tables[0]
    return np.concatenate([_plain(table) for table in tables]).view(tables[0].dtype)


def _plain(table: Table) -> NDArray[Any]:
    return table.view(f"V{table.dtype.itemsize}")


def one_of(octets: NDArray[np.uint8], these: Collection[int]) -> Mask:
    """Which octets are one of these."""
    table = np.zeros(256, bool)
    table[list(these)] = True
    return table[octets]


def among(values: NDArray[Any], others: NDArray[Any]) -> Mask:
    """Which values are among the others."""
    if not len(others):
        return np.zeros(len(values), bool)
    known = np.sort(others)
    return np.asarray(known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values)
