"""Cisco IOS configuration text, read and printed; the one vendor whose words this project takes as its own."""

from harness.profile.ios.lines import ConfigurationError, Note, place
from harness.profile.ios.printer import show
from harness.profile.ios.reader import Reading, read

__all__ = ["ConfigurationError", "Note", "Reading", "place", "read", "show"]
