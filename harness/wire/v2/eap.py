"""RFC 7296 section 3.16: the EAP payload."""

from harness.codes import EapCode, name_of
from harness.wire.fields import Payload, payload, rest


@payload(48, rfc="7296/3.16")
class Eap(Payload):
    """One EAP message (RFC 3748 section 4), its own header included."""

    data: bytes = rest()

    @property
    def code(self) -> int | None:
        """Request, Response, Success or Failure; None for an empty message."""
        return self.data[0] if self.data else None

    @property
    def identifier(self) -> int | None:
        """What matches a Response to its Request; None for a message cut before it."""
        return self.data[1] if len(self.data) > 1 else None

    def __str__(self) -> str:
        said = "empty" if self.code is None else name_of(EapCode, self.code)
        return f"EAP({said}){'!' if self.critical else ''}"
