"""When a pair of IPsec SAs of either version has carried nothing for as long as is configured."""

from typing import Any

from harness.responder.context import Context
from harness.responder.state import ChildSa, Timer
from harness.responder.step import NOTHING, Armed, Step


def idle_child(context: Context, sa: Any, armed: Armed) -> ChildSa | Step:
    """The child that its idle timer means, if it has been idle; else what there is to do: nothing, or to look again later."""
    child: ChildSa | None = sa.child(armed.about) if isinstance(armed.about, bytes) else None
    idle = context.configuration.lifetimes.idle
    if child is None or idle is None or not sa.up:
        return NOTHING
    due = child.used_at + idle
    if due > context.now:
        return Step(armed=((sa.ours, Armed(due, Timer.CHILD_IDLE, child.spi_in)),))
    return child
