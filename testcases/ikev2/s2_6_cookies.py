"""RFC 7296 section 2.6: cookies, for a target set to demand them at once."""

from dataclasses import replace

from harness.case import Case, Configuration, Findings, Initiator, Script, Trace, given, that
from harness.codes import NotifyType
from harness.wire import Message, v2
from harness.wire import replace as replace_message


def _always_demanded(configuration: Configuration) -> Configuration:
    return replace(configuration, cookie_threshold=0)


class CookieIsDemanded(Case):
    """An IKE_SA_INIT without cookie gets a cookie of 1 to 64 octets; with it, a full response."""

    requirements = ("RFC7296-2.6-08", "RFC7296-2.6-07", "RFC7296-2.6-04", "RFC7296-2.6-10")
    deviants = ("never-demands-a-cookie", "cookie-of-no-octets")
    settings = staticmethod(_always_demanded)
    needs = frozenset({"cookies"})
    also = {"spec": ("I02",), "ipv6ready": ("EN.R.1.1.5.1", "SGW.R.1.1.5.1")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        first = trace.reply_to("init")
        cookie = first.find(v2.Notify, NotifyType.COOKIE)
        yield that(cookie, "the demand for a cookie", requirement="RFC7296-2.6-07").is_present()
        if not cookie.present:
            return
        spi = that(first.spi_r, "the responder's SPI", requirement="RFC7296-2.6-04")
        yield spi.equals(bytes(8))
        yield that(cookie.data.then(len), "its octets").satisfies(lambda n: 1 <= n <= 64, "lies in 1 to 64")
        full = trace.outcome_of("init").find(v2.KeyExchange)
        yield that(
            full, "the full response to the request with the cookie", requirement="RFC7296-2.6-10"
        ).is_present()
        auth = trace.reply_to("auth").find(v2.Authentication)
        yield that(auth, "the responder's AUTH", requirement="RFC7296-2.6-10").is_present()


class WrongCookieIsNoCookie(Case):
    """A wrong cookie is treated as none: the answer is another demand for a cookie."""

    requirements = ("RFC7296-2.6-15",)
    deviants = ("keeps-state-before-the-cookie",)
    settings = staticmethod(_always_demanded)
    needs = frozenset({"cookies"})
    also = {"spec": ("I03",), "ipv6ready": ("EN.R.1.1.5.2", "SGW.R.1.1.5.2")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(follow=False, mark="before")
        yield from alice.ike_sa_init(change=_wrong_cookie, follow=False, mark="probe")
        yield from alice.ike_sa_init(follow=False, mark="after")

    def judge(self, trace: Trace) -> Findings:
        for mark in ("before", "after"):
            demand = trace.reply_to(mark).find(v2.Notify, NotifyType.COOKIE)
            yield given(demand, f"the demand for a cookie {mark} the wrong one came").is_present()
        answer = trace.reply_to("probe")
        yield that(answer.find(v2.KeyExchange), "a full response to a wrong cookie").is_absent()


def _wrong_cookie(message: Message) -> Message:
    wrong = v2.Notify(notify_type=NotifyType.COOKIE, data=b"no cookie of yours")
    return replace_message(message, payloads=(wrong, *message.payloads))
