"""The responder's IKEv2 half: from a message to the cell of the table that answers it."""

from harness.responder.v2 import (
    authentication,
    children,
    crash_detection,
    guards,
    informational,
    initial,
    inner_addresses,
    intermediate,
    lifetime,
    mobility,
    redirect,
    resumption,
    timers,
)
from harness.responder.v2.dispatch import receive, secrets

__all__ = [
    "authentication",
    "children",
    "crash_detection",
    "guards",
    "informational",
    "initial",
    "inner_addresses",
    "intermediate",
    "lifetime",
    "mobility",
    "receive",
    "redirect",
    "resumption",
    "secrets",
    "timers",
]
