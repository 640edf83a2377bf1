"""INV-01 to INV-05: what a responder must not start, and what looks like a start and is none."""

from harness.codes import Exchange, NotifyType, NotifyTypeV1, ProfileName
from harness.record import ClaimName, Verdict
from harness.wire import v1, v2
from harness.wire.datagram import Endpoint

NONE = bytes(8)
NEW = {"spi_i": b"initiat2", "spi_r": b"respond2"}
INIT, AUTH, CHILD, INFO = (
    Exchange.IKE_SA_INIT,
    Exchange.IKE_AUTH,
    Exchange.CREATE_CHILD_SA,
    Exchange.INFORMATIONAL,
)


def verdicts(findings):
    """The verdicts of findings, in order."""
    return [finding.verdict for finding in findings]


# --- INV-01 ---------------------------------------------------------------------------------------------------------


def test_an_own_ike_sa_init_fails(line, check):
    """An IKE_SA_INIT request of the target fails INV-01, with the frames of it and of its retransmission."""
    line.connects()
    line.starts(INIT, spi_i=b"targets1", spi_r=NONE, flags=0x08)
    line.starts(INIT, spi_i=b"targets1", spi_r=NONE, flags=0x08)

    findings = check("INV-01", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (5, 6)
    assert findings[0].claim is ClaimName.SAFETY


def test_every_request_of_a_maker_fails(line, check):
    """IKE_AUTH, IKE_SESSION_RESUME, IKE_INTERMEDIATE and a lone IKE_FOLLOWUP_KE request fail INV-01, each by name."""
    line.connects()
    for exchange in (AUTH, Exchange.IKE_SESSION_RESUME, Exchange.IKE_INTERMEDIATE, Exchange.IKE_FOLLOWUP_KE):
        line.starts(exchange)

    told = [finding.says for finding in check("INV-01", line)]

    assert len(told) == 4
    assert all(
        name in says for name, says in zip(("AUTH", "RESUME", "INTERMEDIATE", "FOLLOWUP"), told, strict=True)
    )


def test_a_response_without_spi_r_is_an_answer(line, check):
    """Pitfall 3: a response with SPIr zero is a refusal such as COOKIE, no start."""
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT, spi_r=NONE, payloads=(v2.Notify(notify_type=NotifyType.COOKIE, data=b"c" * 8),))

    assert verdicts(check("INV-01", line)) == [Verdict.PASS]


def test_a_follow_up_of_an_allowed_rekey_is_allowed(line, check):
    """Under rekey-ok IKE_FOLLOWUP_KE may continue a CREATE_CHILD_SA of the target's."""
    line.connects()
    line.starts(CHILD)
    line.starts(Exchange.IKE_FOLLOWUP_KE, 1)

    assert verdicts(check("INV-01", line, ProfileName.REKEY_OK)) == [Verdict.PASS]
    assert verdicts(check("INV-01", line)) == [Verdict.FAIL]


def test_a_follow_up_on_an_older_sa_may_continue_what_nobody_saw(foreign, check):
    """Under rekey-ok an IKE_FOLLOWUP_KE on an SA that is older than the capture is no offence, and nothing is proved."""
    foreign.starts(Exchange.IKE_FOLLOWUP_KE, 5)

    assert verdicts(check("INV-01", foreign, ProfileName.REKEY_OK)) == [Verdict.INCONCLUSIVE]
    assert verdicts(check("INV-01", foreign)) == [Verdict.FAIL]


def test_a_two_way_device_may_start(line, check):
    """Under two-way INV-01 does not bind."""
    line.starts(INIT, spi_r=NONE, flags=0x08)

    assert verdicts(check("INV-01", line, ProfileName.TWO_WAY)) == [Verdict.NOT_APPLICABLE]


def test_a_pass_says_how_far_it_reaches(line, check):
    """A PASS of a safety rule names the window, the triggers and the completeness."""
    line.connects()

    says = check("INV-01", line)[0].says

    assert "60.0 s" in says
    assert "boot" in says
    assert "nothing lost" in says


def test_a_start_fails_whatever_is_missing(line, check):
    """A FAIL of INV-01 stands in a capture that lost datagrams."""
    line.drops = 7
    line.starts(INIT, spi_r=NONE, flags=0x08)

    assert verdicts(check("INV-01", line)) == [Verdict.FAIL]


