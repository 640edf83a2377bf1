"""The second reading of a screened capture: which frames are looked at for which peer, and how much the rest is."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from harness.capture import Frame
from harness.capture.tables import Integers, Mask, Table, among, joined, picked
from harness.observe import Screened
from harness.observe.rows import IKE, KEEPALIVE, PACKET, ROW, SEGMENT, STRAY
from harness.observe.sheets import Sheet
from harness.oracle.screen import Screener

_SPIS_TOLD = 4
"""Of so many SPIs of ESP that the target sent to a peer one packet is looked at; rules name no more."""

Connection = tuple[int, int]
"""The peer of a TCP connection, and its way."""

_OF_ROWS = (
    *("number", "time", "kind", "from_target", "ip_id", "peer", "way"),
    *("at", "length", "place", "size", "link"),
)
LOOKED = np.dtype([("owner", "i8"), *((name, ROW[name]) for name in _OF_ROWS)])
"""A datagram that is looked at, and the peer in whose trace it belongs."""
_HEARD = np.dtype([("peer", "i8"), ("number", "i8")])


def connections(rows: Table) -> Iterable[Connection]:
    """The connection of each row."""
    return zip(rows["peer"].tolist(), rows["way"].tolist(), strict=True)


class Books:
    """Takes the same sheets as the screen did; an SA stays with the peer that it was first seen with."""

    def __init__(
        self, peers: int, screener: Screener, streams: frozenset[Connection], kept_alive: Integers
    ) -> None:
        """`streams` may carry IKE; `kept_alive` are the ways on which the target sends NAT keepalives."""
        self._screener = screener
        self._streams = streams
        self._kept_alive = kept_alive
        self._suspects = np.sort(np.fromiter(screener.suspects, np.uint64))
        self._since = np.array([screener.suspects[spi] for spi in self._suspects.tolist()], np.int64)
        self._owners: dict[int, int] = {}
        self._datagrams, self._ike, self._sent = (np.zeros(peers, np.int64) for _ in range(3))
        self._first = np.zeros(peers, np.int64)
        self._began, self._ended = np.zeros(peers), np.zeros(peers)
        self._speaks, self._set_aside = np.zeros(peers, bool), np.zeros(peers, bool)
        self._set_aside[list(screener.set_aside)] = True
        self._reported_to = np.array(sorted(screener.reported_to), np.int64)
        self._heard: list[Table] = [np.zeros(0, _HEARD)]
        self._told_spis: dict[int, set[int]] = {}
        self._told_enough = np.zeros(peers, bool)
        self._spoken_on: set[Connection] = set()
        self._looked: list[Table] = [np.zeros(0, LOOKED)]
        self.frames: dict[int, Frame] = {}
        """Frames that are looked at and that no place in the file gives again, by their numbers."""
        self.astray = False
        """Whether an SA goes on in a stream of another peer than its own: then no part has all of both."""

    def enter(self, sheet: Sheet) -> None:
        """One more sheet."""
        rows = sheet.rows
        suspected = self._suspected(rows)
        owner = self._owned(rows, suspected)
        strays = rows["kind"] == STRAY
        looked = (
            suspected
            | self._always_looked_at(rows)
            | self._first_packets(rows)
            | self._early_keepalives(rows, owner)
        )
        self._enter_looked(sheet, picked(rows, looked & (owner >= 0)), owner[looked & (owner >= 0)])
        self._count(picked(rows, ~looked & ~strays))
        self._meet(picked(rows, ~strays), owner[~strays])

    def met(self) -> list[int]:
        """The peers, in the order in which the capture shows them."""
        there = np.flatnonzero(self._first)
        return [int(each) for each in there[np.argsort(self._first[there])]]

    def looked_at(self) -> dict[int, Table]:
        """What is looked at, in order, by the peer in whose trace it belongs."""
        return _by("owner", joined(self._looked))

    @cached_property
    def _frames_heard(self) -> dict[int, list[int]]:
        return {peer: table["number"].tolist() for peer, table in _by("peer", joined(self._heard)).items()}

    def screened(self, peer: int, name: str) -> Screened:
        """What else was said between the target and a peer."""
        return Screened(
            int(self._datagrams[peer]),
            int(self._ike[peer]),
            int(self._sent[peer]),
            self._screener.matter(peer),
            frozenset({name} if self._speaks[peer] else ()),
            float(self._began[peer]),
            float(self._ended[peer]),
            self._frames_heard.get(peer, ()),
            bool(self._set_aside[peer]),
        )

    def _suspected(self, rows: Table) -> Mask:
        """The messages of suspects, strays with them; what one said before it was let go is set aside."""
        messages = (rows["kind"] == IKE) | (rows["kind"] == STRAY)
        mask = np.asarray(among(rows["spi_i"], self._suspects) & messages)
        index = np.flatnonzero(mask)
        early = index[
            rows["number"][index] < self._since[np.searchsorted(self._suspects, rows["spi_i"][index])]
        ]
        mask[early] = False
        self._set_aside[rows["peer"][early]] = True
        return mask

    def _always_looked_at(self, rows: Table) -> Mask:
        """Messages under no SPI, and of TCP what opens connections or belongs to a stream of IKE."""
        looked = np.asarray(rows["over_tcp"] | ((rows["kind"] == IKE) & (rows["spi_i"] == 0)))
        segments = np.flatnonzero(rows["kind"] == SEGMENT)
        of_streams = [each in self._streams for each in connections(picked(rows, segments))]
        looked[segments] |= (rows["flags"][segments] > 0) | np.array(of_streams, bool)
        return looked

    def _first_packets(self, rows: Table) -> Mask:
        """One packet of ESP of each of the first SPIs under which the target sends to a peer."""
        looked = np.zeros(len(rows), bool)
        packets = np.flatnonzero((rows["kind"] == PACKET) & rows["from_target"])
        packets = packets[~self._told_enough[rows["peer"][packets]]]
        packets = packets[_firsts(rows["peer"][packets], rows["spi_r"][packets].astype(np.int64))]
        for place, peer, spi in zip(
            packets.tolist(), rows["peer"][packets].tolist(), rows["spi_r"][packets].tolist(), strict=True
        ):
            told = self._told_spis.setdefault(peer, set())
            if len(told) < _SPIS_TOLD and spi not in told:
                looked[place] = True
                told.add(spi)
                self._told_enough[peer] = len(told) == _SPIS_TOLD
        return looked

    def _early_keepalives(self, rows: Table, owner: Integers) -> Mask:
        """The target's NAT keepalives to where its peer has said nothing yet."""
        looked = np.zeros(len(rows), bool)
        may_count = (rows["kind"] != STRAY) & (owner == rows["peer"]) & among(rows["way"], self._kept_alive)
        spoken = np.flatnonzero(~rows["from_target"] & may_count)
        spoken = spoken[_firsts(rows["peer"][spoken], rows["way"][spoken])]
        keepalives = np.flatnonzero(rows["from_target"] & (rows["kind"] == KEEPALIVE))
        for place in np.sort(np.concatenate([spoken, keepalives])).tolist():
            way = int(rows["peer"][place]), int(rows["way"][place])
            if not rows["from_target"][place]:
                self._spoken_on.add(way)
            else:
                looked[place] = way not in self._spoken_on
        return looked

    def _owned(self, rows: Table, suspected: Mask) -> Integers:
        """The peer to whose trace each row belongs; -1 for strays of an SA that was not seen yet."""
        owner = rows["peer"].copy()
        index = np.flatnonzero(suspected)
        own = index[rows["kind"][index] == IKE]
        spis, first = np.unique(rows["spi_i"][own], return_index=True)
        for spi, peer in zip(spis.tolist(), rows["peer"][own[first]].tolist(), strict=True):
            self._owners.setdefault(spi, peer)
        owner[index] = [self._owners.get(spi, -1) for spi in rows["spi_i"][index].tolist()]
        self.astray |= bool((rows["over_tcp"] & (owner != rows["peer"])).any())
        return owner

    def _enter_looked(self, sheet: Sheet, rows: Table, owner: Integers) -> None:
        found = np.zeros(len(rows), LOOKED)
        found["owner"] = owner
        for name in _OF_ROWS:
            found[name] = rows[name]
        self._looked.append(found)
        for number in found["number"][found["place"] < 0].tolist():
            self.frames[number] = sheet.frames[number]

    def _count(self, rows: Table) -> None:
        ike = rows["kind"] == IKE
        for counter, which in (
            (self._datagrams, slice(None)),
            (self._ike, ike),
            (self._sent, ike & rows["from_target"]),
        ):
            counter += np.bincount(rows["peer"][which], minlength=len(counter))
        self._speaks[rows["peer"][~rows["from_target"]]] = True
        told = ~rows["from_target"] & (rows["kind"] != KEEPALIVE) & among(rows["peer"], self._reported_to)
        heard = np.zeros(int(told.sum()), _HEARD)
        heard["peer"], heard["number"] = rows["peer"][told], rows["number"][told]
        self._heard.append(heard)

    def _meet(self, rows: Table, owner: Integers) -> None:
        """Keep the times of each peer's first datagram and last one."""
        fresh, first = np.unique(owner, return_index=True)
        new = self._first[fresh] == 0
        self._first[fresh[new]], self._began[fresh[new]] = (
            rows["number"][first[new]],
            rows["time"][first[new]],
        )
        self._ended[owner] = rows["time"]


def _by(name: str, table: Table) -> dict[int, Table]:
    """The rows of each peer under that name, in their order."""
    table = picked(table, np.argsort(table[name], kind="stable"))
    peers, starts = np.unique(table[name], return_index=True)
    return dict(zip(peers.tolist(), np.split(table, starts[1:]), strict=bool(len(peers))))


def _firsts(one: Integers, other: Integers) -> Integers:
    """The places at which pairs of values come for the first time, in order."""
    of_one, of_other = (np.unique(values, return_inverse=True)[1] for values in (one, other))
    return np.sort(np.unique(of_one * len(one) + of_other, return_index=True)[1])
