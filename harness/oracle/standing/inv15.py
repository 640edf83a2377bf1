"""INV-15: what nobody authenticated changes no SA that is up, and draws no more than an answer for each datagram.

An SA that was up still answers its peer's valid requests afterwards. The target sends at most one notify in clear for
each datagram that it got; answers to requests are counted by INV-07. How often, and how many octets for how many, are
remarks: RFC 7296 section 2.21.4 wants a limit and names none. In version 1 an answerer may repeat itself on its own
timer; more than three times is too much for somebody who showed nothing yet.
"""

from collections import Counter
from collections.abc import Iterator

from harness.codes import Exchange
from harness.observe import Header, Seen, Trace
from harness.observe.answers import PHASE_1
from harness.oracle.facts import Fact
from harness.oracle.standing.inv10 import Asked, requests_due, silence_counts
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    failed,
    folded,
    held,
    named,
    not_judged,
    noted,
    pair_of,
    spans,
    tap_at_target,
)
from harness.profile import Profile
from harness.record import ClaimName, Verdict, Weight
from harness.wire.datagram import Kind

_INITIAL = frozenset({Exchange.IKE_SA_INIT, Exchange.IKE_SESSION_RESUME})
_INFORMATIONAL = frozenset({int(Exchange.INFORMATIONAL), int(Exchange.INFORMATIONAL_V1)})
_OWN_TIMER = 3
"""How often an answerer of version 1 may repeat a message unasked."""
_MANY, _WITHIN_S = 500, 10.0
_FOLD = 3
"""Octets out for each octet in, from where a remark is due."""

_Pair = tuple[bytes, bytes]
_Source = tuple[str, bytes]
"""A peer's address, and the initiator's SPI or cookie."""


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    unproven = _unproven(trace)
    told = tuple(folded((*_standing(trace, unproven), *_surplus(trace), *_own_timer(trace))))
    yield from told
    yield from _rates(trace)
    yield from _amplified(trace)
    if not unproven and not told:
        yield not_judged("nobody sent anything unauthenticated on an SA that was up")
    elif not any(each.verdict is Verdict.FAIL for each in told):
        count = sum(map(len, unproven.values()))
        yield held(
            f"{count} unauthenticated datagrams on {len(unproven)} SAs that were up changed none of them"
        )


# SAs that are up


