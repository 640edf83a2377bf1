"""Any octets at all are read as a value that writes the same octets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import SeededEntropy
from harness.wire import Malformed, Message, Unknown, decode, encode, encode_chain, replace, v2
from harness.wire.samples import samples
from harness.wire.strategies import messages

EDGES = (0, 1, 2, 3, 4, 5, 7, 8, 33, 46, 53, 127, 128, 254, 255)


def mutant(octets: bytes, entropy: SeededEntropy) -> bytes:
    """`octets` with one to four edits: an octet set, a run cut out, a run put in or doubled, an end cut off."""
    made = bytearray(octets)
    for _ in range(1 + entropy.below(4)):
        at, kind = entropy.below(len(made) or 1), entropy.below(8)
        if kind < 4:
            made[at : at + 1] = bytes([EDGES[entropy.below(len(EDGES))] if kind < 2 else entropy.below(256)])
        elif kind == 4:
            del made[at : at + 1 + entropy.below(8)]
        elif kind == 5:
            made[at:at] = entropy.octets(1 + entropy.below(8))
        elif kind == 6:
            made[at:at] = made[at : at + 1 + entropy.below(40)]
        else:
            del made[max(at, 17) :]
    return bytes(made)


@pytest.mark.parametrize("name", samples())
def test_sample_is_read_as_it_was_made(name: str) -> None:
    """A well-formed message of every exchange is read to the values it was made of, with nothing left over."""
    message = samples()[name]

    read = decode(message.encode())

    assert read == message
    assert isinstance(read, Message)
    assert (read.why, read.trailing) == (None, b"")


def come_back(name: str, seed: str, count: int) -> None:
    """Read and write `count` mutants of a sample."""
    entropy, octets = SeededEntropy(f"{seed} of {name}"), samples()[name].encode()
    for _ in range(count):
        made = mutant(octets, entropy)

        assert encode(decode(made)) == made


@pytest.mark.parametrize("name", samples())
def test_mutants_come_back_octet_for_octet(name: str) -> None:
    """No mutant of any exchange's message raises, and each is written back exactly: 100,000 over all exchanges."""
    come_back(name, "mutants", 100_000 // len(samples()))


@pytest.mark.slow
@pytest.mark.parametrize("name", samples())
def test_a_million_mutants_come_back_octet_for_octet(name: str) -> None:
    """The same holds for a million: 24 s of one core where it was measured."""
    come_back(name, "a million", 1_000_000 // len(samples()))


@settings(max_examples=1000, deadline=None)
@given(message=messages())
def test_honest_message_is_read_as_it_was_made(message: Message) -> None:
    """A message whose lengths and counts are left to the encoder is read to an equal message."""
    assert decode(message.encode()) == message


@settings(max_examples=1000, deadline=None)
@given(message=messages(lies=True))
def test_lying_message_comes_back_octet_for_octet(message: Message) -> None:
    """A message with false lengths, counts and Next Payloads is written as said, and read back without loss."""
    octets = message.encode()

    assert encode(decode(octets)) == octets


@settings(max_examples=300, deadline=None)
@given(octets=st.binary(max_size=400), version=st.sampled_from([0x10, 0x20, 0x11, 0x2F, 0x00, 0x30]))
def test_noise_behind_any_version_comes_back(octets: bytes, version: int) -> None:
    """Noise under any version number is kept whole, header or not."""
    noise = octets[:17] + bytes([version]) + octets[17:]

    assert encode(decode(noise)) == noise


@settings(max_examples=300, deadline=None)
@given(message=messages())
def test_payloads_can_be_written_alone(message: Message) -> None:
    """The octets after the header are those that `encode_chain` gives for the payloads."""
    assert message.encode()[28:] == encode_chain(message.payloads)


@pytest.mark.parametrize("name", samples())
def test_every_cut_comes_back(name: str) -> None:
    """A message cut after any octet is read as far as it goes and written back exactly."""
    octets = samples()[name].encode()

    for end in range(len(octets)):
        assert encode(decode(octets[:end])) == octets[:end]


def test_mutants_reach_malformed_payloads() -> None:
    """The mutator is worth its time: of its mutants one in seven has a payload that doesn't read as its type."""
    entropy, octets = SeededEntropy("worth"), samples()["IKE_AUTH opened"].encode()
    read = [decode(mutant(octets, entropy)) for _ in range(1000)]

    broken = sum(isinstance(m, Message) and Malformed in m for m in read)

    assert broken >= 140


@pytest.mark.parametrize("name", samples())
def test_haste_and_care_read_the_same(name: str) -> None:
    """What the quick reader of a payload takes, the one that gives reasons reads to the same value."""
    entropy, octets = SeededEntropy(f"haste and {name}"), samples()[name].encode()
    for _ in range(400):
        read = decode(mutant(octets, entropy))
        for payload in read.payloads if isinstance(read, Message) else ():
            if isinstance(payload, Unknown | v2.Encrypted | v2.EncryptedFragment):
                continue
            body = payload.body
            careful = type(payload).decode_body(body, 0, len(body), payload.flags)

            assert careful == replace(payload, next=None)
