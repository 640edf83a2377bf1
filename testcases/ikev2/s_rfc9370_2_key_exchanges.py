"""RFC 9370: more than one key exchange, before IKE_AUTH and after CREATE_CHILD_SA."""

from collections.abc import Callable
from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Note,
    Script,
    Trace,
    given,
    protected,
    that,
)
from harness.codes import Exchange, Group, NotifyType, Protocol, TransformType
from harness.wire import Message, v2
from harness.wire import replace as replace_message

FIRST, SECOND, OTHER = Group.ECP_256, Group.ECP_384, Group.ECP_521
NEEDS = frozenset({"intermediate", "additional-key-exchanges"})
NAMED = NotifyType.ADDITIONAL_KEY_EXCHANGE
FORGOTTEN_S = 60.0
"""Longer than anybody waits for the next IKE_FOLLOWUP_KE."""


def _twice(configuration: Configuration) -> Configuration:
    """Two additional key exchanges with every IKE SA, or none where the initiator does not know them."""
    plain = configuration.proposals_v2[0]
    return replace(configuration, proposals_v2=(replace(plain, additional=(FIRST, SECOND)), plain))


def _twice_children(configuration: Configuration) -> Configuration:
    """Two additional key exchanges with every Child SA that has a first one."""
    suite = replace(configuration.child_proposals[0], additional=(FIRST, SECOND))
    return replace(configuration, child_proposals=(suite,), pfs_group=Group.CURVE25519)


Offered = tuple[tuple[TransformType, int], ...]


def _offering(further: Offered) -> Callable[[Message], Message]:
    """The first proposal alone, with these additional key exchanges instead of its own."""

    def change(message: Message) -> Message:
        offer = message.find(v2.SecurityAssociation)
        if offer is None:
            return message
        first = offer.proposals[0]
        kept = tuple(t for t in first.transforms if t.type not in range(6, 13))
        transforms = (*kept, *(v2.Transform(kind, method) for kind, method in further))
        bent = v2.SecurityAssociation((replace_message(first, transforms=transforms, transform_count=None),))
        return replace_message(
            message, payloads=tuple(bent if each is offer else each for each in message.payloads)
        )

    return change


def _methods(proposal: v2.Proposal) -> list[tuple[int, int]]:
    return sorted((t.type, t.id) for t in proposal.transforms if t.type in range(6, 13))


class _BeforeAuth(Case):
    """Additional key exchanges in IKE_INTERMEDIATE."""

    needs = NEEDS
    settings = staticmethod(_twice)

    def agreed(self, trace: Trace) -> Findings:
        """The premise: the target chose both additional key exchanges."""
        taken = trace.outcome_of("init").find(v2.SecurityAssociation)
        wanted = [(TransformType.ADDKE1, FIRST), (TransformType.ADDKE2, SECOND)]
        chosen = taken.then(lambda sa: _methods(sa.proposals[0]) == wanted)
        yield given(chosen, "a choice of both additional key exchanges").equals(True)


class KeyExchangesAreMade(_BeforeAuth):
    """Each additional key exchange has its IKE_INTERMEDIATE, and from the next message on its keys count."""

    requirements = (
        "RFC9370-2.2.2-03",
        "RFC9370-2.2.2-01",
        "RFC9370-2.2.2-04",
        "RFC9370-2.2.1-02",
        "RFC9370-2.2.1-17",
        "RFC9370-2.2.3-01",
    )
    deviants = (
        "keeps-its-keys-after-an-additional-key-exchange",
        "leaves-ike-intermediate-out-of-auth",
        "never-tells-of-ike-intermediate",
    )

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield from alice.additional_key_exchanges(mark="more")
        yield alice.ike_auth(mark="auth")
        yield Note("the target is believed", alice.ike.established or alice.ike.why)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        told = trace.outcome_of("init").find(v2.Notify, NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)
        yield that(
            told, "INTERMEDIATE_EXCHANGE_SUPPORTED in the response", requirement="RFC9370-2.2.1-17"
        ).is_present()
        if not told.present:
            return
        for mark, method in (("more", FIRST), ("more/2", SECOND)):
            ours = trace.reply_to(mark).find(v2.KeyExchange)
            yield that(ours.group, "the method of the responder's KE").equals(method)
        auth = trace.reply_to("auth").find(v2.Authentication)
        yield that(auth, "the responder's AUTH, under the newest keys").is_present()
        believed = trace.observations("the target is believed")
        made_of_it = that(
            believed[0].outcome, "what the initiator made of it", requirement="RFC9370-2.2.3-01"
        )
        yield made_of_it.equals(True)
        yield that(protected(trace.replies_to("alive")), "a sign of life after it").is_present()


