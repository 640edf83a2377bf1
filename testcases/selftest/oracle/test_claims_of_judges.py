"""`that` and `given`: what broken demands, absent evidence and doubtful silence come to."""

import pytest

from harness.codes import Exchange, NotifyType
from harness.observe import Doubt, Observed
from harness.oracle import claims, conclude, given, heard, that
from harness.record import ClaimName, Finding, Verdict, Weight
from harness.wire import v2

INFO = Exchange.INFORMATIONAL
PROBE = {"comments": ("mark: probe",)}
ABSENT = Observed(None, (3,), "nothing answers frame 3")
UNHEARD = Observed(None, (3,), "nothing answers frame 3", Doubt.NOT_CAPTURED)
UNASKED = Observed(None, (), "no frame is marked 'probe', so nothing was asked", Doubt.NOT_ASKED)
SEALED = Observed(None, (4,), "frame 4 is sealed and its keys are not known", Doubt.NO_KEYS)
SPOILED = Observed(None, (4,), "frame 4 does not open", Doubt.DOES_NOT_OPEN)
THERE = Observed(b"\xc9", (3, 4))


def finding(verdict, weight=Weight.MUST, claim=ClaimName.PROTOCOL, rule="that"):
    """A finding of this verdict."""
    return Finding(rule, verdict, "so it is", (), weight, "", claim)


def test_what_is_there_is_present():
    """Present evidence passes, with its frames."""
    told = that(THERE, "the refusal").is_present()

    assert (told.verdict, told.frames, told.says) == (Verdict.PASS, (3, 4), "the refusal came")


def test_what_is_not_there_fails():
    """Absent evidence fails, and says what was looked at."""
    told = that(ABSENT, "the refusal").is_present()

    assert told.verdict is Verdict.FAIL
    assert told.says == "the refusal never came: nothing answers frame 3"


@pytest.mark.parametrize("doubtful", [UNHEARD, SEALED, UNASKED])
def test_doubtful_absence_decides_nothing(doubtful):
    """Without keys, with a gap, or where nothing was asked, neither presence nor absence is judged."""
    assert that(doubtful, "it").is_present().verdict is Verdict.INCONCLUSIVE
    assert that(doubtful, "it").is_absent().verdict is Verdict.INCONCLUSIVE
    assert that(doubtful, "it").equals(1).verdict is Verdict.INCONCLUSIVE


def test_what_was_not_asked_is_told():
    """That nothing was asked stands in the finding, however deep the judge looked."""
    told = that(UNASKED.find(v2.Notify).data, "the refusal").equals(b"\xc9")

    assert told.says == "the refusal cannot be judged: no frame is marked 'probe', so nothing was asked"


def test_a_message_that_does_not_open_never_came():
    """What does not open with the keys of its SA shows nothing that was wanted, and proves no absence."""
    assert that(SPOILED, "it").is_present().verdict is Verdict.FAIL
    assert that(SPOILED, "it").is_absent().verdict is Verdict.INCONCLUSIVE


def test_absence_can_be_demanded():
    """Certain absence passes `is_absent`, presence fails it."""
    assert that(ABSENT, "it").is_absent().verdict is Verdict.PASS
    assert that(THERE, "it").is_absent().verdict is Verdict.FAIL


def test_values_are_compared():
    """`equals` tells both values, octets in hexadecimal."""
    assert that(THERE, "its data").equals(b"\xc9").verdict is Verdict.PASS
    assert that(THERE, "its data").equals(b"\xca").says == "its data is c9, not ca"


def test_one_of_several_is_enough():
    """`is_one_of` passes for any of the values."""
    assert that(5, "the code").is_one_of(4, 5).verdict is Verdict.PASS
    assert that(6, "the code").is_one_of(4, 5).verdict is Verdict.FAIL


def test_any_predicate_will_do():
    """`satisfies` takes a predicate and the words for it."""
    assert (
        that(THERE, "its data").satisfies(lambda value: len(value) == 1, "is one octet").verdict
        is Verdict.PASS
    )
    assert (
        that(THERE, "its data").satisfies(lambda value: len(value) == 2, "is two octets").verdict
        is Verdict.FAIL
    )


