"""The responder's IKEv1 half: from a message to the cell of the table that answers it."""

from harness.responder.v1 import follow, guards, informational, main, mode_config, new_groups, quick, xauth
from harness.responder.v1.dispatch import receive, secrets
from harness.responder.v1.fragments import cut
from harness.responder.v1.initiate import start_phase1
from harness.responder.v1.own_quick import forgo, rekey, start_quick_mode
from harness.responder.v1.state import IsakmpSa
from harness.responder.v1.timers import close_all, give_up_all, hard_expiry, soft_expiry

__all__ = [
    "IsakmpSa",
    "close_all",
    "cut",
    "follow",
    "forgo",
    "give_up_all",
    "guards",
    "hard_expiry",
    "informational",
    "main",
    "mode_config",
    "new_groups",
    "quick",
    "receive",
    "rekey",
    "secrets",
    "soft_expiry",
    "start_phase1",
    "start_quick_mode",
    "xauth",
]
