"""INV-04: a responder never sends a first message of phase 1, which is known by its zero responder cookie.

Informational messages may carry a zero cookie as well, before the answerer has one: they start nothing.
"""

from collections.abc import Iterator

from harness.codes import Exchange, name_of
from harness.observe import NO_SPI, Seen, Trace
from harness.oracle.standing.rule import Remark, Rule, bounds, failed, frames_of, held, named
from harness.profile import Profile
from harness.record import ClaimName

_PHASE_1 = frozenset(
    {Exchange.BASE, Exchange.IDENTITY_PROTECTION, Exchange.AUTHENTICATION_ONLY, Exchange.AGGRESSIVE}
)
_REQUIREMENT = {
    int(Exchange.IDENTITY_PROTECTION): "CISCO-RO-01",
    int(Exchange.AGGRESSIVE): "CISCO-RO-02",
}
_SPOKEN = {
    int(Exchange.IDENTITY_PROTECTION): "Main Mode",
    int(Exchange.AGGRESSIVE): "Aggressive Mode",
}


def _examine(trace: Trace, profile: Profile) -> Iterator[Remark]:
    by_cookie: dict[tuple[bytes, int], list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        if header is None or not each.from_target or not header.is_v1 or header.spi_r != NO_SPI:
            continue
        if header.exchange in _PHASE_1:
            by_cookie.setdefault((header.spi_i, header.exchange), []).append(each)
    for (cookie, exchange), messages in by_cookie.items():
        yield _judge(trace, cookie, exchange, messages)
    if not by_cookie:
        yield held(f"the target started no phase 1 {bounds(trace)}; profile {profile.name}")


def _judge(trace: Trace, cookie: bytes, exchange: int, messages: list[Seen]) -> Remark:
    frames = frames_of(messages)
    mode = _SPOKEN.get(exchange, name_of(Exchange, exchange))
    opening = trace.associations.openings.get(cookie)
    if opening is not None and not opening.by_target:
        return failed(
            f"the target answered in {mode} with a responder cookie of zero ({named(frames)}), although frame "
            f"{opening.number} of its peer began the exchange: it starts nothing, but no peer can go on",
            frames,
            requirement="RFC2408-5.2-01",
            claim=ClaimName.PROTOCOL,
        )
    return failed(
        f"the target started {mode} towards {messages[0].destination} under its own cookie {cookie.hex()} "
        f"({named(frames)}): a responder never starts a phase 1, nor renews one",
        frames,
        requirement=_REQUIREMENT.get(exchange),
    )


RULE = Rule(
    id="INV-04",
    claim=ClaimName.SAFETY,
    title="No first message of phase 1 by the target",
    requirements=("CISCO-RO-01", "CISCO-RO-02", "CISCO-RO-04"),
    rfc=("RFC 2408 §3.1", "RFC 2409 §5"),
    examine=_examine,
    outlives_gaps=True,
    two_way=False,
)
