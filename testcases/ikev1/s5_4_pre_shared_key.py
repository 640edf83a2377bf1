"""RFC 2409 section 5.4: Main Mode and Aggressive Mode with a pre-shared key, and who is refused in them."""

from dataclasses import replace as with_fields

from harness.case import Case, Findings, Initiator, Note, Observed, Script, Seen, Trace, given, that
from harness.codes import Exchange
from harness.profile import Identity
from harness.wire import Message, replace, v1

SILENCE_S = 2.0
"""How long an answer is waited for that must not come."""


class MainMode(Case):
    """Main Mode and Quick Mode with a pre-shared key bring up an ISAKMP SA and IPsec SAs."""

    requirements = ("CISCO-RO-06", "RFC2409-5.4-02", "RFC2409-5-13", "RFC2409-5.5-03")
    deviants = ("v1-leaves-its-identity-out",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("A12",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1(mark="first")
        yield alice.main_mode_3(mark="third")
        yield alice.main_mode_5(mark="fifth")
        yield from alice.quick_mode(mark="quick")

    def judge(self, trace: Trace) -> Findings:
        wanted = {
            "first": {v1.SecurityAssociation: "the transform chosen"},
            "third": {v1.KeyExchange: "the responder's public value", v1.Nonce: "its nonce"},
            "fifth": {v1.Identification: "the responder's identity", v1.Hash: "HASH_R"},
            "quick": {v1.Hash: "HASH(2)", v1.SecurityAssociation: "the IPsec SA accepted", v1.Nonce: "Nr"},
        }
        for mark, payloads in wanted.items():
            yield given(trace.marked(mark), f"the initiator's {mark} message").is_present()
            for kind, words in payloads.items():
                yield that(trace.reply_to(mark).find(kind), words).is_present()
            if not all(trace.reply_to(mark).find(kind).present for kind in payloads):
                return


class AggressiveMode(Case):
    """Aggressive Mode and Quick Mode with a pre-shared key bring up an ISAKMP SA and IPsec SAs."""

    requirements = ("CISCO-RO-06", "RFC2409-5.4-03", "RFC2409-5-14")
    deviants = ("v1-leaves-hash-r-out", "v1-never-ends-aggressive-mode")
    needs = frozenset({"v1-aggressive"})
    also = {"spec": ("A13",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.aggressive_mode_1(mark="first")
        if alice.isakmp.established:
            yield from alice.surely(alice.aggressive_mode_3(mark="third"))
            yield from alice.quick_mode(mark="quick")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("first")
        yield given(trace.marked("first"), "the first message").is_present()
        for kind, words in (
            (v1.SecurityAssociation, "the transform chosen"),
            (v1.KeyExchange, "the responder's public value"),
            (v1.Nonce, "its nonce"),
            (v1.Identification, "its identity"),
            (v1.Hash, "HASH_R"),
        ):
            yield that(answer.find(kind), words).is_present()
        if not answer.find(v1.Hash).present:
            return
        yield given(trace.marked("third"), "the third message").is_present()
        yield given(trace.marked("quick"), "a Quick Mode").is_present()
        served = trace.reply_to("quick").find(v1.SecurityAssociation)
        yield that(served, "the IPsec SA accepted under the new ISAKMP SA").is_present()


class ClearThirdMessage(Case):
    """The third message of Aggressive Mode is accepted in clear as well."""

    requirements = ("CISCO-RO-06", "RFC2409-5-15")
    deviants = ("v1-never-ends-aggressive-mode",)
    needs = frozenset({"v1-aggressive"})
    also = {"spec": ("A13",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.aggressive_mode_1(mark="first")
        if alice.isakmp.established:
            yield from alice.surely(alice.aggressive_mode_3(encrypt=False, mark="third"))
            yield from alice.quick_mode(mark="quick")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("first").find(v1.Hash), "HASH_R").is_present()
        yield given(trace.marked("third"), "the third message").is_present()
        yield given(trace.marked("quick"), "a Quick Mode").is_present()
        served = trace.reply_to("quick").find(v1.SecurityAssociation)
        yield that(served, "the IPsec SA accepted under the new ISAKMP SA").is_present()


NOTHING_CAME = "no answer came"
ACCEPTED = "accepted"


def _made_of_it(alice: Initiator) -> Note:
    """What an honest initiator makes of the responder's proof."""
    dialogue = alice.isakmp.dialogues.get(0)
    why = alice.isakmp.why or (dialogue.why if dialogue else "") or NOTHING_CAME
    return Note("HASH_R", ACCEPTED if alice.isakmp.established else why)


class _Proof(Case):
    """An initiator that checks HASH_R."""

    requirements = ("RFC2409-5-32", "RFC2409-5-34", "RFC2409-5-30")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("proof").find(v1.Hash), "HASH_R").is_present()
        verdict = trace.observations("HASH_R")[0].outcome
        yield given(verdict, "what the initiator got").satisfies(
            lambda said: said != NOTHING_CAME, "is an answer"
        )
        yield that(verdict, "what the initiator made of it").equals(ACCEPTED)


class ResponderProvesItself(_Proof):
    """HASH_R of Main Mode proves that the responder has the pre-shared key: an honest initiator accepts it."""

    deviants = ("v1-proves-itself-wrongly",)
    needs = frozenset({"v1-main"})
    also = {"spec": ("A12",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode(mark="proof")
        yield _made_of_it(alice)


class ResponderProvesItselfAggressively(_Proof):
    """HASH_R of Aggressive Mode proves that the responder has the pre-shared key: an honest initiator accepts it."""

    deviants = ("v1-proves-itself-wrongly-in-aggressive-mode",)
    needs = frozenset({"v1-aggressive"})
    also = {"spec": ("A13",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.aggressive_mode_1(mark="proof")
        yield _made_of_it(alice)


class _Refused(Case):
    """A fifth message of Main Mode that must not end phase 1: a refusal may come, the sixth message not."""

    needs = frozenset({"v1-main"})

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("third").find(v1.KeyExchange), "the key exchange").is_present()
        yield given(trace.marked("probe"), "the fifth message").is_present()
        yield that(_of(trace, "probe", Exchange.IDENTITY_PROTECTION), "the sixth message").is_absent()


def _of(trace: Trace, mark: str, exchange: Exchange) -> Observed[list[Seen]]:
    """The target's answers to the mark that go on with this exchange."""
    return trace.replies_to(mark).then(lambda seen: [s for s in seen if s.exchange == exchange] or None)


class WrongKeyIsRefused(_Refused):
    """An initiator that has another pre-shared key gets no ISAKMP SA."""

    requirements = ("RFC2409-5-33", "RFC2409-5-30", "RFC2408-5.11-06")
    deviants = ("v1-takes-what-does-not-open",)
    also = {"spec": ("J12",)}

    def script(self, alice: Initiator) -> Script:
        alice.configuration = with_fields(alice.configuration, psk=b"another key altogether")
        yield alice.main_mode_1()
        yield alice.main_mode_3(mark="third")
        yield alice.main_mode_5(mark="probe", hostile=True, due=False, wait=SILENCE_S)


def _other_hash(message: Message) -> Message:
    """The message with a HASH that proves nothing."""
    hashed = (v1.Hash(bytes(32)) if isinstance(p, v1.Hash) else p for p in message.payloads)
    return replace(message, payloads=tuple(hashed))


class WrongHashIsRefused(_Refused):
    """An initiator whose HASH_I is wrong gets no ISAKMP SA by Main Mode."""

    requirements = ("RFC2409-5-33", "RFC2408-5.11-06")
    deviants = ("v1-believes-any-hash",)
    also = {"spec": ("J12",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1()
        yield alice.main_mode_3(mark="third")
        yield alice.main_mode_5(change=_other_hash, mark="probe", wait=SILENCE_S)


class StrangerIsRefused(_Refused):
    """An initiator that knows the key but is nobody configured gets no ISAKMP SA."""

    requirements = ("CISCO-RO-27", "RFC2408-5.8-03")
    deviants = ("v1-believes-any-identity",)
    also = {"spec": ("J12",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.main_mode_1()
        yield alice.main_mode_3(mark="third")
        yield alice.main_mode_5(
            identity=Identity("fqdn", "stranger.example"),
            mark="probe",
            hostile=True,
            due=False,
            wait=SILENCE_S,
        )


class WrongHashIsRefusedInAggressiveMode(Case):
    """An initiator whose HASH_I is wrong gets no ISAKMP SA by Aggressive Mode: nothing is served under it."""

    requirements = ("RFC2409-5-33", "RFC2408-5.11-06")
    deviants = ("v1-believes-any-hash",)
    needs = frozenset({"v1-aggressive"})
    also = {"spec": ("J12",)}

    def script(self, alice: Initiator) -> Script:
        yield alice.aggressive_mode_1(mark="first")
        yield from alice.surely(alice.aggressive_mode_3(change=_other_hash, mark="third"))
        yield from alice.quick_mode(mark="probe", hostile=True, due=False, wait=SILENCE_S)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("first").find(v1.Hash), "HASH_R").is_present()
        yield given(trace.marked("third"), "the third message").is_present()
        yield given(trace.marked("probe"), "a Quick Mode").is_present()
        yield that(_of(trace, "probe", Exchange.QUICK_MODE), "a Quick Mode served").is_absent()
