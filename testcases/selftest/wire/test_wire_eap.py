"""EAP messages and the packets in them: what is written reads back, and any octets are a value."""

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.codes import EapCode
from harness.wire.eap import EapMessage, MsChap, Value, read_eap, read_mschap, read_value

octet = st.integers(0, 255)
data = st.binary(max_size=60)
messages = st.one_of(
    st.builds(EapMessage, st.sampled_from([EapCode.REQUEST, EapCode.RESPONSE]), octet, octet, data),
    st.builds(EapMessage, st.sampled_from([EapCode.SUCCESS, EapCode.FAILURE]), octet),
)


@given(messages)
def test_message_reads_back(message: EapMessage) -> None:
    """An EAP message is read as it was made."""
    assert read_eap(message.encode()) == message


@given(st.builds(Value, st.binary(max_size=255), data))
def test_value_reads_back(value: Value) -> None:
    """A value with its size and the name after it are read as they were made."""
    assert read_value(value.encode()) == value


@given(st.one_of(st.builds(MsChap, octet), st.builds(MsChap, octet, octet, data)))
def test_packet_of_mschapv2_reads_back(packet: MsChap) -> None:
    """A packet of MSCHAPv2, whole or an opcode alone, is read as it was made."""
    assert read_mschap(packet.encode()) == packet


@settings(max_examples=300)
@given(st.binary(max_size=80))
def test_any_octets_are_a_value(octets: bytes) -> None:
    """No octets raise; what is read as a message writes the same octets."""
    read = read_eap(octets)
    read_value(octets)
    read_mschap(octets)

    assert isinstance(read, str) or read.encode() == octets


def test_identity_of_rfc_3748() -> None:
    """An Identity response as RFC 3748 sections 4.1 and 5.1 lay it out."""
    assert read_eap(bytes([2, 7, 0, 9, 1]) + b"name") == EapMessage(EapCode.RESPONSE, 7, 1, b"name")


def test_length_must_be_that_of_the_payload() -> None:
    """A length that is not the payload's makes no message (RFC 7296 section 3.16)."""
    assert read_eap(bytes([2, 7, 0, 8, 1]) + b"name") == "the EAP message says 8 octets, there are 9"
