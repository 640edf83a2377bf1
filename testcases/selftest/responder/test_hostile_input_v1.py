"""Nothing that comes from the wire makes the IKEv1 half raise, or lets it be fooled."""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any

import pytest

from harness.clock import SeededEntropy
from harness.codes import AuthMethodV1, CfgType, NotifyTypeV1, ProfileName, Protocol, Trigger
from harness.peer import Initiator
from harness.peer.certified import credentials
from harness.profile import DEFAULT, AddressPool, Configuration, Fragmentation, User, Version1, Xauth
from harness.responder import Responder, Step
from harness.wire import encode_chain, v1
from harness.wire.datagram import Datagram, Endpoint

TARGET, TARGET_NATT = Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)
PEER, PEER_NATT = Endpoint("192.0.2.2", 500), Endpoint("192.0.2.2", 4500)
POINTS = (
    "main_mode_1",
    "main_mode_3",
    "main_mode_5",
    "mode_config",
    "quick_mode_1",
    "quick_mode_3",
    "dpd",
    "delete_v1",
)
PER_POINT = 400


def mutated(octets: bytes, chance: SeededEntropy, others: list[bytes]) -> bytes:
    """`octets` with one to three things wrong with them."""
    bent = bytearray(octets)
    for _ in range(1 + chance.below(3)):
        _spoil(bent, chance, others)
    return bytes(bent)


def _spoil(bent: bytearray, chance: SeededEntropy, others: list[bytes]) -> None:
    place = chance.below(len(bent) + 1)
    kind = chance.below(8)
    if kind == 0 and bent:
        bent[place % len(bent)] ^= 1 << chance.below(8)
    elif kind == 1 and bent:
        bent[place % len(bent)] = (0, 1, 0x7F, 0x80, 0xFF)[chance.below(5)]
    elif kind == 2:
        del bent[place:]
    elif kind == 3:
        bent[place:place] = chance.octets(1 + chance.below(40))
    elif kind == 4:
        bent[place : place + 2] = ((0, 3, 4, 0x7FFF, 0xFFFF)[chance.below(5)]).to_bytes(2, "big")
    elif kind == 5:
        del bent[place : place + 1 + chance.below(20)]
    elif kind == 6:
        bent += bent[place:]
    else:
        other = others[chance.below(len(others))]
        bent[place:] = other[chance.below(len(other) + 1) :]


def with_true_length(octets: bytes) -> bytes:
    """`octets` with a header that says how many they are, so that more than the length is looked at."""
    return octets if len(octets) < 28 else octets[:24] + len(octets).to_bytes(4, "big") + octets[28:]


class Dialogue:
    """A responder and an honest peer, the one handed what the other sends, a message at a time."""

    def __init__(self, configuration: Configuration = DEFAULT) -> None:
        self.responder = Responder(configuration, SeededEntropy(1), local=TARGET, peer=PEER)
        self.alice = Initiator(
            "alice", configuration.mirrored(), SeededEntropy(2), PEER, PEER_NATT, TARGET, TARGET_NATT
        )

    def go_to(self, point: str) -> Any:
        """Everything before `point` done; the honest action that comes next."""
        for name in POINTS[: POINTS.index(point)]:
            self.finish(getattr(self.alice, name)())
        return getattr(self.alice, point)()

    def finish(self, action: Any) -> Step:
        """The honest message handed over, and the peer given its answer."""
        step = self.responder.receive(action.datagram, 0.0)
        for answer in step.send:
            self.alice.receive(answer, 0.0)
        return step

    def up(self) -> tuple[int, int]:
        """How many ISAKMP SAs are up, and how many pairs of IPsec SAs there are."""
        sas: list[Any] = list(self.responder.all())
        return sum(sa.up for sa in sas), sum(len(sa.children) for sa in sas)


def _honest() -> list[bytes]:
    dialogue = Dialogue()
    said = []
    for name in POINTS:
        action = getattr(dialogue.alice, name)()
        said.append(action.data)
        dialogue.finish(action)
    return said


HONEST = _honest()


def twin(responder: Responder) -> Responder:
    """Another responder in the same state; what it knows are values, so only its collections are copied."""
    other = copy(responder)
    for name, value in vars(responder).items():
        if isinstance(value, dict | set | list):
            setattr(other, name, value.copy())
    return other


def hostile(octets: bytes, seed: str, count: int) -> Iterator[bytes]:
    """`count` bad versions of some octets, half of them with a true length in the header."""
    chance = SeededEntropy(seed)
    for number in range(count):
        bad = mutated(octets, chance, HONEST)
        yield with_true_length(bad) if number % 2 else bad


def named(step: Step) -> bool:
    """Whether a step does something or says why not, and sends at most one answer."""
    return len(step.send) <= 1 and bool(step.send or step.drop or step.changed or step.gone)


@pytest.mark.parametrize("point", POINTS)
def test_bad_datagrams_never_raise(point: str) -> None:
    """Bad versions of every message, in the state in which it is due, are answered or dropped for a named reason."""
    dialogue = Dialogue()
    due = dialogue.go_to(point)
    nameless = []
    for bad in hostile(due.data, point, PER_POINT):
        target = twin(dialogue.responder)
        step = target.receive(Datagram(PEER, TARGET, bad), 0.0)
        if not named(step):
            nameless.append(bad)

    assert nameless == []


