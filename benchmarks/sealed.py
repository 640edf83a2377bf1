"""A capture of IKEv2 with its keys beside it, as both an audit and tshark take them: every SA honest, every message opens."""

from pathlib import Path

from benchmarks.crowd import FILE_HEADER, Said, Way, record
from harness.capture.wireshark import V2_TABLE, write_tables
from harness.clock import SeededEntropy
from harness.codes import Encr, Exchange, Group, Integ, NotifyType, Prf
from harness.sa import v2 as sa
from harness.sa.secrets import to_evidence
from harness.wire import Message, v2

ASSOCIATIONS = 200
_SUITE = sa.Suite(Encr.ENCR_AES_CBC, 256, Integ.AUTH_HMAC_SHA2_256_128, Prf.PRF_HMAC_SHA2_256, Group.ECP_256)
_WAY = Way(bytes((10, 0, 0, 1)), 500, bytes((192, 0, 2, 1)), 500)
_BEGAN = 1_700_000_000.0


def write_sealed(capture: Path, datagrams: int) -> None:
    """So many datagrams, and Wireshark's table, under the name beside the capture and under the one that tshark takes."""
    entropy = SeededEntropy("sealed")
    keys = [_keys(entropy) for _ in range(ASSOCIATIONS)]
    turns = datagrams // ASSOCIATIONS // 2
    with capture.open("wb") as file:
        file.write(FILE_HEADER)
        number = 0
        for message_id in range(turns):
            for each in keys:
                for by_target in (False, True):
                    octets = _message(each, message_id, by_target, entropy)
                    said = Said(0.0, by_target, _WAY, octets)
                    number += 1
                    file.write(record(_BEGAN + number / 100, said, number % 0xFFFF + 1))
    (table,) = write_tables(capture, map(to_evidence, keys))
    (capture.parent / V2_TABLE).write_text(table.read_text())


def _keys(entropy: SeededEntropy) -> sa.Keys:
    return sa.ike_keys(_SUITE, *(entropy.octets(size) for size in (8, 8, 32, 32, 32)))


def _message(keys: sa.Keys, message_id: int, by_target: bool, entropy: SeededEntropy) -> bytes:
    """IKE_SA_INIT first, then what asks for an answer with a few notifies in it."""
    flags = 0x20 if by_target else 0x08
    if message_id == 0:
        spi_r = keys.spi_r if by_target else bytes(8)
        payloads = (v2.SecurityAssociation(()), v2.KeyExchange(19, bytes(64)), v2.Nonce(bytes(32)))
        return Message(keys.spi_i, spi_r, Exchange.IKE_SA_INIT, flags, 0, payloads).encode()
    header = Message(keys.spi_i, keys.spi_r, Exchange.INFORMATIONAL, flags, message_id)
    told = v2.Notify(notify_type=NotifyType.ADDITIONAL_IP4_ADDRESS, data=bytes((10, 0, 0, 1)))
    iv = entropy.octets(sa.iv_size(_SUITE))
    return sa.seal(header, keys, by_initiator=not by_target, iv=iv, inner=(told,) * (message_id % 4))
