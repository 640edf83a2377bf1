"""boofuzz blocks come from the codec's declarations: they render as it does, and lengths follow what is mutated."""

from itertools import islice

import pytest
from boofuzz.mutation import Mutation
from boofuzz.mutation_context import MutationContext
from hypothesis import given, settings

from harness.wire import Malformed, Message, decode, encode, v1, v2
from harness.wire.boofuzz_blocks import message_request
from harness.wire.samples import samples
from harness.wire.strategies import messages


@pytest.mark.parametrize("name", samples())
def test_request_renders_as_the_codec_writes(name: str) -> None:
    """Unmutated, the blocks of every exchange's message give its octets."""
    message = samples()[name]

    assert message_request(message, "sample").render() == message.encode()


@settings(max_examples=200, deadline=None)
@given(message=messages(lies=True))
def test_any_message_has_blocks(message: Message) -> None:
    """Any message at all, lies included, becomes blocks that render as it is written."""
    assert message_request(message, "any").render() == message.encode()


def mutated(message: Message, name: str, value: object) -> bytes:
    """The octets with one element, named within the message, mutated."""
    request = message_request(message, "m")
    full = f"m.message.{name}"
    assert full in request.names
    return bytes(
        request.render(MutationContext(mutations=[Mutation(value=value, qualified_name=full, index=0)]))
    )


def test_lengths_follow_what_is_mutated() -> None:
    """A nonce that grows takes its payload's length and the message's along."""
    message = Message(b"initiate", bytes(8), 34, 8, 0, (v2.Nonce(b"n"), v2.VendorId(b"v")))
    made = decode(mutated(message, "payloads.0_Nonce.data", b"longer"))
    assert isinstance(made, Message)

    assert made.payloads == (v2.Nonce(b"longer"), v2.VendorId(b"v"))
    assert made.why is None


def test_nested_lengths_follow_what_is_mutated() -> None:
    """An SPI that grows takes its size, the proposal's length, the payload's and the message's along."""
    message = samples()["CREATE_CHILD_SA rekey"]
    made = decode(mutated(message, "payloads.1_SecurityAssociation.proposals.0.spi", b"a longer SPI"))
    assert isinstance(made, Message)
    association = made.find(v2.SecurityAssociation)
    assert association is not None

    assert association.proposals[0].spi == b"a longer SPI"
    assert made.why is None


def test_a_length_can_be_mutated_itself() -> None:
    """A payload length is an element too, and a mutated one stays a lie."""
    message = Message(b"initiate", bytes(8), 34, 8, 0, (v2.Nonce(b"n"),))
    made = decode(mutated(message, "payloads.0_Nonce.length", 200))
    assert isinstance(made, Message)

    assert made.why == "payload 40 at 28 says 200 octets, 5 left"


def test_padding_follows_its_label() -> None:
    """A label that grows is padded to four octets again."""
    label = v1.SensitivityLabel(b"top", b"\xf0")
    association = v1.SecurityAssociation(1, 2, domain=v1.LabelledDomain(0), secrecy=label)
    message = Message(b"initiate", bytes(8), 1, 0, 0, (association,), version=0x10)
    made = decode(mutated(message, "payloads.0_SecurityAssociation.secrecy.level", b"secret"))
    assert isinstance(made, Message)
    read = made.find(v1.SecurityAssociation)
    assert read is not None
    assert read.secrecy is not None

    assert read.secrecy == v1.SensitivityLabel(b"secret", b"\xf0")


def test_mutations_come_back_octet_for_octet() -> None:
    """Mutations of boofuzz's own are kept whole by the codec, and most break no length."""
    request = message_request(samples()["IKE_SA_INIT request"], "m")
    well_formed = 0
    for mutations in islice(request.get_mutations(), 0, 3000, 3):
        octets = bytes(request.render(MutationContext(mutations=mutations)))
        made = decode(octets)
        well_formed += isinstance(made, Message) and made.why is None and Malformed not in made

        assert encode(made) == octets

    assert well_formed >= 500