@pytest.mark.parametrize("point", POINTS[2:])
def test_bad_datagrams_change_nothing(point: str) -> None:
    """Once there are keys the honest peer goes on as if nothing bad had come in between.

    Left out is what version 1 proves nowhere: flags of the header, and padding behind the same ciphertext.
    """
    dialogue = Dialogue()
    due = dialogue.go_to(point)
    before = dialogue.up()
    for bad in hostile(due.data, f"again {point}", PER_POINT):
        if not bad[28:].startswith(due.data[28:]):
            dialogue.responder.receive(Datagram(PEER, TARGET, bad), 0.0)
    assert dialogue.up() == before
    dialogue.finish(due)
    for name in POINTS[POINTS.index(point) + 1 : -1]:
        dialogue.finish(getattr(dialogue.alice, name)())

    assert dialogue.up() == ((0, 0) if point == POINTS[-1] else (1, 1))


def _delete(alice: Initiator) -> tuple[v1.Payload, ...]:
    spi = alice.isakmp.children[0].spi_in
    return (v1.Delete(protocol=Protocol.ESP, spi_size=4, spis=(spi, spi)),)


def _notify(alice: Initiator) -> tuple[v1.Payload, ...]:
    name = alice.isakmp.cky_i + alice.isakmp.cky_r
    return tuple(
        v1.Notify(notify_type=kind, spi=name, data=bytes(4))
        for kind in (NotifyTypeV1.INITIAL_CONTACT, NotifyTypeV1.R_U_THERE, NotifyTypeV1.R_U_THERE_ACK)
    )


@pytest.mark.parametrize("content", [_delete, _notify])
def test_bad_content_under_a_good_hash_never_raises(
    content: Callable[[Initiator], tuple[v1.Payload, ...]],
) -> None:
    """Bad Informationals that are encrypted and proved like good ones are served or dropped for a named reason."""
    dialogue = Dialogue()
    dialogue.go_to("dpd")
    payloads = content(dialogue.alice)
    good, first = encode_chain(payloads), payloads[0].type
    nameless = []
    for bad in hostile(good, str(first), 700):
        target = twin(dialogue.responder)
        step = target.receive(dialogue.alice.informational_v1(inner=(first, bad)).datagram, 0.0)
        if not named(step):
            nameless.append(bad)

    assert nameless == []


def test_bad_quick_modes_under_a_good_hash_never_raise() -> None:
    """Bad first messages of Quick Mode that are encrypted and proved like good ones are refused, dropped or served."""
    dialogue = Dialogue()
    dialogue.go_to("quick_mode_1")
    inside: list[bytes] = []
    dialogue.alice.quick_mode_1(change=lambda m: inside.append(encode_chain(m.payloads[1:])) or m)
    nameless = []
    for bad in hostile(inside[0], "quick", 1000):
        target = twin(dialogue.responder)
        step = target.receive(dialogue.alice.quick_mode_1(inner=(1, bad)).datagram, 0.0)
        if not named(step):
            nameless.append(bad)

    assert nameless == []


def test_bad_identities_under_the_right_key_never_raise() -> None:
    """Bad fifth messages that are encrypted like good ones are refused or dropped for a named reason."""
    dialogue = Dialogue()
    dialogue.go_to("main_mode_5")
    who = encode_chain((v1.Identification(id_type=1, data=bytes(4)), v1.Hash(data=bytes(32))))
    established = 0
    for bad in hostile(who, "identity", 500):
        target = twin(dialogue.responder)
        step = target.receive(dialogue.alice.main_mode_5(inner=(5, bad)).datagram, 0.0)
        established += "isakmp-sa-established" in step.events

    assert established == 0


def _asking(kind: int) -> Callable[[Initiator], bytes]:
    """The attributes of an honest request of this kind."""

    def inside(_: Initiator) -> bytes:
        wanted = tuple(v1.Attribute(number, b"") for number in (1, 2, 3, 7, 13, 14, 16521, 28676))
        return encode_chain((v1.Attributes(kind, 7, wanted),))

    return inside


def _group(_: Initiator) -> bytes:
    attributes = (v1.Attribute(4, 0x8000), v1.Attribute(5, 1), v1.Attribute(6, bytes(256)))
    proposal = v1.Proposal(1, Protocol.IKE, b"", (v1.Transform(1, 1, attributes),))
    return encode_chain((v1.SecurityAssociation(proposals=(proposal,)),))


def _connected(alice: Initiator) -> bytes:
    spi = alice.isakmp.children[0].spi_in
    return encode_chain((v1.Notify(protocol=3, notify_type=NotifyTypeV1.CONNECTED, spi=spi),))


