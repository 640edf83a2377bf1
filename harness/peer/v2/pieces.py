"""RFC 7383: a message of this end in fragments, as many as a script wants."""

from harness.clock import Entropy
from harness.peer.v2.sa import IkeSa
from harness.sa.v2 import Sealed, iv_size, open_sealed, seal_fragment
from harness.wire import Message, decode, replace, v2


def cut(sa: IkeSa, whole: bytes, pieces: int, entropy: Entropy) -> tuple[bytes, ...]:
    """A sealed message of this end in so many fragments, each sealed by itself; as it is if it does not open.

    What stands in clear before the sealed payloads goes with the first one (section 2.5.3).
    """
    assert sa.keys is not None
    header, said = decode(whole), open_sealed(whole, sa.keys, by_initiator=sa.initiated)
    if isinstance(said, Sealed) or not isinstance(header, Message):
        return (whole,)
    clear = tuple(payload for payload in header.payloads if not isinstance(payload, v2.Encrypted))
    size = -(-len(said.plaintext) // pieces)
    return tuple(
        seal_fragment(
            replace(header, payloads=() if number > 1 else clear, next_payload=None, length=None),
            sa.keys,
            by_initiator=sa.initiated,
            iv=entropy.octets(iv_size(sa.keys.suite)),
            number=number,
            total=pieces,
            first=0 if number > 1 else said.first,
            content=said.plaintext[(number - 1) * size : number * size],
        )
        for number in range(1, pieces + 1)
    )
