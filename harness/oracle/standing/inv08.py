"""INV-08: who asks the same again gets the same answer, octet for octet.

Bound are answers within an IKE SA, and those answers to IKE_SA_INIT that made a half-open SA: the same SPIr says
that it still lives. Answers that keep no state (COOKIE, INVALID_KE_PAYLOAD, NO_PROPOSAL_CHOSEN, REDIRECT, unprotected
notifies) may differ each time, and so may answers to requests that differ (RFC 7296 sections 2.1 and 2.6).
"""

from collections.abc import Iterator
from itertools import pairwise

from harness.codes import Exchange, PayloadV2, name_of
from harness.observe import NO_SPI, Matter, Seen, Trace
from harness.oracle.facts import Fact
from harness.oracle.standing.rule import Remark, Rule, bounds, failed, folded, held, not_judged, pair_of
from harness.profile import Profile
from harness.record import ClaimName

_MAKES_STATE = {
    int(Exchange.IKE_SA_INIT): frozenset({PayloadV2.SA, PayloadV2.KE, PayloadV2.NONCE}),
    int(Exchange.IKE_SESSION_RESUME): frozenset({PayloadV2.NONCE}),
}

_Key = tuple[bytes, bytes, int, int]


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    answers = _answers(trace)
    repeated = {key: told for key, told in answers.items() if _may_compare(key, told)}
    beside = trace.holds(Matter.REPEATED)
    if not repeated and not beside:
        yield not_judged("no response of the target was repeated where it would have to be the same")
        return
    requests = _requests(trace)
    compared = {key: told for key, told in repeated.items() if _asked_alike(requests, key, told[-1].number)}
    broken = tuple(folded(_broken(key, *pair) for key, told in compared.items() for pair in _differing(told)))
    yield from broken
    if not compared and not beside:
        yield not_judged("the repeated requests were not the same octets")
    elif not broken:
        yield held(f"what the target answered again came octet for octet {bounds(trace)}")


def _broken(key: _Key, first: Seen, again: Seen) -> Remark:
    return failed(
        f"frame {again.number}: the {name_of(Exchange, key[2])} response {key[3]} on {pair_of(again)} "
        f"differs from frame {first.number}, although the request came again unchanged: "
        f"{_difference(first, again)}",
        (first.number, again.number),
    )


def _answers(trace: Trace) -> dict[_Key, list[Seen]]:
    found: dict[_Key, list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        if each.from_target and header is not None and not header.is_v1 and header.is_response:
            key = (header.spi_i, header.spi_r, header.exchange, header.message_id)
            found.setdefault(key, []).append(each)
    return found


def _may_compare(key: _Key, told: list[Seen]) -> bool:
    if len(told) < 2 or key[1] == NO_SPI:
        return False
    told[:] = [each for each in told if _keeps_state(each)]
    return len(told) > 1


def _keeps_state(answer: Seen) -> bool:
    wanted = _MAKES_STATE.get(answer.exchange or 0)
    if wanted is None:
        return answer.sealed
    return wanted <= {payload.type for payload in answer.payloads}


def _requests(trace: Trace) -> dict[tuple[bytes, int, int], list[Seen]]:
    found: dict[tuple[bytes, int, int], list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        if not each.from_target and header is not None and header.is_request:
            found.setdefault((header.spi_i, header.exchange, header.message_id), []).append(each)
    return found


def _asked_alike(requests: dict[tuple[bytes, int, int], list[Seen]], key: _Key, before: int) -> bool:
    """Whether all that the answers may answer is the same octets, fragment for fragment."""
    asked: dict[tuple[int, int] | None, bytes] = {}
    for each in requests.get((key[0], *key[2:]), ()):
        if each.number > before or (each.header is not None and each.header.spi_r not in (NO_SPI, key[1])):
            continue
        if asked.setdefault(each.fragment, each.octets) != each.octets:
            return False
    return bool(asked) and len({None if fragment is None else fragment[1] for fragment in asked}) == 1


def _differing(told: list[Seen]) -> Iterator[tuple[Seen, Seen]]:
    """Answers that differ from the one before, among those in one piece and, by number and total, among fragments."""
    alike: dict[tuple[int, int] | None, list[Seen]] = {}
    for each in told:
        alike.setdefault(each.fragment, []).append(each)
    for group in alike.values():
        yield from (pair for pair in pairwise(group) if pair[0].octets != pair[1].octets)
    # Cut into other pieces, what was sealed must still be the same; who has the keys can see it.
    opened = [each for each in told if each.inner is not None]
    for one, other in pairwise(opened):
        if one.fragment != other.fragment and _shape(one) != _shape(other) and one.inner != other.inner:
            yield one, other


def _shape(seen: Seen) -> int:
    return 0 if seen.fragment is None else seen.fragment[1]


def _difference(first: Seen, again: Seen) -> str:
    if len(first.octets) != len(again.octets):
        return f"{len(first.octets)} octets became {len(again.octets)}"
    at = next(
        at for at, (one, other) in enumerate(zip(first.octets, again.octets, strict=True)) if one != other
    )
    return f"octet {at} of the message is the first that differs"


RULE = Rule(
    id="INV-08",
    claim=ClaimName.PROTOCOL,
    title="A repeated request gets the same response, octet for octet",
    requirements=("RFC7296-2.1-02", "RFC7296-2.1-09", "RFC7296-2.3-09"),
    rfc=("RFC 7296 §2.1", "RFC 7296 §2.3", "RFC 7296 §2.6", "RFC 7383 §2.5"),
    examine=_examine,
    cleared_by=(Fact.KINDS, Fact.REPEATED_ALIKE),
)
