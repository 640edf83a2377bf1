"""RFC 2408 section 3.3: data attributes."""

from harness.codes import CfgAttribute
from harness.wire.fields import Structure, short_or_long, structure, u15, u16

_HIDDEN = frozenset(
    (
        CfgAttribute.XAUTH_USER_PASSWORD,
        CfgAttribute.XAUTH_PASSCODE,
        CfgAttribute.XAUTH_NEXT_PIN,
        CfgAttribute.XAUTH_ANSWER,
    )
)
"""Types of XAUTH; in a transform no attribute has such a number."""


@structure(rfc="2408/3.3")
class Attribute(Structure):
    """A type with a number (short form, AF = 1) or with octets (long form)."""

    type: int = u15()
    length: int | None = u16(length_of="value", default=None, kw_only=True)
    value: int | bytes = short_or_long()

    def __str__(self) -> str:
        """Type and value, but never what a user proves himself by."""
        if self.type in _HIDDEN:
            return f"{self.type}=…"
        return f"{self.type}={self.value.hex() if isinstance(self.value, bytes) else self.value}"
