"""Proves plain conversations by the column, a sheet of rows at a time; what is not proved is suspected.

Each fact is a function that marks the messages which break it. Of a plain conversation little is remembered: who
speaks, and the messages of the last exchange that each side began. Nothing that happens later can make a suspect plain
again. So what is let pass never depends on how a capture is cut into sheets, and a doubt costs time, not truth.
"""

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.capture.tables import Integers, Mask, Table, among, joined, one_of, picked
from harness.codes import Exchange, PayloadV2
from harness.observe import Matter
from harness.observe.associations import REKEY_S
from harness.observe.rows import IKE, ROW, STRAY
from harness.oracle.facts import Fact
from harness.oracle.talks import ENCRYPTED, TALK, Talks, sealed

MOST_ALIVE = 100_000
"""So many conversations are remembered, the oldest idle ones are let go; and so many are suspected, of either kind."""
_MOST_MESSAGES = 64
"""More messages to be remembered of one conversation make it a suspect."""

_INIT = int(Exchange.IKE_SA_INIT)
_INFORMATIONAL = int(Exchange.INFORMATIONAL)
_CHILD = int(Exchange.CREATE_CHILD_SA)
_MAY_LIST = (int(Exchange.IKE_AUTH), _INFORMATIONAL)
_MAIN = int(Exchange.IDENTITY_PROTECTION)
_QUICK = int(Exchange.QUICK_MODE)
_INFORMATIONAL_V1 = int(Exchange.INFORMATIONAL_V1)
_TRANSACTION = int(Exchange.TRANSACTION)
_AGGRESSIVE = int(Exchange.AGGRESSIVE)
_PHASE_1 = (_MAIN, _AGGRESSIVE)
_BEGUN_BY_PEER = (*_PHASE_1, _QUICK, int(Exchange.NEW_GROUP_MODE))
_KINDS_V1 = (*_BEGUN_BY_PEER, _INFORMATIONAL_V1, _TRANSACTION)
_KINDS_V2 = (
    int(Exchange.IKE_AUTH),
    _CHILD,
    _INFORMATIONAL,
    int(Exchange.IKE_INTERMEDIATE),
    int(Exchange.IKE_FOLLOWUP_KE),
)
_MAIN_MESSAGES, _AGGRESSIVE_MESSAGES = 6, 5
_VERSION_1, _VERSION_2 = 0x10, 0x20
_INITIATOR, _RESPONSE = 0x08, 0x20
_FOLD = 3

# Beside its matter it is remembered of a conversation that the peer made a Quick Mode there.
_QUICKENED = 1 << 16
_MATTER = _QUICKENED - 1
_RECENT = 64
"""So many CREATE_CHILD_SA exchanges of a peer are remembered, as the observer does."""

Octets = Callable[[int, int], bytes]
Check = Callable[[Talks, Octets], Mask]


def _one_peer(talks: Talks, _octets: Octets) -> Mask:
    rows, talk = talks.rows, talks.talk
    start = talks.starts
    known, before = talks.is_known, talks.before
    peer = np.where(known, before["peer"], rows["peer"][start])[talk]
    version = np.where(known, before["version"], rows["version"][start])[talk]
    spi_r = np.where(before["spi_r"] > 0, before["spi_r"], np.maximum.reduceat(talks.spi_r, start))[talk]
    opens = ~talks.from_target & np.where(
        talks.is_v1, one_of(talks.exchange, _PHASE_1), talks.request & (talks.exchange == _INIT)
    )
    bare = (talks.spi_r == 0) & opens
    astray = (rows["peer"] != peer) | (rows["version"] != version) | ((talks.spi_r != spi_r) & ~bare)
    plain = (rows["version"] == _VERSION_1) | (rows["version"] == _VERSION_2)
    unsaid = ~talks.is_v1 & opens & (talks.spi_r != 0)
    return np.asarray(astray | rows["over_tcp"] | ~plain | ((spi_r == 0) & ~bare) | unsaid)


