"""INV-06: what a responder asks by itself is INFORMATIONAL, and asks for no change that is its peer's to make.

Exchange types that have a rule of their own (INV-01, INV-02) are judged there. Of the content, which only keys show,
nothing but UPDATE_SA_ADDRESSES is forbidden: the mode is about negotiations, so notifies that this list does not name
are remarks, and so are starts of version 1 that no document knows of a responder. Message IDs are synchronised by the members of a cluster that said so (RFC 6311 section 5).
"""

from collections.abc import Iterable, Iterator

from harness.codes import CfgType, Exchange, NotifyType, PayloadV2, name_of
from harness.observe import Header, Matter, Seen, Trace
from harness.oracle.facts import Fact
from harness.oracle.standing.rule import (
    Remark,
    Rule,
    bounds,
    failed,
    frames_of,
    held,
    named,
    not_judged,
    noted,
    pairs_of,
    self_started,
    undecided,
)
from harness.profile import Profile
from harness.record import ClaimName
from harness.wire import v1, v2

_JUDGED_ELSEWHERE = frozenset(
    {
        Exchange.IKE_SA_INIT,
        Exchange.IKE_AUTH,
        Exchange.CREATE_CHILD_SA,
        Exchange.IKE_SESSION_RESUME,
        Exchange.IKE_INTERMEDIATE,
        Exchange.IKE_FOLLOWUP_KE,
    }
)
_OTHERS_USE = frozenset({*range(39, 43), *range(240, 256)})
"""Exchange types of G-IKEv2, and those for private use."""
_PRIVATE_1 = frozenset(range(240, 256))
_XAUTH = range(16520, 16530)
"""Attributes of XAUTH."""
_FIRST_STATUS = 16384
"""Notify types below are errors (RFC 7296 section 3.10.1)."""
_SYNCHRONISES = frozenset({NotifyType.IKEV2_MESSAGE_ID_SYNC, NotifyType.IPSEC_REPLAY_COUNTER_SYNC})
_SYNCHRONISE_OFFERS = frozenset(
    {NotifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED, NotifyType.IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED}
)
_QCD_TOKEN = NotifyType.QUICK_CRASH_DETECTION
_LISTED = frozenset(
    {
        NotifyType.AUTH_LIFETIME,
        NotifyType.SET_WINDOW_SIZE,
        NotifyType.REDIRECT,
        NotifyType.ADDITIONAL_IP4_ADDRESS,
        NotifyType.ADDITIONAL_IP6_ADDRESS,
        NotifyType.NO_ADDITIONAL_ADDRESSES,
        NotifyType.COOKIE2,
        NotifyType.NAT_DETECTION_SOURCE_IP,
        NotifyType.NAT_DETECTION_DESTINATION_IP,
        _QCD_TOKEN,
    }
)


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    started = [each for each in trace.ike if each.from_target and _is_request(each)]
    yield from _by_type(trace, started)
    yield from _of_version_1(trace)
    yield from _by_content([each for each in started if each.exchange == Exchange.INFORMATIONAL], trace)


def _is_request(seen: Seen) -> bool:
    return seen.header is not None and seen.header.major == 2 and seen.header.is_request


def _by_type(trace: Trace, started: Iterable[Seen]) -> Iterator[Remark]:
    """The half that headers show."""
    found: dict[tuple[int, str], list[Seen]] = {}
    for each in started:
        exchange = each.exchange or 0
        if exchange != Exchange.INFORMATIONAL and exchange not in _JUDGED_ELSEWHERE:
            found.setdefault((exchange, each.destination.address), []).append(each)
    for (exchange, peer), messages in found.items():
        frames = frames_of(messages)
        says = (
            f"the target started {name_of(Exchange, exchange)}, exchange type {exchange}, towards {peer} on "
            f"{pairs_of(messages)}, {named(frames)}"
        )
        if exchange in _OTHERS_USE:
            yield noted(f"{says}; what such an exchange means no rule here knows", frames)
        else:
            yield failed(f"{says}; by itself a responder starts nothing but INFORMATIONAL", frames)
    if all(exchange in _OTHERS_USE for exchange, _ in found):
        yield held(f"the target started no exchange of a type that nobody gave it {bounds(trace)}")


def _of_version_1(trace: Trace) -> Iterator[Remark]:
    """Private exchange types, and a transaction that asks for what only clients want (Mode-Config section 2)."""
    started = [each for each in self_started(trace) if each.header is not None and each.header.is_v1]
    odd = {
        "exchange types for private use": [each for each in started if each.exchange in _PRIVATE_1],
        "a request for configuration": [each for each in started if _asks_as_client(each)],
    }
    for words, messages in odd.items():
        if messages:
            frames = frames_of(messages)
            yield noted(f"the target started {words} in version 1, {named(frames)}", frames)


