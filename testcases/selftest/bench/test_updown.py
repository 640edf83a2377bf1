"""What the log says of SAs: which came up and which went down, each once."""

from dataclasses import dataclass, field, replace

from harness.bench.updown import UpAndDown
from harness.profile import DEFAULT
from harness.responder import Step
from harness.responder.state import ChildSa, IkeSa, State
from harness.wire.datagram import Endpoint

HERE, THERE = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.2", 500)
CHILD = ChildSa(b"in!!", b"out!", DEFAULT.child_proposals[0], (), (), 0.0)
UP = IkeSa(b"ours....", b"i" * 8, b"r" * 8, HERE, THERE, State.ESTABLISHED, children=(CHILD,))
HALF_OPEN = replace(UP, state=State.HALF_OPEN, children=())


@dataclass
class Told:
    """The events told so far."""

    register: UpAndDown = field(default_factory=UpAndDown)

    def of(self, *changed: IkeSa, gone: tuple[bytes, ...] = ()) -> list[str]:
        """What is told of a step that did this."""
        return [event for event, _ in self.register.since(Step(changed=changed, gone=gone))]


def test_a_half_open_sa_is_not_up() -> None:
    """Anybody can make one: nothing is told of it."""
    told = Told()

    assert told.of(HALF_OPEN) == []
    assert told.of(gone=(UP.ours,)) == []


def test_an_sa_comes_up_with_its_child_once() -> None:
    """What stays as it was is not told again."""
    told = Told()

    assert told.of(HALF_OPEN) + told.of(UP) + told.of(UP) == ["ike-sa up", "child-sa up"]


def test_an_sa_goes_down_with_its_child() -> None:
    """A closed SA is down, and so is what it carried; its end later is no news."""
    told = Told()
    told.of(UP)

    down = told.of(replace(UP, state=State.CLOSED, children=()))

    assert down == ["child-sa down", "ike-sa down"]
    assert told.of(gone=(UP.ours,)) == []


def test_an_sa_that_is_gone_is_down() -> None:
    """A peer taken for dead leaves without a last state."""
    told = Told()
    told.of(UP)

    assert told.of(gone=(UP.ours,)) == ["child-sa down", "ike-sa down"]


def test_a_child_that_an_heir_takes_over_stays_up() -> None:
    """RFC 7296 section 2.8: the rekey of an IKE SA passes its children on."""
    told = Told()
    told.of(UP)

    heir = replace(UP, ours=b"heir....")
    events = told.of(replace(UP, state=State.REKEYED, children=()), heir)

    assert events == ["ike-sa up", "ike-sa down"]


def test_facts_name_the_sa_and_the_child() -> None:
    """SPIs in hexadecimal digits, the peer's endpoint, the protocol by name."""
    facts = dict(UpAndDown().since(Step(changed=(UP,))))

    assert facts["ike-sa up"] == {"ike": 2, "spi": UP.ours.hex(), "remote": "192.0.2.2:500"}
    assert facts["child-sa up"]["protocol"] == "ESP"
    assert facts["child-sa up"]["spi_in"] == CHILD.spi_in.hex()
