"""RFC 7296 section 3.3.5: transform attributes."""

from harness.codes import TransformAttribute
from harness.wire.fields import Structure, short_or_long, structure, u15, u16


@structure(rfc="7296/3.3.5")
class Attribute(Structure):
    """A type with a number (short form, AF = 1) or with octets (long form)."""

    type: int = u15(names=TransformAttribute)
    length: int | None = u16(length_of="value", default=None, kw_only=True)
    value: int | bytes = short_or_long()
