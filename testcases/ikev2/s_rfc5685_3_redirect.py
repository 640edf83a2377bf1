"""RFC 5685: clients that are sent to another gateway, at once, when they have authenticated, or in mid-session."""

from collections.abc import Callable
from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Observed,
    Script,
    Seen,
    Trace,
    Weight,
    given,
    protected,
    that,
)
from harness.codes import Exchange, GatewayType, NotifyType
from harness.peer.v2.client import redirected_from
from harness.profile import Redirect
from harness.wire import v2
from harness.wire.v2.notify_data import Gateway, read

NEEDS = frozenset({"redirect"})
THERE = "192.0.2.77"
AT_ONCE = Redirect("ipv4", THERE)
WHEN_AUTHENTICATED = Redirect("fqdn", "other.example", when="auth")
IN_SESSION = Redirect("ipv4", THERE, when="established", patience=60.0)
WATCHED_S = 5.0
COMES_BACK = tuple(f"time {number}" for number in range(1, 7))
"""Once more than a client lets itself be redirected (RFC 5685 section 7)."""


def _to(redirect: Redirect) -> Callable[[Configuration], Configuration]:
    """Any client that knows the key may come, and is sent on like this."""
    return lambda configuration: replace(configuration, redirect=redirect, remote_id=None)


def _gateway(notified: Observed[v2.Notify]) -> Observed[Gateway]:
    """What is in a REDIRECT."""
    return notified.then(lambda notify: read(Gateway, notify.data), "its data are no gateway and nonce")


def _redirect(answer: Observed[Seen]) -> Observed[v2.Notify]:
    return answer.find(v2.Notify, NotifyType.REDIRECT)