class WithoutIntermediateThePlainProposalIsTaken(_BeforeAuth):
    """From an initiator that does not tell of IKE_INTERMEDIATE a proposal with additional key exchanges is skipped."""

    requirements = ("RFC9370-2.2.1-18",)
    deviants = ("takes-additional-key-exchanges-without-ike-intermediate",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(intermediate=False, mark="init")

    def judge(self, trace: Trace) -> Findings:
        taken = trace.outcome_of("init").find(v2.SecurityAssociation)
        yield given(taken, "a choice of the target").is_present()
        chosen = taken.then(lambda sa: _methods(sa.proposals[0]))
        yield that(chosen, "its additional key exchanges").equals([])


class _Choice(_BeforeAuth):
    """What is chosen of `further`."""

    further: Offered = ()

    def script(self, alice: Initiator) -> Script:
        change = _offering(self.further)
        yield from alice.ike_sa_init(intermediate=True, follow=False, change=change, mark="init", due=True)

    def judge(self, trace: Trace) -> Findings:
        taken = trace.reply_to("init").find(v2.SecurityAssociation)
        yield that(taken, "a choice of the target").is_present()
        chosen = taken.then(lambda sa: _methods(sa.proposals[0]))
        yield that(chosen, "its choice of each type").satisfies(self.may_be, "is one that it may make")

    def may_be(self, chosen: list[tuple[int, int]]) -> bool:
        """Whether this choice answers each type that was offered, with no method twice."""
        methods = [method for _, method in chosen if method != Group.NONE]
        kinds = sorted({kind for kind, _ in self.further})
        return (
            [kind for kind, _ in chosen] == kinds
            and all(each in self.further for each in chosen)
            and len(set(methods)) == len(methods)
        )


class TypesNeedNotFollowOneAnother(_Choice):
    """Each type that is offered gets an answer, NONE where nothing is wanted; types left out are as if they were NONE."""

    requirements = ("RFC9370-2.1-01", "RFC9370-2.2.1-14", "RFC9370-2.2.1-15", "RFC9370-2.2.1-05")
    deviants = ("leaves-types-that-are-none-out-of-its-answer",)
    further = (
        (TransformType.ADDKE2, FIRST),
        (TransformType.ADDKE4, SECOND),
        (TransformType.ADDKE5, OTHER),
        (TransformType.ADDKE5, Group.NONE),
    )


class NoMethodIsChosenTwice(_Choice):
    """Where two types offer the same methods, each gets another one."""

    requirements = ("RFC9370-2.2.1-07",)
    deviants = ("answers-every-type-with-one-method",)
    further = (
        (TransformType.ADDKE1, FIRST),
        (TransformType.ADDKE1, SECOND),
        (TransformType.ADDKE2, FIRST),
        (TransformType.ADDKE2, SECOND),
    )


class NothingButDuplicatesIsRefused(_BeforeAuth):
    """Where no choice without a duplicate exists the answer is NO_PROPOSAL_CHOSEN."""

    requirements = ("RFC9370-2.2.1-09",)
    deviants = ("chooses-a-method-twice",)

    def script(self, alice: Initiator) -> Script:
        further = ((TransformType.ADDKE1, FIRST), (TransformType.ADDKE2, FIRST))
        yield from alice.ike_sa_init(
            intermediate=True, follow=False, change=_offering(further), mark="init", due=True
        )

    def judge(self, trace: Trace) -> Findings:
        answer = trace.reply_to("init")
        yield that(answer.find(v2.KeyExchange), "a full response").is_absent()
        refusal = answer.find(v2.Notify, NotifyType.NO_PROPOSAL_CHOSEN)
        yield that(refusal, "NO_PROPOSAL_CHOSEN").is_present()


class AnotherMethodIsRefused(_BeforeAuth):
    """A KE payload of another method than the next one that was negotiated makes no key exchange."""

    requirements = ("RFC9370-2.2.2-02",)
    deviants = ("takes-another-method-than-negotiated",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        alice.ike.additional = (SECOND, FIRST)
        yield alice.intermediate(mark="wrong", due=False)

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        yield that(trace.reply_to("wrong").find(v2.KeyExchange), "a KE of the responder").is_absent()


class IkeAuthWaitsForThem(_BeforeAuth):
    """IKE_AUTH in place of an additional key exchange establishes nothing."""

    requirements = ("RFC9370-2.2.2-01",)
    deviants = ("authenticates-before-additional-key-exchanges",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.intermediate(mark="first")
        yield alice.ike_auth(mark="auth", due=False)

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        yield given(trace.reply_to("first").find(v2.KeyExchange), "the first exchange").is_present()
        yield that(trace.reply_to("auth").find(v2.Authentication), "an AUTH of the responder").is_absent()


class _AfterCreate(Case):
    """Additional key exchanges in IKE_FOLLOWUP_KE."""

    needs = frozenset({"additional-key-exchanges"})
    settings = staticmethod(_twice_children)

    def agreed(self, trace: Trace) -> Findings:
        """The premise: CREATE_CHILD_SA agreed on both additional key exchanges."""
        taken = trace.reply_to("child").find(v2.SecurityAssociation)
        wanted = [(TransformType.ADDKE1, FIRST), (TransformType.ADDKE2, SECOND)]
        chosen = taken.then(lambda sa: _methods(sa.proposals[0]) == wanted)
        yield given(chosen, "a choice of both additional key exchanges").equals(True)


class EachResponseButTheLastNamesTheNextExchange(_AfterCreate):
    """ADDITIONAL_KEY_EXCHANGE is in each response after which another IKE_FOLLOWUP_KE is expected, and in no other."""

    requirements = ("RFC9370-2.2.4-04", "RFC9370-2.2.4-01", "RFC9370-2.2.4-03")
    deviants = ("names-no-additional-key-exchange-to-go-on-with", "makes-an-sa-before-its-key-exchanges")

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.create_child(mark="child")

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        for mark in ("child", "child/ke1"):
            named = trace.reply_to(mark).find(v2.Notify, NAMED)
            yield that(named, "ADDITIONAL_KEY_EXCHANGE").is_present()
            if not named.present:
                return
            for value, what in ((named.protocol, "Protocol ID"), (named.spi, "SPI")):
                yield that(value.then(bool), f"its {what}", requirement="RFC9370-2.2.4-03").equals(False)
        last = trace.reply_to("child/ke2")
        yield that(last.find(v2.KeyExchange), "the responder's last KE").is_present()
        yield that(last.find(v2.Notify, NAMED), "ADDITIONAL_KEY_EXCHANGE at the end").is_absent()


class ChildKeysAreMadeOfAll(_AfterCreate):
    """Packets go through a child that was made with additional key exchanges: its keys are made of all of them."""

    requirements = ("RFC9370-2.2.4-19",)
    deviants = ("forgets-additional-key-exchanges-of-children",)
    needs = frozenset({"additional-key-exchanges", "data"})

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.rekey_child(mark="child")
        yield alice.ping(mark="ping")

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        last = trace.reply_to("child/ke2").find(v2.KeyExchange)
        yield given(last, "the responder's last KE").is_present()
        yield that(trace.pongs_to("ping"), "an echo through the child").is_present()


class IkeKeysAreMadeOfAll(_BeforeAuth):
    """An IKE SA rekeyed with additional key exchanges has keys that are made of all of them."""

    requirements = ("RFC9370-2.2.4-18", "RFC9370-2.2.4-15")
    deviants = ("forgets-additional-key-exchanges-of-ike-sas",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield from alice.rekey_ike(mark="rekey")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        last = trace.reply_to("rekey/ke2").find(v2.KeyExchange)
        yield given(last, "the responder's last KE").is_present()
        yield that(protected(trace.replies_to("alive")), "a sign of life on the new IKE SA").is_present()


class AnUnknownLinkFindsNoState(_AfterCreate):
    """IKE_FOLLOWUP_KE under a link that the responder does not know gets STATE_NOT_FOUND, and the IKE SA lives on."""

    requirements = ("RFC9370-2.2.4-09", "RFC9370-2.2.4-10", "RFC9370-2.2.4-05")
    deviants = ("calls-an-unknown-follow-up-a-syntax-error", "forgets-the-ike-sa-with-a-follow-up")

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        unknown = v2.Notify(notify_type=NAMED, data=b"no link of yours")
        yield alice.request(
            Exchange.IKE_FOLLOWUP_KE, v2.KeyExchange(FIRST, bytes(64)), unknown, mark="unknown", due=True
        )
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("auth").find(v2.Authentication), "an IKE SA").is_present()
        refusal = trace.reply_to("unknown").find(v2.Notify, NotifyType.STATE_NOT_FOUND)
        yield that(refusal, "STATE_NOT_FOUND").is_present()
        yield that(refusal.data, "its data").equals(b"")
        alive = protected(trace.replies_to("alive"))
        yield that(alive, "a sign of life after it", requirement="RFC9370-2.2.4-10").is_present()


class WhoGoesOnTooLateFindsNoState(_AfterCreate):
    """A responder forgets a series whose next exchange does not come: STATE_NOT_FOUND after a minute."""

    requirements = ("RFC9370-2.2.4-07",)
    deviants = ("never-forgets-a-follow-up",)
    wait_s = FORGOTTEN_S

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        create = alice.create_child(mark="child")
        answer = yield next(create)
        if answer is None:
            return
        yield Elapse(FORGOTTEN_S)
        yield alice.follow_up(mark="late")

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        refusal = trace.reply_to("late").find(v2.Notify, NotifyType.STATE_NOT_FOUND)
        yield that(refusal, "STATE_NOT_FOUND").is_present()


class NothingIsThereBeforeTheLast(_AfterCreate):
    """A child does not exist before all its key exchanges are made: there is nothing to delete."""

    requirements = ("RFC9370-2.2.4-15",)
    deviants = ("makes-an-sa-before-its-key-exchanges",)

    def script(self, alice: Initiator) -> Script:
        said: list[Message] = []

        def noted(message: Message) -> Message:
            said.append(message)
            return message

        yield from alice.connect()
        yield next(alice.create_child(change=noted, mark="child", due=True))
        offer = said[0].find(v2.SecurityAssociation) if said else None
        if offer is not None:
            delete = v2.Delete(Protocol.ESP, 4, (offer.proposals[0].spi,))
            yield alice.informational(delete, mark="delete", due=True)

    def judge(self, trace: Trace) -> Findings:
        yield from self.agreed(trace)
        answer = trace.reply_to("delete")
        yield given(protected(trace.replies_to("delete")), "an answer to the Delete").is_present()
        yield that(answer.find(v2.Delete), "a Delete of the other half").is_absent()
