"""RFC 8019 section 8.2: the Puzzle Solution payload."""

from harness.wire.fields import Payload, payload, rest


@payload(54, rfc="8019/8.2")
class PuzzleSolution(Payload):
    """Four keys of the PRF that a PUZZLE names, one after the other, all of one size if it keeps the rules."""

    label = "PS"

    data: bytes = rest()
