"""The words that all stages share: verdicts, findings, results, and the rows of a told conversation."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What a judge can say; ERROR is ours, never the target's."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    ERROR = "ERROR"


class Weight(StrEnum):
    """How much a finding counts: a broken SHOULD fails only under --strict, a NOTE never."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    NOTE = "NOTE"


class ClaimName(StrEnum):
    """The three claims of a verdict."""

    SAFETY = "safety"
    LIVENESS = "liveness"
    PROTOCOL = "protocol"


@dataclass(frozen=True, slots=True)
class Finding:
    """One judged fact and the frames that show it."""

    rule: str
    verdict: Verdict
    says: str
    frames: tuple[int, ...] = ()
    weight: Weight = Weight.MUST
    requirement: str = ""
    claim: ClaimName = ClaimName.PROTOCOL

    @property
    def name(self) -> str:
        """What it is told apart by: the rule, and the requirement if there is one."""
        return " ".join(filter(None, (self.rule, self.requirement)))

    def weighed(self, strict: bool) -> Verdict | None:
        """What it counts as: a NOTE as nothing, a broken SHOULD as a PASS unless `strict`."""
        if self.weight is Weight.NOTE:
            return None
        lenient = self.weight is Weight.SHOULD and self.verdict is Verdict.FAIL and not strict
        return Verdict.PASS if lenient else self.verdict

    def to_json(self) -> dict[str, Any]:
        """The finding as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Row:
    """One message of a conversation, as told to a person; every text is printable."""

    frame: int
    time: float
    sender: str
    receiver: str
    from_target: bool
    line: str
    marks: tuple[str, ...] = ()
    payloads: tuple[str, ...] = ()


Conversation = tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Departure:
    """What is known and expected of one target in one case: that this rule says so, and why."""

    case: str
    rule: str
    verdict: str
    reason: str
    date: str
    requirement: str = ""
    versions: str = ""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case."""

    id: str
    title: str
    verdict: Verdict
    level: str
    requirements: tuple[str, ...]
    findings: tuple[Finding, ...]
    claims: dict[str, str]
    capture: str
    duration_s: float
    again: str
    expected: Verdict = Verdict.PASS
    departures: tuple[Departure, ...] = ()
    """Why no PASS was expected, if none was."""
    surprises: tuple[str, ...] = ()
    """The rules that decided otherwise than expected, where something was."""
    why: str = ""
    conversation: Conversation = ()
    traceback: str = ""
    digests: dict[str, str] = field(default_factory=dict)
    """The SHA-256 of each file of its evidence, by the file's name."""
    round: int = 1
    """Which time it was played in a run that repeats."""
    window_s: float = 0.0
    """How long the target was watched."""

    @property
    def as_expected(self) -> bool:
        """Whether the verdict was expected, for the reasons that were given."""
        return self.verdict is self.expected and not self.surprises

    @property
    def broken_should(self) -> int:
        """How many SHOULD-level findings failed."""
        return sum(f.verdict is Verdict.FAIL and f.weight is Weight.SHOULD for f in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The result as plain data, the shape of a journal's case event."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunHeader:
    """What was known when a run began."""

    run: str
    target: dict[str, str]
    profile: str
    configured_as: str
    seed: int
    started: str
    link: str
    cases: int
    strict: bool = False
    jobs: int = 1
    expected_s: float = 0.0
    """How long it was expected to take."""
    repeat: int = 1
    """How often each case is played."""
    asked: dict[str, Any] = field(default_factory=dict)
    """How the run was asked for: what is needed to play on where it was cut off."""
    format: int = 1
    notes: tuple[str, ...] = field(default=())


def printable(text: str) -> str:
    r"""`text` with control and other unprintable characters as \x escapes: safe for a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
