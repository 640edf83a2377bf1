"""INV-07 to INV-10 and INV-16: how a responder answers, and what looks like a fault and is none."""

import pytest

from harness.codes import Exchange, NotifyType, NotifyTypeV1, ProfileName
from harness.record import ClaimName, Verdict, Weight
from harness.sa import v2 as sa
from harness.sa.secrets import to_evidence
from harness.wire import Message, v1, v2
from harness.wire.datagram import Endpoint

NONE = bytes(8)
INIT, AUTH, CHILD, INFO = (
    Exchange.IKE_SA_INIT,
    Exchange.IKE_AUTH,
    Exchange.CREATE_CHILD_SA,
    Exchange.INFORMATIONAL,
)
FULL = (v2.SecurityAssociation(()), v2.KeyExchange(14, b"\1" * 256), v2.Nonce(b"n" * 32))


def verdicts(findings):
    """The verdicts of findings, in order."""
    return [finding.verdict for finding in findings]


def fragment(number, total, data=b"piece"):
    """An SKF payload."""
    return (v2.EncryptedFragment(number, total, data),)


# --- INV-07 ---------------------------------------------------------------------------------------------------------


def test_answers_to_requests_pass(line, check):
    """The IKE_SA_INIT answer names an SPIr that its request could not know, and answers it all the same."""
    line.connects()

    assert verdicts(check("INV-07", line)) == [Verdict.PASS]


def test_an_answer_to_nothing_fails(line, check):
    """A response whose Message ID nobody asked under fails INV-07."""
    line.connects()
    number = line.answers(INFO, 2)

    findings = check("INV-07", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].claim is ClaimName.PROTOCOL


