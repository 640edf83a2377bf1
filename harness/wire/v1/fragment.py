"""[MS-IKEE] section 2.2.3.1: the Fragment payload of IKEv1 fragmentation (also Cisco's)."""

from harness.wire.fields import Payload, payload, rest, u8, u16


@payload(132, rfc="MS-IKEE/2.2.3.1")
class Fragment(Payload):
    """A piece of a whole message; `last` is 1 in the last one."""

    fragment_id: int = u16()
    number: int = u8()
    last: int = u8(default=0)
    data: bytes = rest(default=b"")

    def __str__(self) -> str:
        return f"FRAG({self.number}{' last' if self.last else ''})"