def test_a_gap_takes_the_pass_away(line, check):
    """Nothing follows from silence in a capture that lost datagrams, and the finding says how many."""
    line.drops = 7
    line.connects()

    findings = check("INV-01", line)

    assert verdicts(findings) == [Verdict.INCONCLUSIVE]
    assert "lost 7 datagrams" in findings[0].says


def test_evidence_without_its_end_proves_no_silence(line, check):
    """Without the closing block no standing rule passes."""
    line.connects()
    line.closing = None

    assert verdicts(check("INV-01", line)) == [Verdict.INCONCLUSIVE]


def test_a_script_that_did_not_finish_proves_no_silence(line, check):
    """A closing block that says so is as good as none."""
    line.connects()
    line.closing = {"finished": False, "window_s": 0.0}

    assert verdicts(check("INV-01", line)) == [Verdict.INCONCLUSIVE]


# --- INV-02 ---------------------------------------------------------------------------------------------------------


def test_an_own_create_child_sa_fails(line, check):
    """A CREATE_CHILD_SA request of the target fails INV-02 under strict, without any keys."""
    line.connects()
    number = line.starts(CHILD)

    findings = check("INV-02", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_answering_create_child_sa_is_no_start(line, check):
    """A CREATE_CHILD_SA response is the target's duty."""
    line.connects()
    line.asks(CHILD, 2)
    line.answers(CHILD, 2)

    assert verdicts(check("INV-02", line)) == [Verdict.PASS]


def test_a_liveness_check_with_message_id_0_is_no_start(line, check):
    """Pitfall 1: the target's own first request has Message ID 0 and is legal when it is INFORMATIONAL."""
    line.connects()
    line.starts(INFO, 0)
    line.obeys(INFO, 0)

    assert verdicts(check("INV-01", line)) == [Verdict.PASS]
    assert verdicts(check("INV-02", line)) == [Verdict.PASS]


def test_a_delete_and_traffic_are_no_start(line, check):
    """Pitfalls 5 and 9: a Delete of the target's own, sealed INFORMATIONAL as it is, and ESP start nothing."""
    line.connects()
    line.starts(INFO, 0)
    natt = (Endpoint("192.0.2.2", 4500), Endpoint("192.0.2.1", 4500))
    line.octets(b"", by_target=True, ways=natt)
    line.frames[-1] = line.frames[-1]._replace(
        datagram=line.frames[-1].datagram._replace(data=b"spi1\0\0\0\1 GRE keepalive inside")
    )

    for rule in ("INV-01", "INV-02", "INV-03", "INV-04"):
        assert verdicts(check(rule, line)) == [Verdict.PASS]


def test_a_sealed_rekey_is_undecided_under_rekey_ok(line, check):
    """Without keys nobody tells a rekey, which rekey-ok allows, from a new Child SA, which it does not."""
    line.connects()
    line.starts(CHILD)

    assert verdicts(check("INV-02", line, ProfileName.REKEY_OK)) == [Verdict.INCONCLUSIVE]


def test_p1_only_may_start_any_child(line, check):
    """Under p1-only a CREATE_CHILD_SA of any kind on a peer's IKE SA is allowed."""
    line.connects()
    line.starts(CHILD)

    assert verdicts(check("INV-02", line, ProfileName.P1_ONLY)) == [Verdict.PASS]


def test_an_sa_of_its_own_is_no_ground_for_rekeys(line, check):
    """Rekeys are allowed only on IKE SAs that go back to the peer."""
    line.starts(INIT, spi_r=NONE, flags=0x08)
    line.obeys(INIT, flags=0x20)
    line.starts(CHILD, flags=0x08)

    assert verdicts(check("INV-02", line, ProfileName.P1_ONLY)) == [Verdict.FAIL]


def test_what_is_in_the_clear_is_told_apart(line, check):
    """Readable requests are judged by what they ask for: REKEY_SA passes under rekey-ok, a new Child SA does not."""
    line.connects()
    line.starts(CHILD, 0, payloads=(v2.Notify(notify_type=NotifyType.REKEY_SA, protocol=3, spi=b"spi1"),))
    number = line.starts(CHILD, 1, payloads=(v2.Nonce(bytes(16)),))

    findings = check("INV-02", line, ProfileName.REKEY_OK)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].requirement == "CISCO-RO-40"


