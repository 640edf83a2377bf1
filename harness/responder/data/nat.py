"""A device behind a NAT: it finds out, and keeps the NAT's mapping alive (RFC 7296 section 2.23, RFC 3948 section 4)."""

from typing import Any

from harness.codes import NotifyType
from harness.responder.context import Context, Incoming
from harness.responder.state import IkeSa, Timer
from harness.responder.step import NOTHING, Armed, Step
from harness.responder.table import TABLE
from harness.sa.v2 import nat_detection
from harness.values import replace
from harness.wire import v2
from harness.wire.datagram import NAT_KEEPALIVE, UDP, Datagram


@TABLE.extension("init", rfc="7296/2.23")
def notice_nat(context: Context, sa: IkeSa, request: Incoming) -> tuple[IkeSa, tuple[Any, ...]]:
    """Where the peer sees us elsewhere than we are, we are behind a NAT."""
    seen = request.find(v2.Notify, NotifyType.NAT_DETECTION_DESTINATION_IP)
    if seen is None:
        return sa, ()
    here = nat_detection(sa.spi_i, request.message.spi_r, sa.local.address, sa.local.port)
    return sa if seen.data == here else replace(sa, behind_nat=True), ()


@TABLE.timer(Timer.KEEPALIVE, rfc="3948/4", version=1)
@TABLE.timer(Timer.KEEPALIVE, rfc="3948/4")
def keep_mapping_alive(context: Context, sa: Any, armed: Armed) -> Step:
    """Behind a NAT a keepalive goes out once nothing was sent through the SA for a while; nobody answers it."""
    pause = context.configuration.packets.nat_keepalive
    if pause is None or not sa.up:
        return NOTHING
    sent = [child.traffic.sent_at for child in sa.children if child.traffic.sent_at is not None]
    quiet_until = max(sent, default=context.now - pause) + pause
    if quiet_until > context.now:
        return Step(armed=((sa.ours, Armed(quiet_until, Timer.KEEPALIVE)),))
    keepalive = Datagram(sa.local, sa.remote, NAT_KEEPALIVE)
    return Step(
        send=(keepalive,) if sa.natt and sa.protocol == UDP else (),  # 9329/6.6: not over TCP
        armed=((sa.ours, Armed(context.now + pause, Timer.KEEPALIVE)),),
    )