def _roles(talks: Talks, _octets: Octets) -> Mask:
    flags = talks.rows["flags"] & ~np.uint8(_RESPONSE)
    return np.asarray(~talks.is_v1 & (flags != np.where(talks.from_target, 0, _INITIATOR)))


def _kinds(talks: Talks, _octets: Octets) -> Mask:
    hidden_v1 = (talks.rows["flags"] & ENCRYPTED > 0) | one_of(talks.exchange, _PHASE_1)
    known_v1 = one_of(talks.exchange, _KINDS_V1) & hidden_v1
    number, total = talks.fragment >> 16, talks.fragment & 0xFFFF
    in_pieces = (talks.next_payload == PayloadV2.SKF) & (number >= 1) & (number <= total)
    hidden = one_of(talks.exchange, _KINDS_V2) & ((talks.next_payload == PayloadV2.SK) | in_pieces)
    once = (talks.asker == 0) & (talks.message_id == 0) & (talks.sizes <= 2)[talks.run]
    initial = (talks.exchange == _INIT) & (talks.next_payload == PayloadV2.SA) & once
    return ~np.where(talks.is_v1, known_v1, hidden | initial)


def _target_only_informs(talks: Talks, _octets: Octets) -> Mask:
    starts = talks.from_target & talks.request & (talks.exchange != _INFORMATIONAL)
    first = talks.from_target[talks.exchanges][talks.run]
    starts_v1 = first & one_of(talks.exchange, _BEGUN_BY_PEER)
    return np.where(talks.is_v1, starts_v1, starts)


def _asked_first(talks: Talks, _octets: Octets) -> Mask:
    start = talks.exchanges
    due = np.cumsum(np.where(talks.request, 1, -1) * talks.counts)
    due -= (due[start] - talks.counts[start])[talks.run]
    total, answered_at = talks.fragment & 0xFFFF, np.minimum(talks.answered_at, len(talks.run) - 1)
    pieces = np.where(talks.request, total[start][talks.run], total[answered_at][talks.run])
    broken = talks.response[start][talks.run] | (due < 0) | (total != pieces)
    return np.asarray(~talks.is_v1 & (broken | (talks.exchange != talks.exchange[start][talks.run])))


def _answered(talks: Talks, octets: Octets) -> Mask:
    waits = ~talks.answered & ~talks.last_of_side
    broken = ~talks.is_v1 & waits[talks.run]
    return broken | _out_of_turn(talks, octets)


def _out_of_turn(talks: Talks, octets: Octets) -> Mask:
    """Version 1: another message of the peer before the answer to its first, or Main Mode not turn by turn."""
    broken = np.zeros(len(talks.run), bool)
    start = talks.exchanges[talks.run]
    place = np.arange(len(talks.run))
    main = talks.is_v1 & (talks.exchange == _MAIN)
    broken |= main & (
        (talks.from_target != ((place - start) % 2 == 1)) | (talks.sizes > _MAIN_MESSAGES)[talks.run]
    )
    # Main Mode's answers differ, else one of them is an old one said again.
    aggressive = talks.is_v1 & (talks.exchange == _AGGRESSIVE)
    broken |= aggressive & (talks.sizes > _AGGRESSIVE_MESSAGES)[talks.run]
    for behind in (2, 4):
        again = np.flatnonzero(main & talks.from_target & (place - start > behind) & ~broken)
        broken[again] |= ~talks.differ(again, again - behind, octets)
    unanswered = np.flatnonzero(talks.is_v1 & ~main & _has_answer(talks)[talks.run] & (place > start))
    unanswered = unanswered[unanswered < talks.answered_at[talks.run[unanswered]]]
    broken[unanswered] |= talks.differ(unanswered, start[unanswered], octets)
    # What comes back as it went is no answer.
    asked_by_peer = talks.answered_at > talks.exchanges
    answered = np.flatnonzero(talks.is_v1[talks.exchanges] & talks.answered & asked_by_peer)
    answer = talks.answered_at[answered]
    broken[answer] |= ~talks.differ(answer, talks.exchanges[answered], octets)
    return broken


