"""RFC 7296 section 2.8: the IKE SA that replaces another, what it takes over, and which of two replacements stands."""

from harness.profile import IkeProposal
from harness.responder.context import Context
from harness.responder.state import ABOUT_CHILDREN, ENDS, IkeSa, Own, Rival, State, Timer
from harness.responder.step import NOTHING, Armed, Step
from harness.responder.table import TABLE
from harness.responder.v2.initial import inherited_timers
from harness.responder.v2.own import proceed
from harness.sa.v2 import Keys
from harness.values import replace


def bear(
    context: Context, old: IkeSa, suite: IkeProposal, keys: Keys, *, we_started: bool, place: IkeSa
) -> IkeSa:
    """The IKE SA that a rekey makes; it has no children yet, and counts from 0 (sections 1.3.2, 2.18)."""
    mobile = old.session.mobile
    return IkeSa(
        ours=keys.spi_i if we_started else keys.spi_r,
        spi_i=keys.spi_i,
        spi_r=keys.spi_r,
        local=place.local,
        remote=place.remote,
        state=State.ESTABLISHED,
        we_started=we_started,
        suite=suite,
        keys=keys,
        natt=place.natt,
        protocol=place.protocol,
        behind_nat=old.behind_nat,
        fragments=old.fragments,
        peer_id=old.peer_id,
        born=context.now,
        heard=context.now,
        queue=(Own("routability"),) if mobile is not None and mobile.before is not None else (),
        session=replace(old.session, mobile=mobile and replace(mobile, updated_by=-1)),
    )


def succeed(context: Context, old: IkeSa, heir: IkeSa) -> Step:
    """The heir takes the children over, and what is to be asked about them; the old SA waits for its Delete.

    The step's first change is the old SA. A Delete of the IKE SA that had to wait now concerns the heir.
    """
    asked = tuple(own for own in old.queue if own.kind in (*ABOUT_CHILDREN, *ENDS))
    deferred = tuple(own for own in old.deferred if own.kind in ABOUT_CHILDREN)
    window = (Own("window-size"),) if context.configuration.exchanges.window > 1 else ()
    owner = replace(
        heir,
        state=State.ESTABLISHED,
        children=old.children,
        half_closed=old.half_closed,
        queue=(*window, *heir.queue, *asked),
        deferred=deferred,
        waits_for=b"",
    )
    armed = (
        *inherited_timers(context, owner),
        *((heir.ours, Armed(own.due, Timer.BUSY)) for own in deferred),
    )
    left = leave(context, replace(old, children=(), half_closed=(), queue=(), deferred=()), heir.ours)
    return left.then(Step(armed=armed)).then(proceed(context, Step(changed=(owner,))))


def leave(context: Context, sa: IkeSa, heir: bytes) -> Step:
    """An IKE SA that another took the place of; the peer is to delete it, but is not waited for without end."""
    patience = 2 * context.configuration.exchanges.retransmission.patience
    due = Armed(context.now + patience, Timer.LEFT)
    return Step(
        changed=(replace(sa, state=State.REKEYED, heir=heir, waits_for=b""),), armed=((sa.ours, due),)
    )


def decided(context: Context, sa: IkeSa) -> tuple[Step, IkeSa]:
    """The SA on which the peer asks about children, which shows that for the peer it is the one that stands.

    Where it is contested it takes the children over now; our own rekey, once answered, is redundant.
    """
    if sa.state is not State.CONTESTED:
        return NOTHING, sa
    old = context.world.find(sa.waits_for)
    if not isinstance(old, IkeSa) or not old.up:
        return NOTHING, replace(sa, state=State.ESTABLISHED)
    step = succeed(context, old, sa)
    after = next(each for each in step.changed if each.ours == sa.ours)
    assert isinstance(after, IkeSa)
    return step, after


def _rival(context: Context, old: IkeSa) -> tuple[IkeSa, Rival] | None:
    """The IKE SA that the peer's rekey made while we asked for ours, if it still stands and nothing is settled yet."""
    for each in old.outstanding if old.up else ():
        if each.own.kind == "rekey-ike" and each.rival is not None:
            found = context.world.find(each.rival.ours)
            if isinstance(found, IkeSa) and found.state is State.CONTESTED:
                return found, each.rival
    return None


def concede(context: Context, old: IkeSa) -> Step | None:
    """What the peer's rekey made takes the old SA's place, instead of what ours would have made; None: it made nothing."""
    found = _rival(context, old)
    return None if found is None else succeed(context, old, found[0])


@TABLE.decision(rfc="7296/2.8.2")
def settle_ike_rekey(context: Context, old: IkeSa, ours: IkeSa, lower: bytes) -> Step:
    """Our rekey of the IKE SA is done; if the peer made one too, that with the lowest nonce goes.

    It is deleted by whoever made it, the old SA by whoever made the one that stays.
    """
    found = _rival(context, old)
    if found is not None and lower < found[1].nonce:
        return succeed(context, old, found[0]).then(delete_redundant(context, ours, found[0].ours))

    step = succeed(context, old, ours)
    if found is not None:
        step = step.then(leave(context, found[0], ours.ours))
    left = step.changed[0]
    assert isinstance(left, IkeSa)
    return step.then(Step(changed=(replace(left, queue=(Own("delete-ike"),)),)))


def delete_redundant(context: Context, ours: IkeSa, heir: bytes) -> Step:
    """An IKE SA that we made and that another takes the place of is deleted at once."""
    redundant = replace(ours, state=State.REKEYED, heir=heir, queue=(Own("delete-ike"),))
    return proceed(context, Step(changed=(redundant,)))
