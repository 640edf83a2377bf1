"""What an author of cases imports: the case, its cast and its judging words."""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from typing import ClassVar, Literal

from harness.codes import Exchange, NotifyType, ProfileName, Protocol, Trigger
from harness.observe import Observed, Seen, Trace
from harness.oracle import given, that
from harness.peer import Await, Device, Elapse, Initiator, Note, Provoke, Request, Script, Send, Steps, Watch
from harness.profile import Configuration
from harness.record import Finding, Weight
from harness.wire import v2

Findings = Iterator[Finding]

__all__ = [
    "Await",
    "Case",
    "Configuration",
    "Device",
    "Elapse",
    "Finding",
    "Findings",
    "Initiator",
    "Note",
    "Observed",
    "ProfileName",
    "Provoke",
    "Request",
    "Script",
    "Seen",
    "Send",
    "Silence",
    "Steps",
    "Trace",
    "Trigger",
    "Watch",
    "Weight",
    "ended_by_target",
    "given",
    "protected",
    "refusal",
    "that",
]

REFUSALS = (
    NotifyType.NO_ADDITIONAL_SAS,
    NotifyType.NO_PROPOSAL_CHOSEN,
    NotifyType.INVALID_KE_PAYLOAD,
    NotifyType.TEMPORARY_FAILURE,
)
"""By what an honest target may refuse a rekey that its peer asks for (RFC 7296 sections 1.3, 2.25 and 4)."""


def refusal(answer: Observed[Seen], kinds: tuple[int, ...] = REFUSALS) -> Observed[v2.Notify]:
    """The notify of one of these kinds in an answer: what was asked is against the target's policy, or comes too soon."""
    found = [answer.find(v2.Notify, kind) for kind in kinds]
    return next((each for each in found if each.present), found[0])


def protected(answers: Observed[tuple[Seen, ...]]) -> Observed[Seen]:
    """The first of these answers that an SA protects: anybody could have sent the others."""
    opened = answers.then(
        lambda seen: next((each for each in seen if each.opened), None), "no answer to it is protected"
    )
    sealed = [each for each in answers.value or () if each.doubt is not None]
    if opened.present or not sealed:
        return opened
    return Observed(None, sealed[0].frames, sealed[0].why, sealed[0].doubt)


def ended_by_target(trace: Trace) -> Observed[tuple[v2.Delete, ...]]:
    """The target's own Deletes of an IKE SA, which policy may always bid it to send (RFC 7296 sections 2.4 and 2.21)."""
    return trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
        lambda seen: (
            tuple(
                each
                for one in seen
                for each in one.payloads
                if isinstance(each, v2.Delete) and each.protocol == Protocol.IKE
            )
            or None
        ),
        "it deleted no IKE SA",
    )


class Silence(Enum):
    """What the silent window of a case is to show; how long it must be follows from it and from what the run asks for."""

    START = "nothing is started at boot, by a change of configuration, interfaces or routes, or by itself"
    TRAFFIC = "nothing is started for a packet"
    RENEWAL = "no SA is renewed, nor replaced when its time is over"
    RECOVERY = "nothing that ended is begun again"


class Case:
    """A test of a responder: `script` says what to do, `judge` what must have happened.

    The class's docstring is its title. The parameters of `script` are its cast: the runner makes one
    initiator for each, known by that name in the capture and the report.
    """

    requirements: ClassVar[tuple[str, ...]] = ()
    """Registry ids; the first one gives the level."""
    deviants: ClassVar[tuple[str, ...]] = ()
    """Names of deviants that this case must fail."""
    needs: ClassVar[frozenset[str]] = frozenset()
    """Abilities of a target (`provoke`, a trigger's name, `v1-aggressive`, …); missing: NOT_APPLICABLE."""
    also: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Ids of the same matter elsewhere: `spec`, `ipv6ready`, `cve`."""
    profile: ClassVar[ProfileName] = ProfileName.STRICT
    """The profile that the target is judged by."""
    subject: ClassVar[str | None] = None
    """The standing rule that is this case's matter, if its own judge is not."""
    ports: ClassVar[tuple[int, int]] = (500, 4500)
    """The ports that the cast sends from: for IKE, and for IKE behind a NAT."""
    wait_s: ClassVar[float] = 0.0
    """Seconds that the script waits for timers of the target, its silent window not counted."""
    silence: ClassVar[Silence | None] = None
    """What the silent window is for that the script opens by `Watch`; None: it has none."""
    settings: ClassVar[Callable[[Configuration], Configuration] | None] = None
    """How the target is to be configured for this case; None: as it stands."""
    outlasts: ClassVar[Literal["child", "ike"] | None] = None
    """The SA whose hard lifetime the silent window outlasts: of a target that can't be configured, as it was declared."""

    def script(self, alice: Initiator) -> Script:
        """What the cast does, an action at a time."""
        raise NotImplementedError

    def judge(self, trace: Trace) -> Findings:
        """What must have happened, judged from the evidence alone."""
        raise NotImplementedError


_SECTION = re.compile(r"^s(?:_(rfc\d+))?_?(\d[\d_]*?|[a-z])(?:_[a-z].*)?$")


def case_id(suite: str, module: str, class_name: str) -> str:
    """The id `suite/section/name`: `s2_5_versions.UnknownCriticalPayload` in ikev2 is `ikev2/2.5/unknown-critical-payload`.

    A file named `s_<letter>_<words>.py` gives the letter as its section: a group of the specification.
    """
    match = _SECTION.match(PurePath(module).stem)
    if match is None:
        raise ValueError(
            f"{module}: a file of cases is named s<section>_<words>.py or s_<letter>_<words>.py; rename it"
        )
    document, section = match.groups()
    place = section.strip("_").replace("_", ".")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", class_name).lower()
    return f"{suite}/{document + '-' if document else ''}{place}/{words}"
