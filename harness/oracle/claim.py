"""What a judge can demand of a piece of evidence; `that` and `given` differ only in what a broken demand means."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.observe import Doubt, Observed
from harness.record import ClaimName, Finding, Verdict, Weight, printable

_LONG = 160


@dataclass(frozen=True, slots=True)
class Claim:
    """Evidence, the words for it, and the verdict of a broken demand."""

    evidence: Observed[Any]
    words: str
    rule: str
    broken: Verdict
    requirement: str = ""
    weight: Weight = Weight.MUST
    claim: ClaimName = ClaimName.PROTOCOL

    def is_present(self) -> Finding:
        """The evidence is there."""
        return self._held("came") if self.evidence.present else self._missing()

    def is_absent(self) -> Finding:
        """The evidence is not there, and silence can be relied upon."""
        if self.evidence.present:
            return self._finding(self.broken, f"{self.words} came, and must not")
        if self.evidence.doubt is not None:
            return self._undecided()
        return self._held("did not come")

    def equals(self, wanted: object) -> Finding:
        """The value is `wanted`."""
        return self._compare(self.evidence.value == wanted, f"is {_told(wanted)}", f"not {_told(wanted)}")

    def is_one_of(self, *wanted: object) -> Finding:
        """The value is among those."""
        among = ", ".join(_told(each) for each in wanted)
        return self._compare(self.evidence.value in wanted, f"is one of {among}", f"none of {among}")

    def contains(self, kind: type[Any], notify_type: int | None = None) -> Finding:
        """The message has such a payload."""
        if not self.evidence.present:
            return self._missing()
        found = self.evidence.find(kind, notify_type)
        if found.present:
            return self._held(f"carries {_told(found.value)}")
        if found.doubt is Doubt.NO_KEYS:
            return self._finding(Verdict.INCONCLUSIVE, f"{self.words} cannot be judged: {found.why}")
        return self._finding(self.broken, f"{self.words}: {found.why}")

    def satisfies(self, predicate: Callable[[Any], bool], words: str) -> Finding:
        """`predicate` is true of the value; `words` complete the sentence, as in "is longer than 16 octets"."""
        held = self.evidence.present and bool(predicate(self.evidence.value))
        return self._compare(held, words, f"where it must be that it {words}")

    def _compare(self, held: bool, words: str, wanted: str) -> Finding:
        if not self.evidence.present:
            return self._missing()
        if held:
            return self._held(words)
        return self._finding(self.broken, f"{self.words} is {_told(self.evidence.value)}, {wanted}")

    def _held(self, words: str) -> Finding:
        return self._finding(Verdict.PASS, f"{self.words} {words}")

    def _missing(self) -> Finding:
        if self.evidence.doubt in (Doubt.NO_KEYS, Doubt.NOT_CAPTURED, Doubt.NOT_ASKED):
            return self._undecided()
        why = f": {self.evidence.why}" if self.evidence.why else ""
        return self._finding(self.broken, f"{self.words} never came{why}")

    def _undecided(self) -> Finding:
        if self.evidence.doubt is Doubt.NOT_CAPTURED:
            why = "the capture has a gap, so its absence proves nothing"
        else:
            why = self.evidence.why
        return self._finding(Verdict.INCONCLUSIVE, f"{self.words} cannot be judged: {why}")

    def _finding(self, verdict: Verdict, says: str) -> Finding:
        return Finding(
            self.rule,
            verdict,
            printable(says),
            self.evidence.frames,
            self.weight,
            self.requirement,
            self.claim,
        )


def observed(evidence: object) -> Observed[Any]:
    """The evidence as it is, or a bare value without frames; None is absence."""
    return evidence if isinstance(evidence, Observed) else Observed(evidence)


def _told(value: object) -> str:
    text = value.hex() or "empty" if isinstance(value, bytes | bytearray) else str(value)
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
