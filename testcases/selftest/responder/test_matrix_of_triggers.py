"""What each local event starts, under each profile and in each version of IKE: the whole matrix, cell by cell.

`tunnel`: the peer made an IKE SA with a child; `bare`: an IKE SA without one; `nothing`: no SA at all. A cell names
what the device sends as the first of an exchange, at once and while the peer answers; Deletes are named once.
"""

from dataclasses import replace
from typing import Any

import pytest

from harness.clock import SeededEntropy
from harness.codes import AuthMethodV1, Exchange, NotifyType, ProfileName, Protocol, Trigger
from harness.peer import Initiator, Request, Send
from harness.peer.certified import certified
from harness.profile import DEFAULT, Configuration, Selector
from harness.responder import Responder
from harness.wire import Message, NotIke, decode, v2
from harness.wire.datagram import ESP, Datagram, Endpoint

HERE, HERE_NATT = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)
THERE, THERE_NATT = Endpoint("192.0.2.2", 500), Endpoint("192.0.2.2", 4500)
SECOND = Selector("198.51.100.0/25", "203.0.113.128/25")

STRICT, REKEY_OK, P1_ONLY, TWO_WAY = ProfileName
INIT, CHILD, REKEY, IKE_REKEY, DELETE = ORDER = "ike-sa", "child", "child-rekey", "ike-rekey", "delete"

Cell = tuple[str, ...]
NONE: Cell = ()
"""Nothing is started."""


def under(strict: Cell, rekey_ok: Cell, p1_only: Cell, two_way: Cell) -> dict[ProfileName, Cell]:
    """A row of the matrix, profile by profile."""
    return dict(zip(ProfileName, (strict, rekey_ok, p1_only, two_way), strict=True))


CALLS = under(NONE, NONE, NONE, (INIT,))
CHILD_ON_LIVE = under(NONE, NONE, (CHILD,), (CHILD,))
SILENT = under(NONE, NONE, NONE, NONE)
DELETES = under(*(((DELETE,),) * 4))
STARTS_OVER = under((DELETE,), (DELETE,), (DELETE,), (INIT, DELETE))
LOST = under(NONE, NONE, NONE, (INIT,))

ROWS_V2: dict[tuple[Trigger, str], dict[ProfileName, Cell]] = {
    **{
        (trigger, situation): CALLS
        for trigger in (
            Trigger.BOOT,
            Trigger.INTERFACE_UP,
            Trigger.OPERATOR_INITIATE,
            Trigger.ROUTE_CONVERGENCE,
            Trigger.FAILOVER,
        )
        for situation in ("nothing", "bare", "tunnel")
    },
    **{
        (trigger, "nothing"): CALLS
        for trigger in (Trigger.MATCHING_TRAFFIC, Trigger.SECOND_SELECTOR, Trigger.MULTICAST)
    },
    **{
        (trigger, "bare"): CHILD_ON_LIVE
        for trigger in (Trigger.MATCHING_TRAFFIC, Trigger.SECOND_SELECTOR, Trigger.MULTICAST)
    },
    (Trigger.MATCHING_TRAFFIC, "tunnel"): SILENT,
    (Trigger.MULTICAST, "tunnel"): SILENT,
    (Trigger.SECOND_SELECTOR, "tunnel"): CHILD_ON_LIVE,
    (Trigger.INTERFACE_DOWN, "nothing"): SILENT,
    (Trigger.INTERFACE_DOWN, "bare"): DELETES,
    (Trigger.INTERFACE_DOWN, "tunnel"): DELETES,
    **{
        (trigger, situation): row
        for trigger in (Trigger.RELOAD, Trigger.CLEAR, Trigger.ADDRESS_CHANGE)
        for situation, row in (("nothing", CALLS), ("bare", STARTS_OVER), ("tunnel", STARTS_OVER))
    },
    (Trigger.DPD_LOSS, "nothing"): SILENT,
    (Trigger.DPD_LOSS, "bare"): LOST,
    (Trigger.DPD_LOSS, "tunnel"): LOST,
    (Trigger.SOFT_EXPIRY, "nothing"): SILENT,
    (Trigger.SOFT_EXPIRY, "bare"): under(NONE, *(((IKE_REKEY, DELETE),) * 3)),
    (Trigger.SOFT_EXPIRY, "tunnel"): under(NONE, *(((REKEY, IKE_REKEY, DELETE),) * 3)),
    (Trigger.HARD_EXPIRY, "nothing"): SILENT,
    (Trigger.HARD_EXPIRY, "bare"): SILENT,
    (Trigger.HARD_EXPIRY, "tunnel"): under((DELETE,), (DELETE,), (DELETE,), (CHILD, DELETE)),
    **{(Trigger.CLOCK_STEP, situation): SILENT for situation in ("nothing", "bare", "tunnel")},
}
"""Version 2."""

