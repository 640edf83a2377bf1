"""RFC 7296 section 3.14 and RFC 7383 section 2.5: the Encrypted payload, whole and in fragments."""

from harness.wire.fields import Payload, inner, payload, rest, u16


@payload(46, rfc="7296/3.14")
class Encrypted(Payload):
    """Initialization vector, ciphertext and checksum; always the last payload of its message.

    `inner` is the type of the first payload inside, which stands in Next Payload.
    """

    inner: int = inner(default=0, kw_only=True)
    data: bytes = rest(default=b"")

    def __str__(self) -> str:
        return "SK{…}" if self.data else "SK{}"


@payload(53, rfc="7383/2.5")
class EncryptedFragment(Payload):
    """One of `total` pieces; `inner` is the first inner payload's type in number 1, else 0."""

    inner: int = inner(default=0, kw_only=True)
    number: int = u16()
    total: int = u16()
    data: bytes = rest(default=b"")

    def __str__(self) -> str:
        return f"SKF{{{self.number}/{self.total}}}"