class RedirectedAtOnce(Case):
    """A client that can be redirected gets REDIRECT in IKE_SA_INIT, with its own nonce and no responder SPI, and no IKE SA."""

    requirements = ("RFC5685-3-03", "RFC5685-3-05", "RFC5685-9.2-03")
    deviants = ("redirects-without-the-nonce", "redirects-under-an-spi")
    needs = NEEDS
    settings = staticmethod(_to(AT_ONCE))
    also = {"spec": ("D06",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init_redirectable(follow=0, mark="init")

    def judge(self, trace: Trace) -> Findings:
        asked, answer = trace.marked("init"), trace.outcome_of("init")
        yield given(answer, "an answer to IKE_SA_INIT").is_present()
        told = _redirect(answer)
        yield that(told, "REDIRECT").is_present()
        gateway, nonce = _gateway(told), asked.find(v2.Nonce)
        yield that(gateway.nonce, "its nonce").equals(nonce.data.value)
        where = gateway.then(lambda g: (g.gateway_type, g.identity))
        wanted = (GatewayType.IPV4, AT_ONCE.identity)
        yield that(where, "its gateway", requirement="RFC5685-9.2-03").equals(wanted)
        yield that(answer.spi_r, "the responder SPI", requirement="RFC5685-3-05").equals(bytes(8))


class NobodyIsRedirectedUnasked(Case):
    """A client that does not say that it can be redirected is served."""

    requirements = ("RFC5685-3-04",)
    deviants = ("redirects-everybody",)
    needs = NEEDS
    settings = staticmethod(_to(AT_ONCE))
    also = {"spec": ("D07",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")

    def judge(self, trace: Trace) -> Findings:
        answer = trace.outcome_of("init")
        yield given(answer, "an answer to IKE_SA_INIT").is_present()
        yield that(_redirect(answer), "REDIRECT").is_absent()


class RedirectedAgain(Case):
    """A client that says where it was redirected from is served, or redirected rightly; and so each time that it comes."""

    requirements = ("RFC5685-3-03", "RFC5685-3-09")
    deviants = ("redirects-without-the-nonce",)
    needs = NEEDS
    settings = staticmethod(_to(AT_ONCE))
    also = {"spec": ("D11",)}

    def script(self, alice: Initiator) -> Script:
        for mark in COMES_BACK:
            yield from alice.ike_sa_init(redirected_from(THERE), mark=mark)

    def judge(self, trace: Trace) -> Findings:
        for mark in COMES_BACK:
            asked, answer = trace.marked(mark), trace.outcome_of(mark)
            yield given(answer, f"an answer to {mark!r}").is_present()
            served, told = answer.find(v2.KeyExchange), _redirect(answer)
            yield that(
                served if served.present else told, f"IKE_SA_INIT or REDIRECT for {mark!r}"
            ).is_present()
            if told.present:
                yield that(_gateway(told).nonce, f"the nonce for {mark!r}").equals(
                    asked.find(v2.Nonce).data.value
                )


class RedirectedWhenAuthenticated(Case):
    """A client that has authenticated gets IDr, AUTH and REDIRECT without a nonce in place of its child."""

    requirements = ("RFC5685-6-01", "RFC5685-9.2-06")
    deviants = ("redirects-with-a-child", "redirects-with-a-nonce-always")
    needs = NEEDS
    settings = staticmethod(_to(WHEN_AUTHENTICATED))
    also = {"spec": ("D08",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init_redirectable(follow=0)
        yield alice.ike_auth(mark="auth")
        yield alice.delete_ike(mark="delete")

    def judge(self, trace: Trace) -> Findings:
        auth = trace.reply_to("auth")
        yield given(auth, "an answer to IKE_AUTH").is_present()
        told = _redirect(auth)
        yield that(told, "REDIRECT").is_present()
        yield that(auth.find(v2.IdResponder), "the responder's identity").is_present()
        yield that(auth.find(v2.Authentication), "the responder's AUTH").is_present()
        for kind in (v2.SecurityAssociation, v2.TrafficSelectorsI, v2.TrafficSelectorsR):
            yield that(auth.find(kind), f"a {kind.__name__} beside it").is_absent()
        yield that(_gateway(told).nonce, "its nonce", requirement="RFC5685-9.2-06").equals(b"")
        yield given(protected(trace.replies_to("delete")), "an answer to the client's Delete").is_present()


class StrangersAreNotRedirected(Case):
    """A client whose AUTH is wrong is told of no other gateway."""

    requirements = ("RFC5685-6-02",)
    deviants = ("redirects-before-it-believes",)
    needs = NEEDS
    settings = staticmethod(_to(WHEN_AUTHENTICATED))
    also = {"spec": ("D08",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init_redirectable(follow=0, mark="init")
        yield alice.ike_auth(psk=b"what nobody agreed on", due=False, mark="auth")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.outcome_of("init").find(v2.KeyExchange), "IKE_SA_INIT").is_present()
        yield given(trace.marked("auth"), "an IKE_AUTH with a wrong AUTH").is_present()
        yield that(_redirect(trace.reply_to("auth")), "REDIRECT").is_absent()


class _InSession(Case):
    """Clients are sent on as soon as their IKE SA is up; one of them can be, the other cannot."""

    needs = NEEDS
    settings = staticmethod(_to(IN_SESSION))
    wait_s = WATCHED_S

    def told(self, trace: Trace, client: str) -> Observed[tuple[Seen, ...]]:
        """The target's requests with REDIRECT to one of the clients."""
        there = trace.marked(client).source.value
        return trace.from_target(Exchange.INFORMATIONAL, requests_only=True).then(
            lambda seen: (
                tuple(
                    each for each in seen if each.destination == there and _redirect(Observed(each)).present
                )
                or None
            ),
            "no request of the target has a REDIRECT for this client",
        )


class RedirectedInSession(_InSession):
    """A client in mid-session that can be redirected is told so by an INFORMATIONAL without nonce; no other one is."""

    requirements = ("RFC5685-5-01", "RFC5685-5-02", "RFC5685-5-03", "RFC5685-3-02", "RFC5685-3-04")
    deviants = ("redirects-everybody", "redirects-with-a-nonce-always")
    also = {"spec": ("D09",)}

    def script(self, alice: Initiator, bob: Initiator) -> Script:
        yield from alice.ike_sa_init_redirectable(follow=0, mark="can")
        yield alice.ike_auth(mark="alice")
        yield from bob.ike_sa_init(mark="can not")
        yield bob.ike_auth(mark="bob")
        yield Elapse(WATCHED_S)
        yield alice.delete_ike(mark="delete")

    def judge(self, trace: Trace) -> Findings:
        for name in ("alice", "bob"):
            yield given(trace.reply_to(name).find(v2.Authentication), f"the IKE SA of {name}").is_present()
        told = self.told(trace, "can")
        yield that(told, "an INFORMATIONAL with REDIRECT", weight=Weight.SHOULD).is_present()
        gateway = _gateway(told[0].then(lambda seen: _redirect(Observed(seen)).value))
        where = gateway.then(lambda g: (g.gateway_type, g.identity))
        wanted = (GatewayType.IPV4, IN_SESSION.identity)
        yield that(where, "its gateway", requirement="RFC5685-5-02").equals(wanted)
        yield that(gateway.nonce, "its nonce", requirement="RFC5685-5-03").equals(b"")
        other = self.told(trace, "can not")
        yield that(other, "REDIRECT for who cannot be", requirement="RFC5685-3-04").is_absent()


class RedirectIsRepeated(_InSession):
    """A REDIRECT in mid-session is sent again as long as the client does not answer it."""

    requirements = ("RFC5685-5-04",)
    deviants = ("redirects-once",)
    also = {"spec": ("D09",)}
    wait_s = 30.0

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init_redirectable(follow=0, mark="can")
        yield alice.ignores("informational")
        yield alice.ike_auth(mark="alice")
        yield Elapse(self.wait_s)

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("alice").find(v2.Authentication), "the IKE SA").is_present()
        told = self.told(trace, "can")
        yield given(told, "an INFORMATIONAL with REDIRECT").is_present()
        copies = told.then(lambda seen: sum(each.octets == seen[0].octets for each in seen))
        yield that(copies, "how often the first one was sent").satisfies(lambda n: n > 1, "is more than once")


class PeerCannotRedirect(Case):
    """REDIRECT of the original initiator is answered, and sends the responder nowhere."""

    requirements = ("RFC5685-10-01", "CISCO-RO-39")
    deviants = ("lets-itself-be-redirected",)
    subject = "INV-01"
    needs = NEEDS
    wait_s = WATCHED_S
    also = {"spec": ("D10",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        there = v2.Notify(
            notify_type=NotifyType.REDIRECT,
            data=Gateway(GatewayType.IPV4, identity=AT_ONCE.identity).encode(),
        )
        yield alice.informational(there, mark="redirect")
        yield Elapse(WATCHED_S)
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("auth").find(v2.Authentication), "the IKE SA").is_present()
        yield given(protected(trace.replies_to("redirect")), "an answer to the REDIRECT").is_present()
