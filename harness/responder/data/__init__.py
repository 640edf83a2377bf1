"""The responder's data half: packets in and out of the Child SAs of both versions (RFC 4301, RFC 4303, RFC 3948)."""

from typing import Any

from harness.responder.data import inbound, limits, nat, outbound
from harness.responder.data.inbound import receive
from harness.responder.data.outbound import carry_out, child_for
from harness.responder.state import Sa
from harness.sa.secrets import to_evidence

__all__ = ["carry_out", "child_for", "inbound", "limits", "nat", "outbound", "receive", "secrets"]


def secrets(sa: Sa) -> list[dict[str, Any]]:
    """The keys of the SA's children in the form evidence carries them, each direction by itself."""
    directions = (each for child in sa.children for each in (child.inbound, child.outbound))
    return [to_evidence(each) for each in directions if each is not None]
