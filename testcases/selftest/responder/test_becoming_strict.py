"""A two-way device that becomes responder-only: what it holds stays, what it was about to start it does not start."""

from dataclasses import replace
from typing import Any

import pytest

from harness.codes import Exchange, ProfileName, Trigger
from harness.profile import DEFAULT, Configuration
from harness.responder.state import IkeSa, Own
from harness.responder.step import Step
from harness.responder.v2.own import begin, later
from testcases.selftest.responder.conftest import Pair as Pair1
from testcases.selftest.responder.pairing import Pair


def configured(profile: ProfileName, version: int = 2) -> Configuration:
    """A device of this profile, which starts this version."""
    return replace(DEFAULT, profile=profile, initiate_version=version)


def become(pair: Any, profile: ProfileName = ProfileName.STRICT, version: int = 2) -> Step:
    """The device is set up anew while its messages are on their way."""
    step: Step = pair.responder.reconfigure(configured(profile, version), pair.now)
    return step


def connected(profile: ProfileName = ProfileName.TWO_WAY) -> tuple[Pair, IkeSa]:
    """A device whose peer has made an IKE SA with a child."""
    pair = Pair(configured(profile))
    pair.play(pair.peer.connect())
    (sa,) = pair.responder.all()
    assert isinstance(sa, IkeSa)
    return pair, sa


def own(kind: str, sa: IkeSa) -> Own:
    """A request of this kind about what there is."""
    return Own(kind, spi_in=sa.children[0].spi_in if kind == "rekey-child" else b"")


@pytest.mark.parametrize("kind", ["rekey-child", "rekey-ike", "new-child"])
def test_what_waits_behind_another_request_is_not_asked_any_more(kind: str) -> None:
    """A negotiation that waits for the window is forgotten once the profile does not permit it."""
    pair, sa = connected()
    context = pair.responder._context(pair.now, pair.responder._neighbours.of(sa))
    first = pair.responder._apply(context, begin(context, sa, Own("liveness"), own(kind, sa)))

    become(pair)
    pair._talk(first)
    pair.wait(100.0)

    assert pair.started() == [Exchange.INFORMATIONAL]


@pytest.mark.parametrize("kind", ["rekey-child", "rekey-ike", "new-child"])
def test_what_the_peer_was_too_busy_for_is_not_asked_again(kind: str) -> None:
    """A negotiation that was put off is forgotten once the profile does not permit it."""
    pair, sa = connected()
    context = pair.responder._context(pair.now, pair.responder._neighbours.of(sa))
    pair.responder._apply(context, later(context, sa, own(kind, sa)))

    become(pair)
    pair.wait(100.0)

    assert pair.started() == []


@pytest.mark.parametrize("version", [1, 2])
def test_an_ike_sa_that_is_being_made_is_let_go(version: int) -> None:
    """Its first message is not repeated, and the answer to it leads nowhere."""
    pair = Pair(configured(ProfileName.TWO_WAY, version))
    first = pair.responder.provoke(Trigger.BOOT, pair.now)

    become(pair, version=version)
    pair._talk(first)
    pair.wait(100.0)

    first_exchange = Exchange.IKE_SA_INIT if version == 2 else Exchange.IDENTITY_PROTECTION
    assert [m.exchange for m in pair.sent if m.exchange != Exchange.INFORMATIONAL_V1] == [first_exchange]
    assert list(pair.responder.all()) == []


@pytest.mark.parametrize("trigger", [Trigger.SECOND_SELECTOR, Trigger.SOFT_EXPIRY])
def test_a_quick_mode_that_is_not_answered_is_given_up(trigger: Trigger) -> None:
    """Nothing waits for its answer, so it is not repeated; what it was to renew stays."""
    pair = Pair1(replace(configured(ProfileName.TWO_WAY, 1), second_selector=None)).connect()
    pair.deaf = True
    if trigger is Trigger.SECOND_SELECTOR:
        (sa,) = pair.sas
        pair.responder._sas[sa.ours] = replace(sa, children=())
        trigger = Trigger.MATCHING_TRAFFIC
    pair.provoke(trigger)
    before, sent = pair.children, len(pair.sent)

    become(pair, version=1)
    pair.wait(100.0)

    assert before == pair.children
    assert len(pair.sent) == sent


def test_a_request_that_is_out_is_seen_to_its_end() -> None:
    """A rekey that is under way is no new one: the window is the peer's until it has answered (RFC 7296 section 2.3)."""
    pair, _ = connected()
    first = pair.responder.provoke(Trigger.SOFT_EXPIRY, pair.now)

    become(pair)
    pair._talk(first)
    pair.wait(100.0)

    assert pair.started().count(Exchange.CREATE_CHILD_SA) == 1
    (sa,) = pair.responder.all()
    assert len(sa.children) == 1


@pytest.mark.parametrize(
    ("profile", "expected"),
    [(ProfileName.STRICT, 0), (ProfileName.REKEY_OK, 0), (ProfileName.P1_ONLY, 2), (ProfileName.TWO_WAY, 2)],
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_rekey_continues_what_a_peer_began(version: int, profile: ProfileName, expected: int) -> None:
    """A device that may begin nothing rekeys nothing of what it has begun before."""
    pair = Pair(configured(ProfileName.TWO_WAY, version))
    pair.provoke(Trigger.BOOT)
    assert [sa.we_started for sa in pair.responder.all()] == [True]

    become(pair, profile, version)
    started = len(pair.steps)
    pair.provoke(Trigger.SOFT_EXPIRY)

    events = [event for step in pair.steps[started:] for event in step.events]
    rekeys = [event for event in events if event in ("sent rekey-child", "sent rekey-ike", "sent quick-mode")]
    assert len(rekeys) == (expected if version == 2 else min(expected, 1))