def _has_answer(talks: Talks) -> Mask:
    """Whether the place of each exchange's first message gives it an answer."""
    start = talks.exchanges
    exchange, by_target = talks.exchange[start], talks.from_target[start]
    due_v1 = (exchange != _INFORMATIONAL_V1) & ~((exchange == _TRANSACTION) & by_target)
    return np.where(talks.is_v1[start], due_v1, True)


def _numbered(talks: Talks, _octets: Octets) -> Mask:
    start, side = talks.exchanges, talks.side
    v2 = ~talks.is_v1[start]
    first = np.append(True, side[1:] != side[:-1])
    starts = np.flatnonzero(first)
    goes_on = np.logical_or.reduceat(talks.remembered[start], starts)[np.cumsum(first) - 1]
    number = talks.message_id[start]
    begins = talks.remembered[start] | ((number == 0) & ~goes_on)
    follows = np.zeros(len(start), bool)
    answered_at = np.minimum(talks.answered_at, len(talks.run) - 1)[:-1]
    follows[1:] = (
        (number[1:] == number[:-1] + 1)
        & talks.answered[:-1]
        & (talks.when[start[1:]] > talks.when[answered_at])
    )
    return (v2 & ~np.where(first, begins, follows))[talks.run]


def _repeated_alike(talks: Talks, octets: Octets) -> Mask:
    broken = np.zeros(len(talks.run), bool)
    crowded = (talks.sizes > 2)[talks.run] | (~talks.answered & (talks.sizes > 1))[talks.run]
    which = np.flatnonzero(crowded & ~talks.is_v1)
    told = (talks.run[which] * 2 + talks.response[which]) << 32 | talks.fragment[which]
    order = np.argsort(told, kind="stable")
    which, told = which[order], told[order]
    again = np.flatnonzero(told[1:] == told[:-1]) + 1
    broken[which[again]] = talks.differ(which[again], which[again - 1], octets)
    return broken


def _same_way(talks: Talks, _octets: Octets) -> Mask:
    broken = np.asarray(~talks.is_v1 & (talks.way != talks.way[talks.exchanges][talks.run]))
    v1 = talks.in_order(np.flatnonzero(talks.is_v1))
    broken[v1] = talks.from_target[v1] & (talks.way[v1] != _peers_way(talks, v1))
    return broken


def _peers_way(talks: Talks, ordered: Integers) -> Integers:
    """The way of the peer's last message up to each of these, which come by conversation and time."""
    talk = talks.talk[ordered]
    place = np.arange(len(ordered))
    spoke = np.maximum.accumulate(np.where(talks.from_target[ordered], -1, place))
    inside = (spoke >= 0) & (talk[spoke] == talk)
    return np.asarray(np.where(inside, talks.way[ordered][spoke], talks.before["way"][talk]))


def _no_more_than_thrice(talks: Talks, _octets: Octets) -> Mask:
    received, sent, _ = talks.before_proof
    return np.asarray((sent > _FOLD * received)[talks.talk])


CHECKS: dict[Fact, Check] = {
    Fact.ONE_PEER: _one_peer,
    Fact.ROLES: _roles,
    Fact.KINDS: _kinds,
    Fact.TARGET_ONLY_INFORMS: _target_only_informs,
    Fact.ASKED_FIRST: _asked_first,
    Fact.ANSWERED: _answered,
    Fact.NUMBERED: _numbered,
    Fact.REPEATED_ALIKE: _repeated_alike,
    Fact.NO_MORE_THAN_THRICE: _no_more_than_thrice,
    Fact.SAME_WAY: _same_way,
}
"""Which messages break a fact; `Fact.PEER_OPENS` is the screen's own, as it asks what other conversations hold."""