@pytest.mark.parametrize(
    ("step", "first", "inside"),
    [
        ("mode_config", 14, _asking(CfgType.CFG_REQUEST)),
        ("mode_config", 14, _asking(CfgType.CFG_SET)),
        ("new_group_mode", 1, _group),
        ("informational_v1", 11, _connected),
    ],
)
def test_bad_exchanges_under_a_good_hash_never_raise(
    step: str, first: int, inside: Callable[[Initiator], bytes]
) -> None:
    """Bad Transaction exchanges, New Group Modes and CONNECTED, proved like good ones, are served or dropped."""
    dialogue = Dialogue(OPEN_TO_ALL)
    dialogue.go_to("dpd")
    arguments = (14,) if step == "new_group_mode" else ()
    nameless = []
    for bad in hostile(inside(dialogue.alice), step, 700):
        target = twin(dialogue.responder)
        action = getattr(dialogue.alice, step)(*arguments, inner=(first, bad))
        if not named(target.receive(action.datagram, 0.0)):
            nameless.append(bad)

    assert nameless == []


def test_bad_replies_to_xauth_let_nobody_in() -> None:
    """Bad REPLYs, encrypted and proved like good ones, are dropped or count as wrong; no user gets in by them."""
    policy = replace(DEFAULT.proposals_v1[0], auth=AuthMethodV1.XAUTH_INIT_PRE_SHARED)
    users = (User("joe", "open sesame"),)
    xauth = replace(OPEN_TO_ALL, proposals_v1=(policy,), users=users, version1=Version1(xauth=Xauth()))
    dialogue = Dialogue(xauth)
    for name in POINTS[:2]:
        dialogue.finish(getattr(dialogue.alice, name)())
    sent = dialogue.responder.receive(dialogue.alice.main_mode_5().datagram, 0.0).send
    dialogue.alice.receive(sent[0], 0.0)
    dialogue.alice.logs_in_as("jim", "open sesame")
    honest: list[bytes] = []
    dialogue.alice.answers_with(change=lambda m: honest.append(encode_chain(m.payloads[1:])) or m)
    dialogue.alice.receive(sent[1], 0.0)
    asked = dialogue.alice.isakmp.dialogues
    admitted = 0
    for bad in hostile(honest[0], "xauth", 700):
        asked.popitem()
        dialogue.alice.answers_with(inner=(14, bad))
        for reply in dialogue.alice.receive(sent[1], 0.0).send:
            target = twin(dialogue.responder)
            target.receive(reply, 0.0)
            admitted += any(sa.user for sa in target.all())

    assert admitted == 0


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_bad_certificates_and_signatures_never_raise(kind: str) -> None:
    """Bad identities, certificates and signatures, encrypted like good ones, establish nothing."""
    auth = AuthMethodV1.RSA_SIGNATURES if kind == "rsa" else AuthMethodV1.ECDSA_SHA256_P256
    dialogue = Dialogue(signing(auth, kind))
    dialogue.go_to("main_mode_5")
    inside: list[bytes] = []
    dialogue.alice.main_mode_5(change=lambda m: inside.append(encode_chain(m.payloads)) or m)
    established = 0
    for bad in hostile(inside[0], kind, 600):
        target = twin(dialogue.responder)
        step = target.receive(dialogue.alice.main_mode_5(inner=(5, bad)).datagram, 0.0)
        padded = bad.startswith(
            inside[0]
        )  # what stands behind the payloads is padding, which may be anything
        established += "isakmp-sa-established" in step.events and not padded

    assert established == 0


def signing(auth: int, kind: str) -> Configuration:
    """Both ends with certificates, and one policy by this method."""
    policy = replace(DEFAULT.proposals_v1[0], auth=auth)
    return replace(
        DEFAULT,
        proposals_v1=(policy,),
        credentials=credentials(DEFAULT.local_id, kind=kind),
        peer_credentials=credentials(DEFAULT.remote_id, kind=kind),
    )


OPEN_TO_ALL = replace(
    DEFAULT,
    pool=AddressPool("10.1.0.0/24"),
    version1=Version1(new_groups=(14,), transport=True, fragmentation=Fragmentation()),
)
"""A device that serves whatever there is."""


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_bad_answers_never_fool_an_initiator(mode: str, signed: bool) -> None:
    """A two-way device handed bad versions of every answer drops them, and goes on with the good one."""
    base = signing(AuthMethodV1.ECDSA_SHA256_P256, "p256") if signed else DEFAULT
    configuration = replace(
        base, profile=ProfileName.TWO_WAY, initiate_version=1, initiate_mode=mode, pfs_group=2
    )
    device = Responder(configuration, SeededEntropy(1), local=TARGET, peer=PEER)
    peer = Initiator(
        "alice", configuration.mirrored(), SeededEntropy(2), PEER, PEER_NATT, TARGET, TARGET_NATT
    )
    under_way = list(device.provoke(Trigger.OPERATOR_INITIATE, 0.0).send)
    while under_way:
        for answer in peer.receive(under_way.pop(0), 0.0).send:
            for bad in hostile(answer.data, answer.data.hex(), 150):
                twin(device).receive(replace_data(answer, bad), 0.0)
            under_way += device.receive(answer, 0.0).send
    (sa,) = device.all()

    assert sa.up


def replace_data(datagram: Datagram, octets: bytes) -> Datagram:
    """The same way, other octets."""
    return datagram._replace(data=octets)
