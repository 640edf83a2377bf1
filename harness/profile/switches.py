"""What tells one profile from another in a foreign device's own files."""

from typing import NamedTuple


class Switch(NamedTuple):
    """One setting as the device's file has it, and what it is there for."""

    setting: str
    why: str
