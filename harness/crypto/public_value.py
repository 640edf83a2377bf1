"""The one exception for a peer's public value that must not be used, and the check that all key exchanges share."""


class InvalidPublicValue(ValueError):
    """A peer's public value that must not be used (RFC 6989 section 2); `why` is one sentence part."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def check_length(public: bytes, size: int) -> None:
    """Raises InvalidPublicValue for a public value of another length than `size` (RFC 7296 section 3.4)."""
    if len(public) != size:
        raise InvalidPublicValue(f"the public value has {len(public)} octets, the group has {size}")
