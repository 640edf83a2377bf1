"""How a case ends once its window is closed: a stranger asks whether the target lives, and whoever is left takes leave."""

from collections.abc import Collection, Iterable

from harness.peer import Initiator, Script
from harness.target.contract import PHASES

CONTROL = "control"
"""The mark of the stranger's exchange that ends every case."""
WHOLE = "control/whole"
"""The mark of what a stranger says further who makes a whole handshake."""
FAREWELL = "farewell"
"""The mark of Deletes with which peers leave a device that runs on."""
FAREWELL_S = 2.0


def control(stranger: Initiator, answers: Collection[str] = PHASES, *, whole: bool = False) -> Script:
    """A stranger's first exchange, in a version and mode that the target answers; any answer shows life.

    A stranger whom the target knows goes on to a whole handshake, and takes it down again.
    """
    if "v2" in answers and 2 in stranger.configuration.versions:
        yield from stranger.ike_sa_init(mark=CONTROL)
        if whole and stranger.ike.keys is not None:
            yield stranger.ike_auth(mark=WHOLE)
    elif whole and "v1-main" in answers:
        yield from stranger.main_mode(at=1, mark=CONTROL)
    elif "v1-main" in answers:
        yield stranger.main_mode_1(mark=CONTROL)
    elif whole:
        yield from stranger.aggressive_mode(mark=CONTROL)
    else:
        yield stranger.aggressive_mode_1(mark=CONTROL)
    if whole:
        yield from farewell((stranger,))


def farewell(cast: Iterable[Initiator]) -> Script:
    """Each peer deletes what it holds, so that the next case finds the device as this one did."""
    for each in cast:
        for ike in list(each.ike_sas.values()):
            if ike.established:
                yield each.delete_ike(sa=ike, mark=FAREWELL, due=False, wait=FAREWELL_S)
        for isakmp in list(each.isakmp_sas.values()):
            if isakmp.established:
                for child in list(isakmp.children):
                    yield each.delete_v1(child, mark=FAREWELL)
                yield each.delete_v1(isakmp, mark=FAREWELL)