def test_bare_values_are_evidence():
    """A value without frames is judged as well; None is absence."""
    assert that(None, "it").is_present().verdict is Verdict.FAIL
    assert that(0, "it").is_present().verdict is Verdict.PASS


def test_a_broken_premise_decides_nothing():
    """`given` speaks as `that` does, and broken it is INCONCLUSIVE."""
    assert given(ABSENT, "the SA").is_present().verdict is Verdict.INCONCLUSIVE
    assert given(THERE, "the SA").is_present().verdict is Verdict.PASS


def test_nothing_from_the_wire_is_printed_raw():
    """Control characters in evidence are escaped in the words of a finding."""
    assert "\x1b" not in that("\x1b[31mred", "the name").equals("plain").says


def test_payloads_are_found_in_messages(line):
    """`contains` looks into the reply for a payload class and a notify type."""
    line.connects()
    line.asks(INFO, 2, PROBE)
    line.answers(INFO, 2, payloads=(v2.Notify(notify_type=NotifyType.INVALID_SYNTAX),))

    reply = line.trace().reply_to("probe")

    assert that(reply, "the reply").contains(v2.Notify, NotifyType.INVALID_SYNTAX).verdict is Verdict.PASS
    missing = that(reply, "the reply").contains(v2.Notify, NotifyType.INVALID_SPI)
    assert missing.verdict is Verdict.FAIL
    assert "INVALID_SPI (11)" in missing.says


def test_sealed_replies_are_not_judged_by_content(line):
    """A reply that is sealed, with no keys for it, may contain anything."""
    line.connects()
    line.asks(INFO, 2, PROBE)
    line.answers(INFO, 2)

    reply = line.trace().reply_to("probe")

    assert that(reply, "the reply").contains(v2.Notify).verdict is Verdict.INCONCLUSIVE
    assert that(reply.find(v2.Notify), "a notify").is_absent().verdict is Verdict.INCONCLUSIVE


def test_the_worst_finding_decides():
    """FAIL comes before ERROR before INCONCLUSIVE before PASS."""
    rising = [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.FAIL]

    for number, worst in enumerate(rising, 1):
        assert conclude(map(finding, rising[:number])) is worst


def test_a_broken_should_counts_only_strictly():
    """A broken SHOULD is PASS, and FAIL under strict."""
    told = [finding(Verdict.FAIL, Weight.SHOULD)]

    assert conclude(told) is Verdict.PASS
    assert conclude(told, strict=True) is Verdict.FAIL


def test_a_note_never_counts():
    """A NOTE changes no verdict, strict or not."""
    told = [finding(Verdict.PASS), finding(Verdict.FAIL, Weight.NOTE)]

    assert conclude(told, strict=True) is Verdict.PASS


def test_nothing_judged_is_not_applicable():
    """Findings that judge nothing leave NOT_APPLICABLE; no finding at all proves nothing."""
    assert conclude([finding(Verdict.NOT_APPLICABLE)]) is Verdict.NOT_APPLICABLE
    assert conclude([finding(Verdict.NOT_APPLICABLE), finding(Verdict.PASS)]) is Verdict.PASS
    assert conclude([]) is Verdict.INCONCLUSIVE


def test_the_three_claims_stand_side_by_side():
    """Each claim has the verdict of its own findings."""
    told = [
        finding(Verdict.PASS, claim=ClaimName.SAFETY),
        finding(Verdict.FAIL, claim=ClaimName.PROTOCOL),
    ]

    assert claims(told) == {"safety": "PASS", "liveness": "NOT_APPLICABLE", "protocol": "FAIL"}


def test_nothing_is_heard_behind_a_broken_premise():
    """Findings after a premise that does not hold would accuse the target of what was never tried."""
    told = heard(iter([given(ABSENT).is_present(), finding(Verdict.FAIL)]))

    assert [each.verdict for each in told] == [Verdict.INCONCLUSIVE]


def test_all_is_heard_behind_a_premise_that_holds():
    """A premise that holds stands beside what follows."""
    assert len(heard(iter([given(THERE).is_present(), finding(Verdict.FAIL)]))) == 2
