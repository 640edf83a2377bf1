"""The other end: a scripted peer that starts what a case says and answers what the target starts."""

from harness.peer.end import Ask, ExchangeKey, Received
from harness.peer.initiator import Initiator
from harness.peer.mischief import Changes, cut, flip, flip_last
from harness.peer.script import (
    Action,
    Await,
    Device,
    Elapse,
    Note,
    Ping,
    Provoke,
    Request,
    Script,
    Send,
    Steps,
    Watch,
)

__all__ = [
    "Action",
    "Ask",
    "Await",
    "Changes",
    "Device",
    "Elapse",
    "ExchangeKey",
    "Initiator",
    "Note",
    "Ping",
    "Provoke",
    "Received",
    "Request",
    "Script",
    "Send",
    "Steps",
    "Watch",
    "cut",
    "flip",
    "flip_last",
]