def test_an_answer_of_another_exchange_type_fails(line, check):
    """IKE_AUTH answered as INFORMATIONAL fails, and the finding names both frames."""
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT)
    asked = line.asks(AUTH, 1)
    number = line.answers(INFO, 1)

    findings = check("INV-07", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert f"frame {asked}" in findings[0].says
    assert f"frame {number}" in findings[0].says


def test_an_answer_to_a_response_fails(line, check):
    """What is marked as a response is never answered."""
    line.connects()
    line.obeys(INFO, 5)
    line.answers(INFO, 5)

    findings = check("INV-07", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].requirement == "RFC7296-2.21.4-02"


def test_a_second_answer_fails_at_the_targets_end(line, check):
    """Where the tap stands at the target's end nothing can have doubled the answer."""
    line.connects()
    line.asks(INFO, 2)
    line.answers(INFO, 2)
    number = line.answers(INFO, 2, {"after": 0.001})

    findings = check("INV-07", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_an_answer_per_copy_is_right(line, check):
    """Each copy of a request may have its answer."""
    line.connects()
    for _ in range(3):
        line.asks(INFO, 2)
        line.answers(INFO, 2)

    assert verdicts(check("INV-07", line)) == [Verdict.PASS]


def test_a_late_answer_is_not_unprompted(line, check):
    """An answer minutes after its request still answers it."""
    line.connects()
    line.asks(INFO, 2)
    line.answers(INFO, 2, {"after": 300.0})

    assert verdicts(check("INV-07", line)) == [Verdict.PASS]


def test_answers_doubled_on_the_path_are_noted(foreign, check):
    """The same IP datagram twice is the path's doing, however late."""
    foreign.connects()
    foreign.asks(INFO, 2)
    foreign.answers(INFO, 2, {"ip_id": 77})
    foreign.answers(INFO, 2, {"ip_id": 77, "after": 0.2})

    findings = check("INV-07", foreign)

    assert [(finding.verdict, finding.weight) for finding in findings] == [
        (Verdict.INCONCLUSIVE, Weight.NOTE),
        (Verdict.PASS, Weight.MUST),
    ]


def test_an_answer_close_behind_its_twin_is_noted(foreign, check):
    """Less than 100 ms after its twin a datagram of its own may still be a copy of the request's making."""
    foreign.connects()
    foreign.asks(INFO, 2)
    foreign.answers(INFO, 2)
    foreign.answers(INFO, 2, {"after": 0.05})

    assert Verdict.FAIL not in verdicts(check("INV-07", foreign))


def test_a_late_second_datagram_fails_anywhere(foreign, check):
    """A surplus answer with an IP Identification of its own, 100 ms after its twin or more, fails."""
    foreign.connects()
    foreign.asks(INFO, 2)
    foreign.answers(INFO, 2)
    number = foreign.answers(INFO, 2, {"after": 0.5})

    findings = check("INV-07", foreign)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_fragments_are_one_answer(line, check):
    """Three fragments answer one request once."""
    line.connects()
    line.asks(CHILD, 2)
    for number in (1, 2, 3):
        line.answers(CHILD, 2, payloads=fragment(number, 3))

    assert verdicts(check("INV-07", line)) == [Verdict.PASS]


def test_of_a_fragmented_request_fragment_1_counts(line, check):
    """A request of two fragments is one copy: a second answer to it is one too many."""
    line.connects()
    line.asks(CHILD, 2, payloads=fragment(1, 2))
    line.asks(CHILD, 2, payloads=fragment(2, 2))
    line.answers(CHILD, 2)
    number = line.answers(CHILD, 2)

    findings = check("INV-07", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_a_cookie_round_is_two_requests(line, check):
    """IKE_SA_INIT with and without COOKIE share SPIi and Message ID, and have an answer each."""
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT, spi_r=NONE, payloads=(v2.Notify(notify_type=NotifyType.COOKIE, data=b"c" * 8),))
    line.asks(INIT, spi_r=NONE, payloads=(v2.Notify(notify_type=NotifyType.COOKIE, data=b"c" * 8), *FULL))
    line.answers(INIT)

    assert verdicts(check("INV-07", line)) == [Verdict.PASS]


def test_two_half_open_sas_of_one_spi_i_answer_each_for_itself(line, check):
    """A repeated IKE_SA_INIT may make a second SA; both go on with Message ID 1."""
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT)
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT, spi_r=b"respond2")
    for spi_r in (b"respond1", b"respond2"):
        line.asks(AUTH, 1, spi_r=spi_r)
        line.answers(AUTH, 1, spi_r=spi_r)

    assert verdicts(check("INV-07", line)) == [Verdict.PASS]


def test_whatever_has_a_header_can_be_answered(line, check):
    """A malformed request, cut short behind its header, is a request that an answer may belong to."""
    line.connects()
    line.octets(
        b"initiat1respond1" + bytes((46, 0x20, 37, 0x08)) + (2).to_bytes(4, "big") + b"\0\0\0\xff\0",
        by_target=False,
    )
    line.answers(INFO, 2)

    assert verdicts(check("INV-07", line)) == [Verdict.PASS]


def test_an_answer_in_a_capture_with_holes_is_undecided(line, check):
    """A lost datagram may have been the request."""
    line.connects()
    line.answers(INFO, 2)
    line.drops = 1

    assert verdicts(check("INV-07", line)) == [Verdict.INCONCLUSIVE]


# --- INV-08 ---------------------------------------------------------------------------------------------------------


def test_the_same_again_passes(line, check):
    """A repeated request that gets the same octets passes INV-08."""
    line.connects()
    for _ in range(2):
        line.asks(INFO, 2)
        line.answers(INFO, 2)

    assert verdicts(check("INV-08", line)) == [Verdict.PASS]