def test_a_rekey_does_not_make_an_own_sa_a_peers(line, check):
    """Under rekey-ok the successor of an IKE SA that the target made is as little a ground for rekeys as that one."""
    line.starts(INIT, spi_r=NONE, flags=0x08)
    line.obeys(INIT, flags=0x20)
    line.asks(CHILD, 0, flags=0x00)
    line.answers(CHILD, 0, flags=0x28)
    line.starts(CHILD, 0, spi_i=b"peerspi2", spi_r=b"targets2", flags=0x00)

    assert verdicts(check("INV-02", line, ProfileName.REKEY_OK)) == [Verdict.FAIL]


# --- INV-03 ---------------------------------------------------------------------------------------------------------


def test_the_initiator_flag_on_a_peers_sa_fails(line, check):
    """I=1 of the target on an SA that its peer made by IKE_SA_INIT fails INV-03."""
    line.connects()
    line.asks(INFO, 2)
    number = line.answers(INFO, 2, flags=0x28)

    findings = check("INV-03", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_the_initiator_flag_after_a_peers_rekey_fails_in_every_profile(line, check):
    """After the peer rekeyed the IKE SA the peer is its initiator, whatever the target may start."""
    line.connects()
    line.asks(CHILD, 2)
    line.answers(CHILD, 2)
    line.asks(INFO, 0, **NEW)
    line.answers(INFO, 0, flags=0x28, **NEW)

    for profile in (ProfileName.STRICT, ProfileName.REKEY_OK, ProfileName.P1_ONLY):
        assert verdicts(check("INV-03", line, profile)) == [Verdict.FAIL]


def test_the_role_flips_with_an_allowed_rekey(line, check):
    """After a rekey of its own the target is the initiator: right under rekey-ok, and its answers carry I=1, R=1."""
    line.connects()
    line.starts(CHILD, 0)
    line.obeys(CHILD, 0)
    line.asks(INFO, 0, flags=0x00, **NEW)
    line.answers(INFO, 0, flags=0x28, **NEW)
    line.starts(INFO, 0, flags=0x08, **NEW)

    assert verdicts(check("INV-03", line, ProfileName.REKEY_OK)) == [Verdict.PASS]
    assert verdicts(check("INV-03", line)) == [Verdict.FAIL]


def test_an_sa_of_its_own_has_the_wrong_initiator(line, check):
    """An SA that the target made by IKE_SA_INIT fails INV-03 also where it may rekey."""
    number = line.starts(INIT, spi_r=NONE, flags=0x08)
    line.obeys(INIT, flags=0x20)
    again = line.starts(INFO, 1, flags=0x08)

    findings = check("INV-03", line, ProfileName.REKEY_OK)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number, again)


def test_an_answer_in_the_clear_is_no_refusal(line, check):
    """An IKE_SA_INIT answer with I=1 lies within the making of an SA, and is not exempt."""
    line.asks(INIT, spi_r=NONE)
    line.answers(INIT, flags=0x28)

    assert verdicts(check("INV-03", line)) == [Verdict.FAIL]


def test_the_initiator_of_an_older_sa_is_undecided(line, check):
    """On a pair that the capture did not see made, I=1 of the target proves nothing: it may have been let make it."""
    line.starts(INFO, 5, flags=0x08)

    findings = check("INV-03", line)

    assert verdicts(findings) == [Verdict.INCONCLUSIVE]
    assert "older than what was observed" in findings[0].says


def test_a_pair_with_high_message_ids_is_no_child_of_a_rekey(line, check):
    """A pair whose first Message ID is not 0 is older than the CREATE_CHILD_SA before it."""
    line.connects()
    line.starts(CHILD, 0)
    line.obeys(CHILD, 0)
    line.starts(INFO, 9, flags=0x08, **NEW)

    assert verdicts(check("INV-03", line, ProfileName.REKEY_OK)) == [Verdict.INCONCLUSIVE]


def test_a_pair_long_after_a_rekey_is_not_its_child(line, check):
    """More than a minute after the CREATE_CHILD_SA a new pair is not taken for its child."""
    line.connects()
    line.starts(CHILD, 0)
    line.obeys(CHILD, 0)
    line.starts(INFO, 0, {"after": 61.0}, flags=0x08, **NEW)

    assert verdicts(check("INV-03", line)) == [Verdict.INCONCLUSIVE]