ROWS_V1: dict[tuple[Trigger, str], dict[ProfileName, Cell]] = {
    **ROWS_V2,
    (Trigger.SOFT_EXPIRY, "bare"): under(NONE, NONE, NONE, (INIT, DELETE)),
    (Trigger.SOFT_EXPIRY, "tunnel"): under(NONE, (CHILD, DELETE), (CHILD, DELETE), (INIT, CHILD, DELETE)),
}
"""Version 1, where phase 1 is renewed by another one: an initiation, which only a two-way device may make."""


class Ends:
    """A device and its peer with nothing between them."""

    def __init__(self, configuration: Configuration) -> None:
        self.device = Responder(configuration, SeededEntropy(1), local=HERE, peer=THERE)
        self.peer = Initiator(
            "alice", configuration.mirrored(), SeededEntropy(2), THERE, THERE_NATT, HERE, HERE_NATT
        )
        self.started: list[str] = []
        self._known: set[tuple[bytes, int, int]] = set()

    def play(self, script: Any) -> None:
        """Perform a script of the peer."""
        result = None
        while True:
            try:
                action = script.send(result)
            except StopIteration:
                return
            result = self._act(action) if isinstance(action, Request | Send) else None

    def talk(self, sent: tuple[Datagram, ...], wanted: Any = lambda _: False) -> Message | None:
        """Hand the device's datagrams to the peer and the peer's answers back, until both are silent."""
        answer = None
        for datagram in sent:
            received = self.peer.receive(datagram, 0.0)
            self._note(datagram, received.message)
            answer = received.message if received.message and wanted(received.message) else answer
            for reply in received.send:
                self._note(reply)
                answer = self.talk(self.device.receive(reply, 0.0).send, wanted) or answer
        return answer

    def _act(self, action: Any) -> Message | None:
        self._note(action.datagram)
        wanted = getattr(action, "answered_by", lambda _: False)
        return self.talk(self.device.receive(action.datagram, 0.0).send, wanted)

    def _note(self, datagram: Datagram, opened: Message | None = None) -> None:
        """Keep what is the first of an exchange and, `opened` by the peer, the device's."""
        message = None if datagram.protocol == ESP else decode(datagram.data.removeprefix(bytes(4)))
        if message is None or isinstance(message, NotIke) or (message.major == 2 and message.is_response):
            return
        key = (message.spi_i, message.exchange, message.message_id)
        if message.major == 1 and key in self._known:
            return
        self._known.add(key)
        if opened is not None:
            self.started.append(_kind(opened))


def _kind(message: Message) -> str:
    if message.exchange in (Exchange.IKE_SA_INIT, Exchange.IDENTITY_PROTECTION, Exchange.AGGRESSIVE):
        return INIT
    if message.exchange == Exchange.QUICK_MODE:
        return CHILD
    if message.exchange != Exchange.CREATE_CHILD_SA:
        return DELETE if message.exchange in (Exchange.INFORMATIONAL, Exchange.INFORMATIONAL_V1) else "auth"
    if message.find(v2.SecurityAssociation).proposals[0].protocol == Protocol.IKE:
        return IKE_REKEY
    return CHILD if message.find(v2.Notify, NotifyType.REKEY_SA) is None else REKEY


def device(profile: ProfileName, version: int, situation: str, **changes: Any) -> Ends:
    """A device in a situation that its peer made while it was strict; then it has the profile."""
    strict = replace(DEFAULT, initiate_version=version, second_selector=SECOND, **changes)
    ends = Ends(strict)
    if situation != "nothing":
        ends.play(ends.peer.connect() if version == 2 else ends.peer.main_mode())
    if version == 1 and situation == "tunnel":
        ends.play(ends.peer.quick_mode())
    if version == 2 and situation == "bare":
        ends.play(iter_of(ends.peer.delete_child()))
    ends.device.reconfigure(replace(strict, profile=profile), 0.0)
    ends.started.clear()
    return ends


