"""The responder's IKEv2 half: from a message to the cell of the table that answers it."""

from harness.responder.v2 import authentication, children, guards, informational, initial, timers
from harness.responder.v2.dispatch import receive, secrets

__all__ = ["authentication", "children", "guards", "informational", "initial", "receive", "secrets", "timers"]
