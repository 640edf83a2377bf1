"""Capture to trace: what the evidence shows, opened with the keys that lie in it; neither end is known here."""

from harness.observe.associations import Asks, Association, Associations, Birth, asked_for
from harness.observe.children import ChildSa
from harness.observe.connections import openings
from harness.observe.conversation import conversation
from harness.observe.header import NO_SPI, Header
from harness.observe.observed import Doubt, Observed, number
from harness.observe.observer import observe
from harness.observe.packets import Protected, protected
from harness.observe.screened import Matter, Screened
from harness.observe.seen import Seen
from harness.observe.trace import Observation, Trace

__all__ = [
    "NO_SPI",
    "Asks",
    "Association",
    "Associations",
    "Birth",
    "ChildSa",
    "Doubt",
    "Header",
    "Matter",
    "Observation",
    "Observed",
    "Protected",
    "Screened",
    "Seen",
    "Trace",
    "asked_for",
    "conversation",
    "number",
    "observe",
    "openings",
    "protected",
]
