"""What a device starts by itself in IKEv1, profile by profile: the matrix of the four, row by row."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.codes import AuthMethodV1, Exchange, NotifyTypeV1, ProfileName, Trigger
from harness.profile import (
    DEFAULT,
    AddressPool,
    Configuration,
    Dpd,
    ModeConfig,
    Selector,
    User,
    Version1,
    Xauth,
)
from harness.wire import v1

STRICT, REKEY_OK, P1_ONLY, TWO_WAY = ProfileName
MAIN, AGGRESSIVE = int(Exchange.IDENTITY_PROTECTION), int(Exchange.AGGRESSIVE)
QUICK, INFORMED = int(Exchange.QUICK_MODE), int(Exchange.INFORMATIONAL_V1)
TRANSACTION = int(Exchange.TRANSACTION)
NEGOTIATIONS = {MAIN, AGGRESSIVE, QUICK, int(Exchange.NEW_GROUP_MODE)}
LIMITS = {"ike_hard": 300.0, "ike_soft": 200.0, "child_hard": 100.0, "child_soft": 50.0}
UP = [
    Trigger.BOOT,
    Trigger.INTERFACE_UP,
    Trigger.OPERATOR_INITIATE,
    Trigger.FAILOVER,
    Trigger.ROUTE_CONVERGENCE,
]
TRAFFIC = [Trigger.MATCHING_TRAFFIC, Trigger.MULTICAST, Trigger.SECOND_SELECTOR]


def under(profile: ProfileName, **changes: Any) -> Configuration:
    """A device of this profile, which starts version 1 if it starts anything."""
    second = Selector("198.51.100.128/25", "203.0.113.128/25")
    limited = replace(DEFAULT, second_selector=second).with_lifetimes(**LIMITS)
    return replace(limited, profile=profile, initiate_version=1, **changes)


def begun(pair: Any, what: Callable[[Any], None]) -> set[int]:
    """The negotiations that the device starts while something happens."""
    before = len(pair.started())
    what(pair)
    return set(pair.started()[before:]) & NEGOTIATIONS


def provoked(trigger: Trigger) -> Callable[[Any], None]:
    """A local event."""
    return lambda pair: pair.provoke(trigger)


def waited(seconds: float) -> Callable[[Any], None]:
    """Time that passes."""
    return lambda pair: pair.wait(seconds)


@pytest.mark.parametrize("mode", ["main", "aggressive"])
@pytest.mark.parametrize("trigger", [*UP, *TRAFFIC], ids=str)
@pytest.mark.parametrize(
    ("profile", "may"), [(STRICT, False), (REKEY_OK, False), (P1_ONLY, False), (TWO_WAY, True)]
)
def test_phase_1_towards_a_peer_that_is_not_there(
    pairs: Any, profile: ProfileName, may: bool, trigger: Trigger, mode: str
) -> None:
    """Without an ISAKMP SA only a two-way device calls its peer, on whatever event."""
    pair = pairs(under(profile, initiate_mode=mode))
    first = {MAIN if mode == "main" else AGGRESSIVE, QUICK} if may else set()

    assert begun(pair, provoked(trigger)) == first


@pytest.mark.parametrize("trigger", TRAFFIC, ids=str)
@pytest.mark.parametrize(
    ("profile", "may"), [(STRICT, False), (REKEY_OK, False), (P1_ONLY, True), (TWO_WAY, True)]
)
def test_a_first_quick_mode_on_the_peers_isakmp_sa(
    pairs: Any, profile: ProfileName, may: bool, trigger: Trigger
) -> None:
    """On an ISAKMP SA that the peer made, traffic starts a Quick Mode where the profile has first children."""
    pair = pairs(under(profile))
    pair.play(pair.alice.main_mode())

    assert begun(pair, provoked(trigger)) == ({QUICK} if may else set())


@pytest.mark.parametrize("how", [waited(60.0), provoked(Trigger.SOFT_EXPIRY)], ids=["time", "volume"])
@pytest.mark.parametrize(
    ("profile", "may"), [(STRICT, False), (REKEY_OK, True), (P1_ONLY, True), (TWO_WAY, True)]
)
def test_renewal_of_ipsec_sas(pairs: Any, profile: ProfileName, may: bool, how: Any) -> None:
    """At the soft limit of IPsec SAs that the peer made, Quick Mode renews them where the profile has rekeys."""
    pair = pairs(under(profile)).connect()

    assert (QUICK in begun(pair, how)) is may
    assert pair.children == 1


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("how", [waited(250.0), provoked(Trigger.SOFT_EXPIRY)], ids=["time", "event"])
@pytest.mark.parametrize(
    ("profile", "may", "may_on_request"),
    [
        (STRICT, False, False),
        (REKEY_OK, False, True),
        (P1_ONLY, False, True),
        (TWO_WAY, True, True),
    ],
)
def test_renewal_of_phase_1(
    pairs: Any, profile: ProfileName, may: bool, may_on_request: bool, how: Any, asked: bool
) -> None:
    """Phase 1 is renewed by a new one, an initiation: rekeying profiles have it only on request, strict never."""
    configuration = under(profile, version1=Version1(renews_phase1=asked))
    pair = pairs(configuration.with_lifetimes(child_hard=1000.0))
    pair.connect()

    assert (MAIN in begun(pair, how)) is (may_on_request if asked else may)


def _deleted_child(pair: Any) -> None:
    pair.play(pair.alice.delete_v1(pair.alice.isakmp.children[0]))


def _deleted_sa(pair: Any) -> None:
    pair.play(pair.alice.delete_v1())


def _lost(pair: Any) -> None:
    pair.deaf = True
    pair.wait(45.0)
    pair.deaf = False


RECOVERIES = {
    "child deleted": (_deleted_child, QUICK),
    "SA deleted": (_deleted_sa, MAIN),
    "hard limit of IPsec SAs": (provoked(Trigger.HARD_EXPIRY), QUICK),
    "peer dead": (_lost, MAIN),
    "DPD loss": (provoked(Trigger.DPD_LOSS), MAIN),
    "reload": (provoked(Trigger.RELOAD), MAIN),
    "address change": (provoked(Trigger.ADDRESS_CHANGE), MAIN),
    "cleared": (provoked(Trigger.CLEAR), MAIN),
}


@pytest.mark.parametrize("name", RECOVERIES)
@pytest.mark.parametrize(
    ("profile", "may"), [(STRICT, False), (REKEY_OK, False), (P1_ONLY, False), (TWO_WAY, True)]
)
def test_what_was_lost_is_made_again(pairs: Any, profile: ProfileName, may: bool, name: str) -> None:
    """After Deletes, hard limits, silence and commands only a two-way device makes SAs again."""
    happens, again = RECOVERIES[name]
    pair = pairs(under(profile, dpd=Dpd(10.0, 2.0, 3))).connect()
    started = begun(pair, happens)

    assert (again in started) is may
    assert started == set() or may


@pytest.mark.parametrize("profile", list(ProfileName))
def test_hard_limits_end_in_deletes_under_every_profile(pairs: Any, profile: ProfileName) -> None:
    """What ends is said by a Delete, which every profile permits."""
    pair = pairs(under(profile).with_lifetimes(child_hard=20.0, child_soft=None))
    pair.connect()
    pair.wait(30.0)

    assert any(message.all(v1.Delete) for message in pair.opened)


@pytest.mark.parametrize("profile", list(ProfileName))
def test_liveness_checks_are_sent_under_every_profile(pairs: Any, profile: ProfileName) -> None:
    """R-U-THERE is no negotiation, so a responder-only device asks too."""
    pair = pairs(under(profile, dpd=Dpd(10.0, 2.0, 3))).connect()
    pair.wait(15.0)

    assert NotifyTypeV1.R_U_THERE in pair.notified()


@pytest.mark.parametrize("mode", ["main_mode", "aggressive_mode"])
@pytest.mark.parametrize("profile", list(ProfileName))
def test_first_contact_is_told_under_every_profile(pairs: Any, profile: ProfileName, mode: str) -> None:
    """INITIAL-CONTACT comes protected, once, while there is no other SA with the peer (RFC 2407 section 4.6.3.3)."""
    pair = pairs(under(profile, version1=Version1(initial_contact=True)))
    pair.play(getattr(pair.alice, mode)())
    pair.play(getattr(pair.alice, mode)())
    told = [m for m in pair.opened if m.find(v1.Notify, NotifyTypeV1.INITIAL_CONTACT)]

    assert len(told) == 1
    assert told[0].encrypted
    assert told[0].exchange == (MAIN if mode == "main_mode" else INFORMED)


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_a_device_that_begins_tells_of_first_contact(pairs: Any, mode: str) -> None:
    """A two-way device says INITIAL-CONTACT in Main Mode's fifth message, or after Aggressive Mode."""
    pair = pairs(under(TWO_WAY, initiate_mode=mode, version1=Version1(initial_contact=True)))
    pair.provoke(Trigger.BOOT)
    told = [n.notify_type for n in pair.alice.isakmp.notified]

    assert told == [NotifyTypeV1.INITIAL_CONTACT]
    assert pair.children == 1