def test_other_octets_fail(line, check):
    """A repeated request that gets another answer within the SA fails, and both answers are named."""
    line.connects()
    line.asks(INFO, 2)
    first = line.answers(INFO, 2)
    line.asks(INFO, 2)
    again = line.answers(INFO, 2, payloads=(v2.Encrypted(b"sealed anew, other octets!"),))

    findings = check("INV-08", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (first, again)


def test_other_requests_may_get_other_answers(line, check):
    """Pitfall 6: a peer that repeats a request with changed octets makes no INV-08 failure."""
    line.connects()
    line.asks(INFO, 2)
    line.answers(INFO, 2)
    line.asks(INFO, 2, payloads=(v2.Encrypted(b"not the same request at all"),))
    line.answers(INFO, 2, payloads=(v2.Encrypted(b"nor the same answer, rightly"),))

    assert verdicts(check("INV-08", line)) == [Verdict.NOT_APPLICABLE]


def test_cookies_may_differ(line, check):
    """Pitfall 13: a COOKIE answer keeps no state, so first a COOKIE, then another, then a full answer is legal."""
    for data in (b"c" * 8, b"d" * 8):
        line.asks(INIT, spi_r=NONE)
        line.answers(INIT, spi_r=NONE, payloads=(v2.Notify(notify_type=NotifyType.COOKIE, data=data),))
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT, payloads=FULL)

    assert Verdict.FAIL not in verdicts(check("INV-08", line))


@pytest.mark.parametrize("refusal", [NotifyType.INVALID_KE_PAYLOAD, NotifyType.NO_PROPOSAL_CHOSEN])
def test_refusals_with_an_spi_r_may_differ(line, check, refusal):
    """Refusals of IKE_SA_INIT keep no state even when they name an SPIr."""
    for data in (b"\0\x0e", b"\0\x13"):
        line.asks(INIT, spi_r=NONE)
        line.answers(INIT, payloads=(v2.Notify(notify_type=refusal, data=data),))

    assert verdicts(check("INV-08", line)) == [Verdict.NOT_APPLICABLE]


def test_a_half_open_sa_answers_the_same(line, check):
    """Full answers to IKE_SA_INIT under one SPIr must be the same."""
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT, payloads=FULL)
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT, payloads=(*FULL[:2], v2.Nonce(b"m" * 32)))

    assert verdicts(check("INV-08", line)) == [Verdict.FAIL]


def test_an_answer_without_spi_r_makes_no_sa(line, check):
    """Full answers under SPIr zero are no half-open SA that could be compared."""
    for nonce in (b"m" * 32, b"n" * 32):
        line.asks(INIT, spi_r=NONE)
        line.answers(INIT, spi_r=NONE, payloads=(*FULL[:2], v2.Nonce(nonce)))

    assert verdicts(check("INV-08", line)) == [Verdict.NOT_APPLICABLE]


def test_a_new_half_open_sa_answers_afresh(line, check):
    """Another SPIr is another SA: the first one was gone."""
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT, payloads=FULL)
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT, spi_r=b"respond2", payloads=(*FULL[:2], v2.Nonce(b"m" * 32)))

    assert Verdict.FAIL not in verdicts(check("INV-08", line))


def test_unprotected_notifies_may_differ(line, check):
    """Unprotected refusals on the SPIs of an SA keep no state."""
    for token in (b"a", b"b"):
        line.asks(INFO, 2)
        line.answers(INFO, 2, payloads=(v2.Notify(notify_type=NotifyType.INVALID_IKE_SPI, data=token),))

    assert verdicts(check("INV-08", line)) == [Verdict.NOT_APPLICABLE]