def _unproven(trace: Trace) -> dict[_Pair, list[Seen]]:
    """What came on SAs that were up, and was in clear or did not open, by SA."""
    up: set[_Pair] = set()
    found: dict[_Pair, list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        assert header is not None
        if each.from_target:
            if each.sealed:
                up.add(header.pair)
        elif header.pair in up and _is_unproven(each, header):
            found.setdefault(header.pair, []).append(each)
    return found


def _is_unproven(seen: Seen, header: Header) -> bool:
    if seen.spoiled is not None and seen.fragment is None:
        return True
    return not seen.sealed and header.exchange not in _INITIAL and header.exchange not in PHASE_1


def _standing(trace: Trace, unproven: dict[_Pair, list[Seen]]) -> Iterator[Remark]:
    """SAs that no longer answered what was due once something unauthenticated had come."""
    for asked in requests_due(trace, marked=True) if unproven else ():
        header = asked.first.header
        assert header is not None
        before = [each for each in unproven.get(header.pair, ()) if each.number < asked.first.number]
        if before and not trace.answers.to(asked.first) and silence_counts(trace, asked):
            yield _fell_silent(asked, before)


def _fell_silent(asked: Asked, before: list[Seen]) -> Remark:
    frames = [each.number for each in before]
    return failed(
        f"the target left a valid request on {pair_of(asked.first)} unanswered ({named(asked.frames)}) after "
        f"{spans(frames)}, which nobody had authenticated",
        (*frames, *asked.frames),
    )


# Replies


def _is_clear_notify(seen: Seen) -> bool:
    if not seen.from_target or seen.sealed or seen.exchange not in _INFORMATIONAL or seen.header is None:
        return False
    return seen.header.is_v1 or seen.header.is_request


def _surplus(trace: Trace) -> Iterator[Remark]:
    """Notifies in clear for which no datagram had come; a copy of the path's making is none."""
    room: Counter[str] = Counter()
    last: dict[str, Seen] = {}
    for each in trace.seen:
        if not each.from_target:
            room[each.source.address] += each.kind is not Kind.KEEPALIVE
            continue
        if not _is_clear_notify(each):
            continue
        address = each.destination.address
        earlier = last.get(address)
        copied = not tap_at_target(trace) and earlier is not None and earlier.octets == each.octets
        if room[address] + trace.heard_before(address, each.number) <= 0 and not copied:
            yield failed(
                f"frame {each.number}: the target sent a notify in clear to {address} for which no datagram had come",
                each.frames,
                requirement="RFC7296-2.1-13",
            )
        room[address] -= not copied
        last[address] = each


def _own_timer(trace: Trace) -> Iterator[Remark]:
    """Messages of a half-open phase 1 that the target repeated more often than by request and thrice by itself."""
    asked: Counter[bytes] = Counter()
    proven: set[bytes] = set()
    said: dict[bytes, list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        if header is None or not header.is_v1 or header.exchange not in PHASE_1:
            continue
        if each.from_target and not each.sealed:
            said.setdefault(each.octets, []).append(each)
        elif not each.from_target:
            asked[header.spi_i] += 1
            if each.sealed:
                proven.add(header.spi_i)
    for copies in said.values():
        cookie = copies[0].spi_i or b""
        if cookie not in proven and len(copies) > asked[cookie] + _OWN_TIMER:
            frames = tuple(each.number for each in copies)
            yield failed(
                f"the target sent one message of a half-open phase 1 {len(copies)} times, {named(frames)}, and was "
                f"asked {asked[cookie]} times",
                frames,
                requirement="RFC2408-5.1-11",
                weight=Weight.SHOULD,
            )


def _rates(trace: Trace) -> Iterator[Remark]:
    notifies = [each for each in trace.ike if _is_clear_notify(each) or _is_clear_refusal(each)]
    for first, last in zip(notifies, notifies[_MANY:], strict=False):
        if last.time - first.time <= _WITHIN_S:
            yield noted(
                f"the target sent {_MANY} notifies in clear within {last.time - first.time:.1f} s, from frame "
                f"{first.number} on; they want a limit",
                (first.number, last.number),
            )
            return


def _is_clear_refusal(seen: Seen) -> bool:
    return seen.from_target and seen.is_response and not seen.sealed and seen.exchange not in _INITIAL


def _amplified(trace: Trace) -> Iterator[Remark]:
    """Sources that got many more octets than they had sent, under one SPI, before they showed that they receive."""
    received: Counter[_Source] = Counter()
    sent: Counter[_Source] = Counter()
    proven: set[_Source] = set()
    for each in trace.ike:
        source = each.destination.address if each.from_target else each.source.address, each.spi_i or b""
        if source in proven:
            continue
        if each.sealed:
            proven.add(source)
        elif each.from_target:
            sent[source] += len(each.octets)
        else:
            received[source] += len(each.octets)
    yield from folded(
        noted(
            f"the target sent {octets} octets to {source[0]} for {received[source]} that came from there under SPI "
            f"{source[1].hex()}, before it had shown that it receives",
        )
        for source, octets in sent.items()
        if octets > _FOLD * received[source] > 0
    )


RULE = Rule(
    id="INV-15",
    claim=ClaimName.PROTOCOL,
    title="What nobody authenticated changes no SA that is up, and draws no more than one notify each",
    requirements=("RFC7296-5-03", "RFC7296-2.1-13", "RFC2408-5.1-11"),
    rfc=("RFC 7296 §2.1", "RFC 7296 §2.4", "RFC 7296 §2.21.4", "RFC 7296 §5", "RFC 2408 §5.1"),
    examine=_examine,
    cleared_by=(Fact.KINDS, Fact.ANSWERED, Fact.NO_MORE_THAN_THRICE),
)
