"""Conversations by the column: rows of many of them, sorted so that each exchange stands together."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.capture.tables import Integers, Mask, Table, joined, one_of, picked
from harness.codes import PayloadV2
from harness.observe.rows import digest

TALK = np.dtype(
    [
        ("spi_i", "u8"),
        ("spi_r", "u8"),  # 0 until it is known
        ("peer", "i8"),
        ("way", "i8"),  # of the peer's last message
        ("version", "u1"),
        ("first", "i8"),  # frame
        ("last", "i8"),
        ("matter", "i8"),  # what it has held so far, as flags
        ("opened", "?"),  # whether its first message opens it, so that it comes from no other one
        ("open", "?"),  # whether a request waits for its answer
        ("received", "i8"),  # octets that the target got before anything was sealed
        ("sent", "i8"),  # and those that it sent
        ("proven", "?"),  # whether something sealed was said
        ("parent", "u8"),  # the SPI of the latest conversation that this one may come from; 0 for none
    ]
)
"""What is remembered of a plain conversation beside the messages of its last exchanges."""

_RESPONSE = 0x20
ENCRYPTED = 0x01
"""A flag of version 1."""
_SEALED = (int(PayloadV2.SK), int(PayloadV2.SKF))


class Talks:
    """The messages of some conversations, those remembered first; by conversation, exchange and order.

    An exchange is what has one asker and Message ID in version 2, one exchange type and Message ID in version 1.
    """

    def __init__(self, messages: Table, fresh: Table, known: Table) -> None:
        """Fresh messages, with those that are remembered of the same conversations, and what is known of these."""
        spis, talk = np.unique(fresh["spi_i"], return_inverse=True)
        place = np.searchsorted(spis, messages["spi_i"])
        self.touched: Mask = spis[np.minimum(place, len(spis) - 1)] == messages["spi_i"]
        """Which of the remembered messages are among them."""
        remembered = picked(messages, self.touched)
        rows, talk = joined([remembered, fresh]), np.concatenate([place[self.touched], talk])
        response = rows["flags"] & _RESPONSE != 0
        is_v1 = rows["version"] >> 4 == 1
        subject = np.where(is_v1, rows["exchange"], rows["from_target"] ^ response).astype(np.int64)
        different, rank = np.unique(subject << 32 | rows["message_id"], return_inverse=True)
        order = np.argsort((talk * len(different) + rank) * len(rows) + np.arange(len(rows)))
        self.when: Integers = order
        """The place of each message among all, in order of time."""
        self.rows = rows = picked(rows, order)
        self.talk: Integers = talk[order]
        self.remembered: Mask = order < len(remembered)
        self.from_target: Mask = rows["from_target"].copy()
        self.response: Mask = response[order]
        self.request: Mask = ~self.response
        self.is_v1: Mask = is_v1[order]
        self.exchange: NDArray[np.uint8] = rows["exchange"].copy()
        self.next_payload: NDArray[np.uint8] = rows["next_payload"].copy()
        self.message_id: Integers = rows["message_id"].astype(np.int64)
        self.fragment: Integers = rows["fragment"].astype(np.int64)
        self.spi_r: NDArray[np.uint64] = rows["spi_r"].copy()
        self.way: Integers = rows["way"].copy()
        self.asker: Integers = self.from_target ^ self.response
        self.counts: Mask = (self.fragment == 0) | (self.fragment >> 16 == 1)
        """Whether a row stands for its message: the whole of it, or fragment 1."""
        ranks = rank[order]
        new_talk = _changes(self.talk)
        self.starts: Integers = np.flatnonzero(new_talk)
        """Where each conversation begins."""
        self.exchanges: Integers = np.flatnonzero(new_talk | _changes(ranks))
        """Where each exchange begins."""
        self.run: Integers = np.cumsum(new_talk | _changes(ranks)) - 1
        """The exchange of each message."""
        self.before = _known(spis, known)
        """What is known of each conversation; `first` is 0 where nothing is."""
        self.is_known: Mask = self.before["first"] > 0

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def earliest(self) -> Integers:
        """The place of each conversation's first message."""
        place = np.empty(len(self.when), np.int64)
        place[self.when] = np.arange(len(self.when))
        return place[np.minimum.reduceat(self.when, self.starts)]

    @cached_property
    def sizes(self) -> Integers:
        """How many messages each exchange has."""
        return np.diff(self.exchanges, append=len(self.run))

    @cached_property
    def of_exchange(self) -> Integers:
        """The conversation of each exchange."""
        return self.talk[self.exchanges]

    @cached_property
    def answered_at(self) -> Integers:
        """The place of each exchange's first answer; beyond all places where there is none."""
        answers = np.where(self.is_v1, self.from_target, self.response)
        return np.minimum.reduceat(np.where(answers, np.arange(len(self.run)), len(self.run)), self.exchanges)

    @cached_property
    def answered(self) -> Mask:
        """Whether each exchange has an answer."""
        return self.answered_at < len(self.run)

    @cached_property
    def side(self) -> Integers:
        """Each exchange's conversation and asker in one number."""
        return self.of_exchange * 2 + self.asker[self.exchanges]

    @cached_property
    def last_of_side(self) -> Mask:
        """Whether an exchange of version 2 is the last one that its asker began."""
        return np.append(_changes(self.side)[1:], True)

    @cached_property
    def before_proof(self) -> tuple[Integers, Integers, Mask]:
        """The octets of each conversation that came and went before anything was sealed, and whether something is by now."""
        rows, before = self.rows, self.before
        proof = np.minimum.reduceat(np.where(sealed(rows), self.when, len(rows)), self.starts)
        counted = ~self.remembered & (self.when < np.where(before["proven"], 0, proof)[self.talk])
        received = self._octets_of(counted & ~self.from_target)
        sent = self._octets_of(counted & self.from_target)
        return before["received"] + received, before["sent"] + sent, before["proven"] | (proof < len(rows))

    def _octets_of(self, mask: Mask) -> Integers:
        """How many octets these messages of each conversation are together."""
        index = np.flatnonzero(mask)
        octets = np.bincount(self.talk[index], self.rows["length"][index], len(self))
        return octets.astype(np.int64)

    def in_order(self, places: Integers) -> Integers:
        """These places by conversation and time."""
        return places[np.argsort(self.talk[places] * len(self.talk) + self.when[places])]

    def in_exchange(self, mask: Mask) -> Mask:
        """Whether any message of each exchange is one of these."""
        found = np.zeros(len(self.exchanges), bool)
        found[self.run[np.flatnonzero(mask)]] = True
        return found

    def in_talk(self, mask: Mask) -> Mask:
        """Whether any message of each conversation is one of these."""
        found = np.zeros(len(self), bool)
        found[self.talk[np.flatnonzero(mask)]] = True
        return found

    def differ(self, one: Integers, other: Integers, octets: Callable[[int, int], bytes]) -> Mask:
        """Whether the messages at these places are not the same octets; `octets` gives those at a place in the file."""
        rows = self.rows
        differ = np.asarray(rows["length"][one] != rows["length"][other])
        asked = np.unique(np.concatenate([one[~differ], other[~differ]]))
        asked = asked[rows["digest"][asked] == 0]
        places = zip(*(rows[name][asked].tolist() for name in ("number", "at", "length")), strict=True)
        rows["digest"][asked] = [_digest(number, octets(at, length), length) for number, at, length in places]
        return np.asarray(differ | (rows["digest"][one] != rows["digest"][other]))


def sealed(rows: Table) -> Mask:
    """Which messages are encrypted, as their headers tell."""
    v1 = rows["version"] >> 4 == 1
    return np.where(v1, rows["flags"] & ENCRYPTED > 0, one_of(rows["next_payload"], _SEALED))


def _digest(number: int, octets: bytes, length: int) -> int:
    """The digest of a message; one of its own where the file does not have its octets any more."""
    return digest(octets if len(octets) == length else number.to_bytes(8, "big"))


def _changes(values: NDArray[np.int64]) -> Mask:
    """Where a value differs from the one before it; the first one does."""
    found = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found


def _known(spis: NDArray[np.uint64], known: Table) -> Table:
    found = np.zeros(len(spis), TALK)
    found["spi_i"] = spis
    if len(known):
        place = np.searchsorted(known["spi_i"], spis)
        there = known["spi_i"][np.minimum(place, len(known) - 1)] == spis
        found[there] = picked(known, place[there])
    return found
