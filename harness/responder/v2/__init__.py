"""The responder's IKEv2 half: from a message to the cell of the table that answers it."""

from harness.responder.v2 import (
    authentication,
    certificates,
    children,
    crash_detection,
    guards,
    informational,
    initial,
    inner_addresses,
    intermediate,
    lifetime,
    mobility,
    ppk,
    proofs,
    redirect,
    resumption,
    timers,
    window,
)
from harness.responder.v2.dispatch import receive, secrets

__all__ = [
    "authentication",
    "certificates",
    "children",
    "crash_detection",
    "guards",
    "informational",
    "initial",
    "inner_addresses",
    "intermediate",
    "lifetime",
    "mobility",
    "ppk",
    "proofs",
    "receive",
    "redirect",
    "resumption",
    "secrets",
    "timers",
    "window",
]