def _asks_as_client(seen: Seen) -> bool:
    """Whether it asks in a transaction for more than a user's name and proof."""
    return seen.exchange == Exchange.TRANSACTION and any(
        isinstance(payload, v1.Attributes)
        and payload.attr_type == CfgType.CFG_REQUEST
        and any(attribute.type not in _XAUTH for attribute in payload.attributes)
        for payload in seen.payloads
    )


def _by_content(requests: list[Seen], trace: Trace) -> Iterator[Remark]:
    """The half that only keys show."""
    read = [each for each in requests if each.doubt is None]
    moves = [each for each in read if _notifies(each) & {NotifyType.UPDATE_SA_ADDRESSES}]
    yield from _moved(trace, moves)
    clear = [each for each in read if not each.sealed and not _is_report(each)]
    if clear:
        frames = frames_of(clear)
        yield noted(f"INFORMATIONAL requests of the target in clear, {named(frames)}", frames)
    unlisted: dict[str, list[Seen]] = {}
    may_synchronise = _claims_synchronisation(trace)
    for each in read:
        for words in _unlisted(each, may_synchronise=may_synchronise):
            unlisted.setdefault(words, []).append(each)
    for words, messages in unlisted.items():
        frames = frames_of(messages)
        yield noted(f"INFORMATIONAL requests of the target carry {words}, {named(frames)}", frames)
    hidden = any(each.doubt is not None and each.joined_in is None for each in requests)
    if hidden or trace.holds(Matter.OWN_REQUESTS):
        yield not_judged("INFORMATIONAL requests of the target did not open: what they ask nobody sees")
    elif not moves and requests:
        yield held(f"{len(requests)} INFORMATIONAL requests of the target ask for no change of addresses")


def _moved(trace: Trace, moves: list[Seen]) -> Iterator[Remark]:
    by_maker: dict[bool | None, list[Seen]] = {}
    for each in moves:
        assert each.header is not None
        by_maker.setdefault(_first_made_by_target(trace, each.header), []).append(each)
    for by_target, messages in by_maker.items():
        frames = frames_of(messages)
        says = f"the target moved the IKE SA {pairs_of(messages)} by UPDATE_SA_ADDRESSES, {named(frames)}"
        if by_target is None:
            yield undecided(
                f"{says}; who made the first IKE SA, and so may move it, was not captured", frames
            )
        elif not by_target:
            yield failed(
                f"{says}; that is left to the side that made the first IKE SA, whoever rekeyed it since",
                frames,
                requirement="RFC4555-3.5-01",
            )


def _first_made_by_target(trace: Trace, header: Header) -> bool | None:
    """Whether the target is the initiator in the sense of RFC 4555 section 1.3; None: nobody saw."""
    first = trace.associations.ancestor(header)
    return None if first is None else first.by_target


def _notifies(seen: Seen) -> set[int]:
    return {each.notify_type for each in seen.payloads if isinstance(each, v2.Notify)}


def _is_report(seen: Seen) -> bool:
    """The one-way report of an unknown SPI, outside any SA (RFC 7296 section 1.5)."""
    return _notifies(seen) == {NotifyType.INVALID_SPI}


def _claims_synchronisation(trace: Trace) -> bool:
    return any(
        isinstance(payload, v2.Notify) and payload.notify_type in _SYNCHRONISE_OFFERS
        for each in trace.ike
        if each.from_target and each.exchange == Exchange.IKE_AUTH
        for payload in each.inner or ()
    )


def _unlisted(seen: Seen, *, may_synchronise: bool) -> Iterator[str]:
    """What in a request the list of things that a responder may say does not name."""
    for payload in seen.payloads:
        if isinstance(payload, v2.Notify):
            kind = payload.notify_type
            listed = kind < _FIRST_STATUS or kind in _LISTED or (kind in _SYNCHRONISES and may_synchronise)
            if not listed and kind != NotifyType.UPDATE_SA_ADDRESSES:
                yield f"N({name_of(NotifyType, kind)})"
        elif not isinstance(payload, v2.Delete | v2.VendorId | v2.Encrypted | v2.EncryptedFragment):
            yield f"a payload {name_of(PayloadV2, payload.type)}"


RULE = Rule(
    id="INV-06",
    claim=ClaimName.SAFETY,
    title="What the target asks by itself is INFORMATIONAL, and moves no SA that its peer made",
    requirements=("CISCO-RO-39", "CISCO-RO-33", "RFC4555-3.5-01"),
    rfc=("RFC 7296 §1.4", "RFC 7296 §3.1", "RFC 4555 §3.5", "RFC 6290 §4.4", "RFC 6311 §5"),
    examine=_examine,
    cleared_by=(Fact.KINDS, Fact.TARGET_ONLY_INFORMS),
    outlives_gaps=True,
    two_way=False,
)
