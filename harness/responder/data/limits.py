"""When a pair of IPsec SAs has carried enough: by volume, and by its sequence numbers.

What happens then is said by the very timers that its lifetimes in seconds have: they fall due at once.
"""

from harness.profile.configuration import SOFT_SHARE
from harness.responder.context import Context
from harness.responder.state import ChildSa, Timer
from harness.responder.step import Armed
from harness.responder.table import TABLE

OCTETS = 1024
"""In a kilobyte."""


@TABLE.decision(rfc="4301/4.4.2.1")
def volume_limit(context: Context, child: ChildSa) -> int | None:
    """The octets that each SA of the pair may carry: those agreed or those configured, whichever are fewer."""
    limits = (child.kilobytes, context.configuration.lifetimes.child_kilobytes)
    fewest = min((limit for limit in limits if limit is not None), default=None)
    return None if fewest is None else fewest * OCTETS


def used_up(context: Context, child: ChildSa) -> bool:
    """Whether the pair has carried what it may; then it carries nothing more, even before it is removed."""
    limit = context.decide("volume_limit", child)
    return limit is not None and child.traffic.octets >= limit


def reached(context: Context, before: ChildSa, after: ChildSa) -> tuple[Armed, ...]:
    """The limits that a packet has brought the pair to (RFC 4301 section 4.4.2.1, RFC 4303 section 3.3.3)."""
    counted = [(before.traffic.octets, after.traffic.octets, context.decide("volume_limit", after))]
    if after.outbound is not None:
        counted.append((before.traffic.sent, after.traffic.sent, after.outbound.last_sequence))
    limits = [(was, now, end) for was, now, end in counted if end is not None]
    soft = any(was < int(end * SOFT_SHARE) <= now for was, now, end in limits)
    hard = any(was < end <= now for was, now, end in limits)
    timers = ((soft, Timer.CHILD_SOFT), (hard, Timer.CHILD_HARD))
    return tuple(Armed(context.now, timer, after.spi_in) for due, timer in timers if due)