def iter_of(action: Any) -> Any:
    """A script of one action."""
    yield action


def asked(ends: Ends, trigger: Trigger) -> Cell:
    """What the device starts by this trigger; what completes an IKE SA of its own is no further start."""
    ends.talk(ends.device.provoke(trigger, 0.0).send)
    kinds = list(ends.started)
    if INIT in kinds:
        at = kinds.index(INIT)
        kinds = kinds[: at + 1] + [kind for kind in kinds[at + 1 :] if kind in (INIT, DELETE)]
    return tuple(sorted(kinds, key=ORDER.index)[: len(kinds) - max(0, kinds.count(DELETE) - 1)])


def cells(rows: dict[tuple[Trigger, str], dict[ProfileName, Cell]]) -> list[Any]:
    """The matrix as parameters."""
    return [
        pytest.param(trigger, situation, profile, cell, id=f"{trigger}-{situation}-{profile}")
        for (trigger, situation), row in rows.items()
        for profile, cell in row.items()
    ]


@pytest.mark.parametrize(("trigger", "situation", "profile", "cell"), cells(ROWS_V2))
def test_version_2(trigger: Trigger, situation: str, profile: ProfileName, cell: Cell) -> None:
    """Each trigger starts in version 2 what its profile permits, and nothing else."""
    assert asked(device(profile, 2, situation), trigger) == cell


@pytest.mark.parametrize(("trigger", "situation", "profile", "cell"), cells(ROWS_V1))
def test_version_1(trigger: Trigger, situation: str, profile: ProfileName, cell: Cell) -> None:
    """Each trigger starts in version 1 what its profile permits, and nothing else."""
    assert asked(device(profile, 1, situation), trigger) == cell


def test_the_matrix_is_whole() -> None:
    """Every trigger stands in it, in every situation, under every profile."""
    wanted = {(trigger, situation) for trigger in Trigger for situation in ("nothing", "bare", "tunnel")}

    assert set(ROWS_V2) == set(ROWS_V1) == wanted
    assert all(set(row) == set(ProfileName) for row in (*ROWS_V2.values(), *ROWS_V1.values()))


@pytest.mark.parametrize("trigger", list(Trigger))
@pytest.mark.parametrize("version", [1, 2])
def test_responder_only_never_starts_a_negotiation(trigger: Trigger, version: int) -> None:
    """Whatever the situation, a strict device says good-bye at most."""
    kinds = {
        kind
        for situation in ("nothing", "bare", "tunnel")
        for kind in asked(device(STRICT, version, situation), trigger)
    }

    assert kinds <= {DELETE}


CERTIFIED = certified(DEFAULT)
SIGNING_V1 = replace(
    CERTIFIED,
    proposals_v1=(replace(DEFAULT.proposals_v1[0], auth=AuthMethodV1.ECDSA_SHA256_P256),),
)
BY_CERTIFICATE = pytest.mark.parametrize(("version", "configured"), [(1, SIGNING_V1), (2, CERTIFIED)])


def of(configuration: Configuration) -> dict[str, Any]:
    """What of a configuration has to do with how ends prove themselves."""
    names = ("proposals_v1", "local_auth", "remote_auth", "credentials", "peer_credentials")
    return {name: getattr(configuration, name) for name in names}


@BY_CERTIFICATE
@pytest.mark.parametrize(
    ("profile", "cell"), under(NONE, NONE, NONE, (INIT, DELETE)).items(), ids=lambda value: str(value)
)
def test_a_clock_step_has_certificates_shown_again(
    version: int, configured: Configuration, profile: ProfileName, cell: Cell
) -> None:
    """RFC 7296 section 2.8.3: a two-way device makes the SA anew and deletes the old one; no other may."""
    ends = device(profile, version, "tunnel", **of(configured))

    assert asked(ends, Trigger.CLOCK_STEP) == cell
    assert [sa.up for sa in ends.device.all()] == [True]


@pytest.mark.parametrize("version", [1, 2])
def test_one_initiation_at_a_time(version: int) -> None:
    """Twenty events while the peer has not answered yet start one IKE SA, not twenty."""
    ends = device(TWO_WAY, version, "nothing")

    sent = [ends.device.provoke(Trigger.ROUTE_CONVERGENCE, 0.0).send for _ in range(20)]

    assert [len(each) for each in sent] == [1] + [0] * 19
