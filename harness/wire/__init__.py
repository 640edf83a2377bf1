"""Octets to messages and back: no keys, no time, no sockets."""

from harness.wire.datagram import Datagram, Endpoint, Kind, demultiplex, frame
from harness.wire.fields import Ciphertext, Malformed, Payload, Structure, Unknown, describe, replace
from harness.wire.message import (
    Chain,
    Message,
    NotIke,
    decode,
    decode_chain,
    decode_header,
    encode,
    encode_chain,
)

__all__ = [
    "Chain",
    "Ciphertext",
    "Datagram",
    "Endpoint",
    "Kind",
    "Malformed",
    "Message",
    "NotIke",
    "Payload",
    "Structure",
    "Unknown",
    "decode",
    "decode_chain",
    "decode_header",
    "demultiplex",
    "describe",
    "encode",
    "encode_chain",
    "frame",
    "replace",
]
