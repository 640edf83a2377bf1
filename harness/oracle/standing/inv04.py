"""INV-04: a responder never sends a first message of phase 1, which is known by its zero responder cookie.

Informational messages may carry a zero cookie as well, before the answerer has one: they start nothing.
"""

from collections.abc import Iterator

from harness.codes import Exchange, name_of
from harness.observe import NO_SPI, Seen, Trace
from harness.oracle.facts import Fact
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


def _examine(trace: Trace, _profile: Profile) -> Iterator[Remark]:
    found: dict[tuple[int, str, int | None], list[Seen]] = {}
    for each in trace.ike:
        header = each.header
        if header is None or not each.from_target or not header.is_v1 or header.spi_r != NO_SPI:
            continue
        if header.exchange in _PHASE_1:
            opening = trace.associations.openings.get(header.spi_i)
            begun = opening.number if opening is not None and not opening.by_target else None
            found.setdefault((header.exchange, each.destination.address, begun), []).append(each)
    for (exchange, peer, begun), messages in found.items():
        yield _judge(exchange, peer, begun, messages)
    if not found:
        yield held(f"the target started no phase 1 {bounds(trace)}")


def _judge(exchange: int, peer: str, begun: int | None, messages: list[Seen]) -> Remark:
    frames = frames_of(messages)
    mode = _SPOKEN.get(exchange, name_of(Exchange, exchange))
    if begun is not None:
        return failed(
            f"the target answered in {mode} with a responder cookie of zero ({named(frames)}), although frame "
            f"{begun} of its peer began the exchange: it starts nothing, but no peer can go on",
            frames,
            requirement="RFC2408-5.2-01",
            claim=ClaimName.PROTOCOL,
        )
    cookies = {each.spi_i or b"" for each in messages}
    own = f"cookie {min(cookies).hex()}" if len(cookies) == 1 else f"{len(cookies)} cookies"
    return failed(
        f"the target started {mode} towards {peer}, {named(frames)}, under {own} of its own: a responder never "
        "starts a phase 1, nor renews one",
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
    cleared_by=(Fact.ONE_PEER, Fact.TARGET_ONLY_INFORMS),
    outlives_gaps=True,
    two_way=False,
)