def test_a_one_way_invalid_spi_is_legal(line, check):
    """Pitfall 2: an unprotected INVALID_SPI report has I=1 and R=0 and belongs to no SA."""
    report = (v2.Notify(notify_type=NotifyType.INVALID_SPI, data=b"spi1"),)
    line.connects()
    line.starts(INFO, spi_i=NONE, spi_r=NONE, flags=0x08, payloads=report)
    line.starts(INFO, spi_i=b"random01", spi_r=b"random02", flags=0x08, payloads=report)

    assert verdicts(check("INV-03", line)) == [Verdict.PASS]


def test_unprotected_refusals_may_have_any_role(line, check):
    """INVALID_IKE_SPI and INVALID_MAJOR_VERSION outside an SA are exempt: the RFC fixes R, not I."""
    line.connects()
    for message_id, refusal in enumerate((NotifyType.INVALID_IKE_SPI, NotifyType.INVALID_MAJOR_VERSION), 2):
        line.asks(INFO, message_id, flags=0x00)
        line.answers(INFO, message_id, flags=0x28, payloads=(v2.Notify(notify_type=refusal),))

    assert verdicts(check("INV-03", line)) == [Verdict.PASS]


def test_flags_of_version_1_are_no_roles(line, check):
    """Bits 0x08 and 0x20 mean nothing in version 1."""
    line.main_mode()
    line.octets(
        b"initiat1respond1" + bytes((8, 0x10, 5, 0x29)) + bytes(4) + (60).to_bytes(4, "big") + bytes(32),
        by_target=True,
    )

    assert verdicts(check("INV-03", line)) == [Verdict.PASS]


# --- INV-04 ---------------------------------------------------------------------------------------------------------


def test_an_own_main_mode_fails(line, check):
    """A Main Mode message of the target with a responder cookie of zero fails INV-04."""
    line.main_mode()
    number = line.v1(2, b"", by_target=True, cookies=(b"targets1", NONE), clear=(v1.SecurityAssociation(),))

    findings = check("INV-04", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)
    assert findings[0].requirement == "CISCO-RO-01"


def test_an_own_aggressive_mode_fails_under_rekey_ok_too(line, check):
    """Renewing phase 1 is an initiation on the wire: rekey-ok and p1-only do not allow it."""
    line.v1(4, b"", by_target=True, cookies=(b"targets1", NONE), clear=(v1.SecurityAssociation(),))

    for profile in (ProfileName.REKEY_OK, ProfileName.P1_ONLY):
        findings = check("INV-04", line, profile)
        assert verdicts(findings) == [Verdict.FAIL]
        assert findings[0].requirement == "CISCO-RO-02"


def test_a_clear_notify_with_a_zero_cookie_starts_nothing(line, check):
    """An Informational refusal of phase 1 may carry a responder cookie of zero."""
    line.v1(2, b"", cookies=(b"initiat1", NONE), clear=(v1.SecurityAssociation(),))
    refusal = v1.Notify(notify_type=NotifyTypeV1.NO_PROPOSAL_CHOSEN)
    line.v1(5, b"", by_target=True, cookies=(b"initiat1", NONE), clear=(refusal,))

    assert verdicts(check("INV-04", line)) == [Verdict.PASS]


def test_an_answer_with_a_zero_cookie_is_a_fault_but_no_start(line, check):
    """An answer under the peer's cookie with a zero one of its own breaks protocol, not safety."""
    line.v1(2, b"", cookies=(b"initiat1", NONE), clear=(v1.SecurityAssociation(),))
    line.v1(2, b"", by_target=True, cookies=(b"initiat1", NONE), clear=(v1.SecurityAssociation(),))

    findings = check("INV-04", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].claim is ClaimName.PROTOCOL


def test_main_mode_answers_and_their_retransmission_are_no_start(line, check):
    """Pitfall 4: in version 1 the answerer may send its last message again on its own timer."""
    line.main_mode()
    line.v1(2, b"MM6", by_target=True)

    assert verdicts(check("INV-04", line)) == [Verdict.PASS]
    assert verdicts(check("INV-05", line)) == [Verdict.PASS]


# --- INV-05 ---------------------------------------------------------------------------------------------------------