class Screener:
    """Takes sheets of rows in order; at the end it says what is suspected, and what the rest holds."""

    def __init__(self, octets: Octets, most: int = MOST_ALIVE) -> None:
        self._octets = octets
        self._most = most
        self._room = {True: most, False: most}
        self._talks = np.zeros(0, TALK)
        self._messages = np.zeros(0, ROW)
        self._suspected = np.zeros(0, np.uint64)
        self._matter: dict[int, int] = {}
        self._renewals: dict[int, deque[tuple[int, float]]] = {}
        self._quickened: dict[int, int] = {}
        self._parents: set[tuple[int, int]] = set()
        self._doubtful: set[int] = set()
        self._unopened: set[int] = set()
        self.suspects: dict[int, int] = {}
        """The initiators' SPIs that must be looked at, each with the first frame of what must be."""
        self.reported_to: set[int] = set()
        """The peers that may have got a notify in clear, for which it counts what else they sent."""
        self.set_aside: set[int] = set()
        """The peers of whom more was let go than can be judged without."""

    def matter(self, peer: int) -> Matter:
        """What the plain conversations of a peer hold."""
        return Matter(self._matter.get(peer, 0) & _MATTER)

    def take(self, rows: Table) -> None:
        """One more sheet."""
        self.reported_to.update(rows["peer"][_may_report(rows)].tolist())
        fresh = picked(rows, (rows["kind"] == IKE) & (rows["spi_i"] != 0))
        anew = picked(fresh, fresh["message_id"] == 0)
        anew = picked(anew, among(anew["spi_i"], np.array([*self._unopened], np.uint64)))
        fresh = picked(fresh, ~among(fresh["spi_i"], self._suspected))
        self._add_parents(anew)
        if len(fresh):
            self._judge(fresh)
        self._add_parents(anew)
        self._suspect(among(self._talks["spi_i"], rows["spi_i"][rows["kind"] == STRAY]))
        self._let_go()

    def _add_parents(self, rows: Table) -> None:
        """Whatever new SAs may come from that these messages of suspects begin."""
        for peer, time in zip(rows["peer"].tolist(), rows["time"].tolist(), strict=True):
            recent = self._renewals.get(peer, ())
            self._parents.update((spi, peer) for spi, then in recent if abs(time - then) <= REKEY_S)

    def finish(self) -> None:
        """There are no more sheets: what waits for an answer is suspected, and whatever suspects may depend on."""
        self._suspect(self._talks["open"])
        first = {self._quickened[peer] for peer in self._doubtful if peer in self._quickened}
        self._suspect(among(self._talks["spi_i"], np.array([*first], np.uint64)))
        self.set_aside |= {peer for peer in self._doubtful if self._matter.get(peer, 0) & _QUICKENED}
        while parents := {each for each in self._parents if each[0] not in self.suspects}:
            self._parents.clear()
            self._suspect(among(self._talks["spi_i"], np.array([spi for spi, _ in parents], np.uint64)))
            self.set_aside |= {peer for spi, peer in parents if spi not in self.suspects}
        self._fold(self._talks)

    def _judge(self, fresh: Table) -> None:
        talks = Talks(self._messages, fresh, self._talks)
        broken = {fact: check(talks, self._octets) for fact, check in CHECKS.items()}
        late = talks.in_talk(broken.pop(Fact.NUMBERED))
        odd = talks.in_talk(np.logical_or.reduce([*broken.values()]))
        kept = _to_remember(talks)
        doubtful = odd | late | (np.add.reduceat(kept, talks.starts) > _MOST_MESSAGES)
        born, parents = self._born(talks, doubtful)
        doubtful |= ~born
        after = _after(talks)
        after["parent"] = np.where(talks.is_known, talks.before["parent"], parents)
        self._talks = picked(self._talks, ~among(self._talks["spi_i"], after["spi_i"]))
        self._messages = picked(self._messages, ~talks.touched)
        self._distrust(picked(after, odd), odd=True)
        self._distrust(picked(after, doubtful & ~odd))
        plain = ~doubtful
        self._talks = joined([self._talks, picked(after, plain)])
        self._talks = picked(self._talks, np.argsort(self._talks["spi_i"]))
        messages = talks.in_order(np.flatnonzero(kept & plain[talks.talk]))
        self._messages = joined([self._messages, picked(talks.rows, messages)])
        self._quicken(talks, plain)

    def _born(self, talks: Talks, doubtful: Mask) -> tuple[Mask, NDArray[np.uint64]]:
        """Which conversations the peer began before our eyes (`Fact.PEER_OPENS`), and which may come from which."""
        first, rows = talks.earliest, talks.rows
        born, parents = talks.is_known | _opens(talks), np.zeros(len(talks), np.uint64)
        request = ~(talks.is_v1 | talks.from_target | talks.response)[first]
        may_be = (
            request
            & (talks.message_id[first] == 0)
            & (talks.spi_r[first] != 0)
            & (talks.exchange[first] != _INIT)
        )
        unopened = np.zeros(len(rows), bool)
        unopened[first[~born & ~talks.is_v1[first]]] = True
        renews = ~talks.is_v1 & talks.request & (talks.exchange == _CHILD) & ~talks.remembered
        places = np.flatnonzero(unopened | renews)
        for place in places[np.argsort(talks.when[places])].tolist():
            one, peer, time = int(talks.talk[place]), int(rows["peer"][place]), float(rows["time"][place])
            recent = self._renewals.setdefault(peer, deque(maxlen=_RECENT))
            if unopened[place]:
                parents[one] = next((spi for spi, then in reversed(recent) if 0 <= time - then <= REKEY_S), 0)
                born[one] = parents[one] > 0 and may_be[one]
            if renews[place] and born[one] and not doubtful[one]:
                recent.append((int(rows["spi_i"][place]), time))
        return born, parents

    def _quicken(self, talks: Talks, plain: Mask) -> None:
        """Keep in which conversation each peer's first Quick Mode came."""
        quick = np.flatnonzero(
            talks.is_v1 & (talks.exchange == _QUICK) & ~talks.from_target & plain[talks.talk]
        )
        quick = quick[np.argsort(talks.when[quick])]
        peers, first = np.unique(talks.rows["peer"][quick], return_index=True)
        spis = talks.rows["spi_i"][quick[first]]
        for peer, spi_i in zip(peers.tolist(), spis.tolist(), strict=True):
            self._quickened.setdefault(peer, spi_i)

    def _suspect(self, which: Mask) -> None:
        """Suspect conversations that are remembered."""
        if which.any():
            talks = picked(self._talks, which)
            self._forget(which)
            self._distrust(talks)

    def _distrust(self, talks: Table, *, odd: bool = False) -> None:
        """Suspect these; there is room apart for the odd ones, so that those that only came late never crowd them out."""
        room = self._room[odd]
        self.set_aside.update(talks["peer"][room:].tolist())
        talks = talks[:room]
        self._room[odd] -= len(talks)
        self.suspects.update(zip(talks["spi_i"].tolist(), talks["first"].tolist(), strict=True))
        self._suspected = np.union1d(self._suspected, talks["spi_i"])
        rekeyed = talks[talks["parent"] > 0]
        self._parents.update(zip(rekeyed["parent"].tolist(), rekeyed["peer"].tolist(), strict=True))
        self._doubtful.update(talks["peer"].tolist())
        self._unopened.update(talks["spi_i"][~talks["opened"]].tolist())

    def _let_go(self) -> None:
        """Above the most that may be alive, let the oldest idle ones go."""
        surplus = len(self._talks) - self._most
        if surplus <= 0:
            return
        which = np.zeros(len(self._talks), bool)
        which[np.argsort(self._talks["last"])[:surplus]] = True
        self._fold(picked(self._talks, which & ~self._talks["open"]))
        doubtful = picked(self._talks, which & self._talks["open"])
        self._forget(which)
        self._distrust(doubtful)

    def _forget(self, which: Mask) -> None:
        self._messages = picked(self._messages, ~among(self._messages["spi_i"], self._talks["spi_i"][which]))
        self._talks = picked(self._talks, ~which)

    def _fold(self, talks: Table) -> None:
        for peer, matter in zip(talks["peer"].tolist(), talks["matter"].tolist(), strict=True):
            self._matter[peer] = self._matter.get(peer, 0) | matter