def test_fragments_are_compared_by_number(line, check):
    """Fragment 2 sent again with other octets fails; different fragments of one answer do not."""
    line.connects()
    line.asks(CHILD, 2)
    line.answers(CHILD, 2, payloads=fragment(1, 2, b"one"))
    line.answers(CHILD, 2, payloads=fragment(2, 2, b"two"))
    line.asks(CHILD, 2)
    line.answers(CHILD, 2, payloads=fragment(1, 2, b"one"))
    number = line.answers(CHILD, 2, payloads=fragment(2, 2, b"TWO"))

    findings = check("INV-08", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames[1] == number


def test_another_cut_is_no_other_answer(line, check):
    """An answer cut into three pieces instead of two is not compared without keys."""
    line.connects()
    for total in (2, 3):
        line.asks(CHILD, 2)
        for number in range(1, total + 1):
            line.answers(CHILD, 2, payloads=fragment(number, total, b"%d of %d" % (number, total)))

    assert Verdict.FAIL not in verdicts(check("INV-08", line))


# --- INV-09 ---------------------------------------------------------------------------------------------------------


def test_an_answer_from_another_port_fails(line, check):
    """A request to port 500 answered from port 4500 fails INV-09."""
    line.connects()
    line.asks(INFO, 2)
    number = line.answers(INFO, 2, {"ways": (Endpoint("192.0.2.2", 500), Endpoint("192.0.2.1", 4500))})

    findings = check("INV-09", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].requirement == "RFC7296-2.11-03"


def test_an_answer_to_another_port_fails(line, check):
    """An answer sent to 500 although the request came from a translated port fails."""
    translated = (Endpoint("192.0.2.2", 60032), Endpoint("192.0.2.1", 500))
    line.asks(INIT, 0, {"ways": translated}, spi_r=NONE)
    line.answers(INIT)

    findings = check("INV-09", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].requirement == "RFC7296-2.11-02"


def test_any_copy_gives_the_way(line, check):
    """A request repeated from another port may be answered there or where it first came from."""
    moved = (Endpoint("192.0.2.2", 60032), Endpoint("192.0.2.1", 500))
    line.asks(INIT, spi_r=NONE)
    line.asks(INIT, 0, {"ways": moved}, spi_r=NONE)
    line.answers(INIT)
    line.answers(INIT, 0, {"ways": moved})

    assert verdicts(check("INV-09", line)) == [Verdict.PASS]


def test_an_own_request_may_choose_its_way(line, check):
    """INV-09 speaks of answers: a liveness check goes where the target knows its peer."""
    line.connects()
    line.starts(INFO, 0, {"ways": (Endpoint("192.0.2.2", 4500), Endpoint("192.0.2.1", 4500))})

    assert verdicts(check("INV-09", line)) == [Verdict.PASS]


def test_version_1_moves_to_4500(line, check):
    """In the middle of phase 1 the peer moves to port 4500; answers on either way of its passed, others not."""
    moved = (Endpoint("192.0.2.2", 4500), Endpoint("192.0.2.1", 4500))
    line.main_mode()
    line.v1(32, b"QM1", message_id=7, ways=moved)
    line.v1(32, b"QM2", by_target=True, message_id=7, ways=moved)

    assert verdicts(check("INV-09", line)) == [Verdict.PASS]

    line.v1(5, b"DPD", by_target=True, message_id=8, ways=(Endpoint("192.0.2.2", 4501), moved[1]))

    assert verdicts(check("INV-09", line)) == [Verdict.FAIL]


def test_an_answer_of_a_stranger_address_is_noted(foreign, check):
    """A response from an address that is not named as the target's is told: a twin node, or the wrong source."""
    foreign.connects()
    foreign.asks(INFO, 2)
    foreign.answers(INFO, 2, {"ways": (Endpoint("192.0.2.2", 500), Endpoint("192.0.2.99", 500))})

    findings = check("INV-09", foreign)

    assert [finding.weight for finding in findings if finding.frames == (6,)] == [Weight.NOTE]
    assert Verdict.FAIL not in verdicts(findings)


# --- INV-10 ---------------------------------------------------------------------------------------------------------


def asked_three_times(line, message_id=2, comments=("due",)):
    """A request at 0, 0.5 and 1.5 s, as peers repeat it; the frames."""
    moments = (0.1, 0.5, 1.0)
    return tuple(line.asks(INFO, message_id, {"comments": comments, "after": after}) for after in moments)


def control(line, answered=True):
    """A stranger's first message at the end."""
    line.asks(INIT, 0, {"comments": ("mark: control", "due"), "after": 10.0}, spi_i=b"stranger", spi_r=NONE)
    if answered:
        line.answers(INIT, spi_i=b"stranger", spi_r=b"respond9")


def test_a_due_request_without_answer_fails(line, check):
    """A request that its script calls due, sent three times and waited for, fails INV-10 unanswered."""
    line.connects()
    frames = asked_three_times(line)
    control(line)

    findings = check("INV-10", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == frames
    assert findings[0].claim is ClaimName.LIVENESS


def test_an_answered_due_request_passes(line, check):
    """A due request with an answer passes INV-10."""
    line.connects()
    asked_three_times(line)
    line.answers(INFO, 2)
    control(line)

    assert verdicts(check("INV-10", line)) == [Verdict.PASS]


def test_hostile_requests_claim_no_answer(line, check):
    """Silence upon a request that its script calls hostile is no fault."""
    line.connects()
    asked_three_times(line, comments=("hostile", "due"))
    control(line)

    assert verdicts(check("INV-10", line)) == [Verdict.NOT_APPLICABLE]


def test_the_last_seconds_are_left_out(line, check):
    """A request shortly before the end of the capture may still have been answered."""
    line.closing = {"finished": True}
    line.connects()
    asked_three_times(line)

    assert Verdict.FAIL not in verdicts(check("INV-10", line))


def test_one_copy_on_a_path_may_have_been_lost(line, check):
    """Off the target's end a request that was sent once may never have arrived."""
    line.opening = {"format": 1, "link": "udp"}
    line.connects()
    line.asks(INFO, 2, {"comments": ("due",)})
    control(line)

    assert Verdict.FAIL not in verdicts(check("INV-10", line))


def test_one_copy_at_the_targets_end_did_arrive(line, check):
    """Where the tap stands at the target's end one copy and five seconds are enough."""
    line.connects()
    line.asks(INFO, 2, {"comments": ("due",)})
    control(line)

    assert verdicts(check("INV-10", line)) == [Verdict.FAIL]


@pytest.mark.parametrize(("came", "verdict"), [((1, 2), Verdict.FAIL), ((1,), Verdict.NOT_APPLICABLE)])
def test_a_request_in_fragments_is_due_once_all_came(line, check, came, verdict):
    """Silence upon two fragments of two fails INV-10; upon one of two it is what RFC 7383 section 2.6 wants."""
    line.connects()
    for number in came:
        line.asks(INFO, 2, {"comments": ("due",)}, payloads=fragment(number, 2))
    control(line)

    assert verdicts(check("INV-10", line)) == [verdict]


def test_a_dead_target_fails_both(line, check):
    """Where the control exchange is silent too, INV-10 and INV-16 both fail."""
    line.connects()
    asked_three_times(line)
    control(line, answered=False)

    assert verdicts(check("INV-10", line)) == [Verdict.FAIL]
    assert verdicts(check("INV-16", line)) == [Verdict.FAIL]


def test_without_marks_silence_is_a_remark(foreign, check):
    """In a foreign capture nobody says which request was valid."""
    foreign.connects()
    asked_three_times(foreign, comments=())
    foreign.asks(INFO, 3, {"after": 20.0})
    foreign.answers(INFO, 3)

    findings = check("INV-10", foreign)

    assert [(finding.verdict, finding.weight) for finding in findings] == [
        (Verdict.INCONCLUSIVE, Weight.NOTE)
    ]


def test_the_third_quick_mode_message_has_no_answer(line, check):
    """Version 1 answers the first message of Quick Mode, not the third, whatever a script marks as due."""
    line.main_mode()
    for text, by_target in ((b"QM1", False), (b"QM2", True), (b"QM3", False)):
        line.v1(32, text, by_target=by_target, message_id=7, comments=() if by_target else ("due",))
    control(line)

    assert verdicts(check("INV-10", line)) == [Verdict.PASS]


def test_a_refusal_answers_quick_mode(line, check):
    """An Informational refusal answers a Quick Mode, though under a Message ID of its own."""
    line.main_mode()
    line.v1(32, b"QM1", message_id=7, comments=("due",))
    line.v1(5, b"NO-PROPOSAL-CHOSEN", by_target=True, message_id=8)
    control(line)

    assert verdicts(check("INV-10", line)) == [Verdict.PASS]


def test_an_unanswered_main_mode_fails(line, check):
    """The first message of Main Mode is due an answer under CISCO-RO-06."""
    for after in (0.1, 0.5, 1.0):
        line.v1(
            2,
            b"",
            cookies=(b"initiat1", NONE),
            clear=(v1.SecurityAssociation(),),
            comments=("due",),
            after=after,
        )
    control(line)

    findings = check("INV-10", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].requirement == "CISCO-RO-06"


def test_a_clear_refusal_answers_main_mode(line, check):
    """A clear notify under the peer's cookie answers Main Mode."""
    line.v1(2, b"", cookies=(b"initiat1", NONE), clear=(v1.SecurityAssociation(),), comments=("due",))
    refusal = v1.Notify(notify_type=NotifyTypeV1.NO_PROPOSAL_CHOSEN)
    line.v1(5, b"", by_target=True, cookies=(b"initiat1", NONE), clear=(refusal,), message_id=9)
    control(line)

    assert verdicts(check("INV-10", line)) == [Verdict.PASS]


def test_a_dropped_sa_may_be_silent(line, check):
    """Pitfall 10: after INVALID_SYNTAX both ends drop the SA, and later silence is right."""
    suite = sa.Suite(encr=20, key_bits=256, integ=0, prf=5, group=31)
    keys = sa.ike_keys(suite, b"initiat1", b"respond1", b"i" * 32, b"r" * 32, b"shared")
    line.secrets = (to_evidence(keys),)
    line.connects()
    line.asks(INFO, 2, {"comments": ("hostile",)})
    refusal = Message(b"initiat1", b"respond1", INFO, 0x20, 2)
    notify = v2.Notify(notify_type=NotifyType.INVALID_SYNTAX)
    line.octets(sa.seal(refusal, keys, by_initiator=False, iv=bytes(8), inner=(notify,)), by_target=True)
    asked_three_times(line, 3)
    control(line)

    assert verdicts(check("INV-10", line)) == [Verdict.NOT_APPLICABLE]


def test_a_flood_of_faults_is_told_in_a_few_lines(line, check):
    """Of a hundred unasked answers the first are told singly and the rest together, with every frame."""
    line.connects()
    numbers = [line.answers(INFO, message_id) for message_id in range(2, 102)]

    findings = check("INV-07", line)

    assert len(findings) < 12
    assert sorted(frame for finding in findings for frame in finding.frames) == numbers


# --- INV-16 ---------------------------------------------------------------------------------------------------------


def test_any_answer_shows_life(line, check):
    """Whatever answers the stranger, a COOKIE too, shows that the target lives."""
    line.connects()
    control(line, answered=False)
    line.answers(
        INIT,
        spi_i=b"stranger",
        spi_r=NONE,
        payloads=(v2.Notify(notify_type=NotifyType.COOKIE, data=b"c" * 8),),
    )

    assert verdicts(check("INV-16", line)) == [Verdict.PASS]


def test_no_control_no_judgement(line, check):
    """Evidence without a control exchange is not judged by INV-16."""
    line.connects()

    assert verdicts(check("INV-16", line)) == [Verdict.NOT_APPLICABLE]


def test_a_crash_is_told(line, check):
    """A crash that the target's adapter saw fails INV-16, with how it ended."""
    line.connects()
    line.closing = {"finished": True, "observations": [{"t": 3.0, "what": "crash", "value": "signal 11"}]}

    findings = check("INV-16", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert "signal 11" in findings[0].says


def test_a_dead_target_fails_in_every_profile(line, check):
    """A two-way device has to live as well."""
    control(line, answered=False)

    assert verdicts(check("INV-16", line, ProfileName.TWO_WAY)) == [Verdict.FAIL]