def test_speaking_first_in_quick_mode_fails(line, check):
    """A Quick Mode whose Message ID the target is the first to use fails INV-05; its third message is not counted."""
    line.main_mode()
    number = line.v1(32, b"QM1", by_target=True, message_id=7)
    line.v1(32, b"QM2", message_id=7)
    line.v1(32, b"QM3", by_target=True, message_id=7)

    findings = check("INV-05", line)

    assert verdicts(findings) == [Verdict.FAIL]
    assert findings[0].frames == (number,)


def test_answering_quick_mode_passes(line, check):
    """Quick Modes of the peer, also several at once, pass INV-05."""
    line.main_mode()
    line.v1(32, b"QM1 a", message_id=7)
    line.v1(32, b"QM1 b", message_id=8)
    line.v1(32, b"QM2 b", by_target=True, message_id=8)
    line.v1(32, b"QM2 a", by_target=True, message_id=7)

    assert verdicts(check("INV-05", line)) == [Verdict.PASS]


def test_an_sa_without_its_phase_1_is_undecided(foreign, check):
    """A late capture turns answers round: without phase 1 a first message of the target proves nothing."""
    foreign.v1(32, b"QM2", by_target=True, message_id=7)

    findings = check("INV-05", foreign)

    assert verdicts(findings) == [Verdict.INCONCLUSIVE]
    assert "phase 1" in findings[0].says


def test_a_gap_makes_a_quick_mode_undecided(line, check):
    """Where datagrams were lost the peer's first message may have been among them."""
    line.main_mode()
    line.v1(32, b"QM1", by_target=True, message_id=7)
    line.drops = 1

    assert verdicts(check("INV-05", line)) == [Verdict.INCONCLUSIVE]


def test_renewing_a_quick_mode_is_allowed_under_rekey_ok(line, check):
    """A Quick Mode of the target after one of its peer's is a rekey; before any it is a first one."""
    line.main_mode()
    line.v1(32, b"QM1", message_id=7)
    line.v1(32, b"QM2", by_target=True, message_id=7)
    line.v1(32, b"QM1 renewed", by_target=True, message_id=9)

    assert verdicts(check("INV-05", line, ProfileName.REKEY_OK)) == [Verdict.PASS]
    assert verdicts(check("INV-05", line)) == [Verdict.FAIL]


def test_a_quick_mode_of_one_peer_is_none_of_another(line, check):
    """Under rekey-ok the Quick Mode of one peer lets the target renew nothing towards another one."""
    line.main_mode()
    line.v1(32, b"QM1", message_id=7)
    other = (Endpoint("192.0.2.3", 500), Endpoint("192.0.2.1", 500))
    cookies = (b"initiat2", b"respond2")
    line.v1(2, b"", cookies=(b"initiat2", NONE), clear=(v1.SecurityAssociation(),), ways=other)
    line.v1(32, b"QM1 of its own", by_target=True, message_id=9, cookies=cookies, ways=other)

    assert verdicts(check("INV-05", line, ProfileName.REKEY_OK)) == [Verdict.FAIL]


def test_a_first_quick_mode_is_none_of_rekey_ok(line, check):
    """Under rekey-ok the target may renew, not begin; under p1-only it may begin."""
    line.main_mode()
    line.v1(32, b"QM1", by_target=True, message_id=7)

    assert verdicts(check("INV-05", line, ProfileName.REKEY_OK)) == [Verdict.FAIL]
    assert verdicts(check("INV-05", line, ProfileName.P1_ONLY)) == [Verdict.PASS]


def test_new_group_mode_is_nobodys_to_start(line, check):
    """New Group Mode begun by the target fails also where Quick Mode is allowed."""
    line.main_mode()
    line.v1(33, b"NGM1", by_target=True, message_id=7)

    assert verdicts(check("INV-05", line, ProfileName.P1_ONLY)) == [Verdict.FAIL]


def test_gdoi_on_port_848_is_no_quick_mode(foreign, check):
    """Types 32 and 33 on port 848 are GDOI's, and no business of these rules."""
    gdoi = (Endpoint("192.0.2.2", 848), Endpoint("192.0.2.1", 848))
    foreign.v1(32, b"PULL", by_target=True, message_id=7, ways=gdoi)

    assert verdicts(check("INV-05", foreign)) == [Verdict.NOT_APPLICABLE]