@pytest.mark.parametrize("profile", list(ProfileName))
def test_clients_are_asked_and_configured_under_every_profile(pairs: Any, profile: ProfileName) -> None:
    """XAUTH and a push are started by every edge device, and nothing else is by a responder."""
    policy = replace(DEFAULT.proposals_v1[0], auth=AuthMethodV1.XAUTH_INIT_PRE_SHARED)
    configuration = under(
        profile,
        proposals_v1=(policy,),
        users=(User("joe", "open sesame"),),
        pool=AddressPool("10.1.0.0/24"),
        version1=Version1(xauth=Xauth(), mode_config=ModeConfig(push=True)),
    )
    pair = pairs(configuration)
    pair.play(pair.alice.main_mode())

    assert set(pair.started()) == {TRANSACTION}


@pytest.mark.parametrize("profile", [STRICT, REKEY_OK, P1_ONLY])
def test_a_whole_life_starts_what_the_profile_says(pairs: Any, profile: ProfileName) -> None:
    """From boot to the last expiry, with traffic and route changes all the time, a responder starts only rekeys."""
    pair = pairs(under(profile, dpd=Dpd(10.0, 2.0, 3)))
    pair.provoke(Trigger.BOOT)
    pair.connect()
    for _ in range(40):
        for trigger in (Trigger.MATCHING_TRAFFIC, Trigger.ROUTE_CONVERGENCE, Trigger.CLOCK_STEP):
            pair.provoke(trigger)
        pair.wait(10.0)
    allowed = {INFORMED} if profile is STRICT else {INFORMED, QUICK}

    assert set(pair.started()) <= allowed
    assert pair.sas == []
