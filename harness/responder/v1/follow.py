"""What follows phase 1 by itself: XAUTH, configuration pushed to a client, the first Quick Mode of a two-way device."""

from harness.profile import Start
from harness.responder.context import Context
from harness.responder.step import NOTHING, Step
from harness.responder.table import TABLE
from harness.responder.v1 import mode_config, xauth
from harness.responder.v1.own_quick import start_quick_mode
from harness.responder.v1.state import IsakmpSa


@TABLE.decision(rfc="draft-beaulieu-ike-xauth/6")
def goes_on(context: Context, sa: IsakmpSa) -> Step:
    """The next thing that is due under an ISAKMP SA, one at a time: each goes on from here when it is done."""
    configuration = context.configuration
    if sa.xauth_due:
        return xauth.ask(context, sa)
    if configuration.version1.mode_config.push and configuration.pool is not None and not sa.pushed:
        return mode_config.push(context, sa)
    if sa.we_started and not sa.children and context.may(Start.FIRST_CHILD):
        return start_quick_mode(context, sa)
    return NOTHING
