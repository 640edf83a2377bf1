"""What comes in never makes a peer raise, in whatever state it is."""

import pytest

from harness.clock import SeededEntropy
from harness.peer import Initiator, Script
from harness.wire import Datagram


def _v2(alice: Initiator) -> Script:
    yield from alice.connect()
    yield from alice.create_child(pfs=True)
    yield from alice.rekey_child()
    yield from alice.rekey_ike()
    yield alice.delete_ike()


def _v1(alice: Initiator) -> Script:
    yield from alice.main_mode(nat_t=True)
    yield from alice.quick_mode(pfs=True)
    yield alice.dpd()
    yield alice.delete_v1()


def _aggressive(alice: Initiator) -> Script:
    yield from alice.aggressive_mode()
    yield from alice.quick_mode()


@pytest.mark.parametrize("script", [_v2, _v1, _aggressive])
def test_altered_datagrams_never_raise(loop, script):
    """Alterations of all that went before are given to the ends between the honest datagrams, which still agree."""
    made, chance = loop(), SeededEntropy("altered")

    def altered(datagram: Datagram) -> Datagram:
        octets = bytearray(datagram.data)
        for _ in range(1 + chance.below(3)):
            octets[chance.below(len(octets))] = chance.below(256)
        end = len(octets) if chance.below(2) else chance.below(len(octets))
        return datagram._replace(data=bytes(octets[:end]))

    def noisy(_: Datagram) -> bool:
        earlier = made.seen[:-1]
        for _ in range(20 if earlier else 0):
            datagram = altered(earlier[chance.below(len(earlier))])
            end = made.alice if datagram.destination == made.alice.local else made.bob
            end.receive(datagram, 0.0)
        return False

    made.lost = noisy
    made.play(script(made.alice))

    assert made.requests[-1].answered_by is not None
    assert made.notes == []


@pytest.mark.parametrize("kind", [b"", b"\xff", bytes(27), bytes(28), b"\xff" * 64])
def test_noise_is_dropped_with_a_reason(loop, kind):
    """Octets that are no message for us change nothing, and the reason is said."""
    alice = loop().alice
    received = alice.receive(Datagram(alice.remote, alice.local, kind), 0.0)

    assert received.send == ()
    assert received.why