def _may_report(rows: Table) -> Mask:
    """Which rows may be notifies of the target in clear."""
    informs = one_of(rows["exchange"], (_INFORMATIONAL, _INFORMATIONAL_V1))
    return np.asarray((rows["kind"] == IKE) & rows["from_target"] & informs & ~sealed(rows))


def _opens(talks: Talks) -> Mask:
    """Whether the first message of a conversation is one that the peer opens it with."""
    first = talks.earliest
    exchange = talks.exchange[first]
    opening = np.where(
        talks.is_v1[first], one_of(exchange, _PHASE_1), talks.request[first] & (exchange == _INIT)
    )
    return np.asarray(~talks.from_target[first] & (talks.spi_r[first] == 0) & opening)


def _waits(talks: Talks) -> Mask:
    """Which exchanges wait for an answer."""
    last = talks.exchanges + talks.sizes - 1
    main = talks.exchange[last] == _MAIN
    waits_v1 = _has_answer(talks) & np.where(main, ~talks.from_target[last], ~talks.answered)
    return np.where(talks.is_v1[last], waits_v1, talks.last_of_side & ~talks.answered)


def _to_remember(talks: Talks) -> Mask:
    """The last exchange of each side; in version 1 those that wait, and the last one that is not informational."""
    spoken = np.where(talks.is_v1 & (talks.exchange != _INFORMATIONAL_V1), talks.when, -1)
    latest = (spoken >= 0) & (spoken == np.maximum.reduceat(spoken, talks.starts)[talks.talk])
    kept_v1 = _waits(talks) | talks.in_exchange(latest)
    return np.where(talks.is_v1, kept_v1[talks.run], talks.last_of_side[talks.run])


