"""When ISAKMP SAs and IPsec SAs reach their limits: the timers that are armed as they come up."""

from harness.responder.context import Context
from harness.responder.state import Timer
from harness.responder.step import Armed
from harness.responder.v1.state import IpsecSa, IsakmpSa

SOFT_SHARE = 0.9
"""Where the soft limit configured lies beyond the hard one agreed, it stands at this share of it."""

Timers = tuple[tuple[bytes, Armed], ...]


def soft_limit(configured: float | None, hard: float | None) -> float | None:
    """Seconds until the soft limit of an SA whose hard limit was negotiated."""
    if configured is None or hard is None or configured < hard:
        return configured
    return hard * SOFT_SHARE


def isakmp_timers(context: Context, sa: IsakmpSa) -> Timers:
    """The timers of an ISAKMP SA that has just come up: soft and hard lifetime, liveness, keepalives behind a NAT."""
    soft = soft_limit(context.configuration.lifetimes.ike_soft, sa.lifetime)
    seconds = {Timer.IKE_SOFT: soft, Timer.IKE_HARD: sa.lifetime}
    if context.configuration.dpd is not None and sa.peer_dpd:  # 3706/5.1: only if both said so
        seconds[Timer.LIVENESS] = context.configuration.dpd.interval
    if sa.behind_nat:
        seconds[Timer.KEEPALIVE] = context.configuration.packets.nat_keepalive
    return tuple((sa.ours, Armed(context.now + s, timer)) for timer, s in seconds.items() if s is not None)


def ipsec_timers(context: Context, sa: IsakmpSa, child: IpsecSa) -> Timers:
    """What is left of the limits of IPsec SAs, on the ISAKMP SA that answers for them: soft, hard and idle."""
    idle = context.configuration.lifetimes.idle
    soft_at = child.soft_at if child.soft_at is None or child.soft_at >= context.now else None
    dues = (
        (Timer.CHILD_SOFT, soft_at),
        (Timer.CHILD_HARD, child.expires),
        (Timer.CHILD_IDLE, None if idle is None else child.used_at + idle),
    )
    return tuple((sa.ours, Armed(due, timer, child.spi_in)) for timer, due in dues if due is not None)
