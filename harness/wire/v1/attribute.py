"""RFC 2408 section 3.3: data attributes."""

from harness.wire.fields import Structure, short_or_long, structure, u15, u16


@structure(rfc="2408/3.3")
class Attribute(Structure):
    """A type with a number (short form, AF = 1) or with octets (long form)."""

    type: int = u15()
    length: int | None = u16(length_of="value", default=None, kw_only=True)
    value: int | bytes = short_or_long()