def _after(talks: Talks) -> Table:
    """What is to be remembered of each conversation after these messages."""
    rows, start, before = talks.rows, talks.starts, talks.before
    after = before.copy()
    first = talks.earliest
    new = ~talks.is_known
    for name in ("peer", "version"):
        after[name] = np.where(new, rows[name][first], before[name])
    after["first"] = np.where(new, rows["number"][first], before["first"])
    after["spi_r"] = np.maximum(before["spi_r"], np.maximum.reduceat(talks.spi_r, start))
    after["last"] = np.maximum.reduceat(rows["number"], start)
    spoke = np.maximum.reduceat(np.where(talks.from_target, -1, talks.when), start)
    place = np.empty(len(talks.when), np.int64)
    place[talks.when] = np.arange(len(talks.when))
    after["way"] = np.where(spoke >= 0, talks.way[place[np.maximum(spoke, 0)]], before["way"])
    after["opened"] = np.where(new, _opens(talks), before["opened"])
    after["received"], after["sent"], after["proven"] = talks.before_proof
    after["open"] = talks.in_talk(_waits(talks)[talks.run])
    after["matter"] = before["matter"] | np.bitwise_or.reduceat(_matter(talks), start)
    return after


def _matter(talks: Talks) -> Integers:
    """What each message holds, as flags."""
    answers = talks.response & talks.from_target
    twice = np.add.reduceat(answers, talks.exchanges)[talks.run] > 1
    v2, v1 = ~talks.is_v1, talks.is_v1
    by_peer = ~talks.from_target
    may_list = one_of(talks.exchange, _MAY_LIST)
    told = (
        (v1, Matter.VERSION_1),
        (v1 & talks.from_target | v2 & answers, Matter.ANSWERS),
        (by_peer & np.where(v1, _has_answer(talks)[talks.run], talks.request), Matter.REQUESTS),
        (v2 & answers & talks.counts, Matter.RESPONSES),
        (v2 & answers & twice & (talks.exchange != _INIT), Matter.REPEATED),
        (v2 & talks.from_target & talks.request, Matter.OWN_REQUESTS),
        (v2 & by_peer & may_list, Matter.HIDDEN_LISTS),
    )
    found = sum(
        (np.where(mask, int(matter.value), 0) for mask, matter in told), np.zeros(len(talks.run), np.int64)
    )
    return np.asarray(found + np.where(v1 & by_peer & (talks.exchange == _QUICK), _QUICKENED, 0))
