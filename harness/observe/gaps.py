"""What a capture is known to lack: from its drop counters where it has them, from holes in its sequences where not."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.observe.associations import Association, Birth

if TYPE_CHECKING:
    from harness.observe.trace import Trace


def known_gaps(trace: "Trace") -> Iterator[str]:
    """One clause per known gap; none at all means that the capture has no gap as far as the file can tell."""
    if trace.cut_off:
        yield "the capture was cut off"
    if trace.drops:
        yield f"the capture lost {trace.drops} datagram{'s' if trace.drops > 1 else ''}"
    if trace.screened.set_aside:
        yield "more SAs were alive at a time than are remembered, and the oldest idle ones were let go"
    if trace.drops is None:
        yield from _seen_gaps(trace)


def _seen_gaps(trace: "Trace") -> Iterator[str]:
    for association in trace.associations:
        if not association.sealed_by_target:
            continue
        if association.birth is Birth.UNSEEN:
            yield f"the SA {association} began before the capture (first seen in frame {association.first})"
        elif association.version == 2 and (hole := _hole(association)):
            yield hole
    yield from _unasked(trace)


def _hole(association: Association) -> str | None:
    """A jump in the Message IDs of one side's requests, which count up from 0 (RFC 7296 section 2.2)."""
    for by_target, message_ids in association.requests.items():
        if not message_ids:
            continue
        initial = association.birth is not Birth.REKEYED and association.by_target is by_target
        missing = (
            set(range(int(initial), max(message_ids))) - message_ids if max(message_ids) < 1 << 16 else {0}
        )
        if missing:
            side = "target" if by_target else "peer"
            return f"request {min(missing)} of the {side} on the SA {association} is missing"
    return None


def _unasked(trace: "Trace") -> Iterator[str]:
    """Sealed answers of a peer to requests of the target that nobody captured."""
    asked = {
        (each.header.spi_i, each.header.message_id)
        for each in trace.seen
        if each.from_target and each.header is not None and each.header.is_request
    }
    for each in trace.seen:
        header = each.header
        if each.from_target or header is None or header.is_v1 or not header.is_response or not each.sealed:
            continue
        if (header.spi_i, header.message_id) not in asked:
            yield f"frame {each.number} answers a request of the target that was not captured"
            return
