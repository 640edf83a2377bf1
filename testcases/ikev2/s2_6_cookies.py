"""RFC 7296 section 2.6: cookies, for a target set to demand them at once."""

from dataclasses import replace

from harness.case import Case, Configuration, Findings, Initiator, Script, Trace, Weight, given, that
from harness.codes import NotifyType
from harness.wire import Message, v2
from harness.wire import replace as replace_message


def _always_demanded(configuration: Configuration) -> Configuration:
    return replace(configuration, cookie_threshold=0)


class CookieIsDemanded(Case):
    """An IKE_SA_INIT without cookie gets a cookie of 1 to 64 octets; with it, a full response."""

    requirements = ("RFC7296-2.6-08", "RFC7296-2.6-07")
    deviants = ("never-demands-a-cookie", "cookie-of-no-octets")
    settings = staticmethod(_always_demanded)
    also = {"spec": ("I02",), "ipv6ready": ("EN.R.1.1.4.1",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(mark="init")
        yield alice.ike_auth(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        cookie = trace.reply_to("init").find(v2.Notify, NotifyType.COOKIE)
        yield that(cookie, "the demand for a cookie").is_present()
        spi = trace.reply_to("init").spi_r
        yield that(spi, "the responder's SPI", requirement="RFC7296-2.6-04", weight=Weight.SHOULD).equals(
            bytes(8)
        )
        yield that(cookie.data.then(len), "its octets").satisfies(lambda n: 1 <= n <= 64, "lies in 1 to 64")
        full = trace.reply_to("init/cookie")
        yield that(full.find(v2.KeyExchange), "the full response to the request with the cookie").is_present()
        yield that(trace.reply_to("auth").find(v2.Authentication), "the responder's AUTH").is_present()


class WrongCookieIsNoCookie(Case):
    """A wrong cookie is treated as none: the answer is another demand for a cookie."""

    requirements = ("RFC7296-2.6-15",)
    deviants = ("keeps-state-before-the-cookie",)
    settings = staticmethod(_always_demanded)
    also = {"spec": ("I03",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(follow=False, mark="init")
        yield from alice.ike_sa_init(change=_wrong_cookie, follow=False, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        first = trace.reply_to("init").find(v2.Notify, NotifyType.COOKIE)
        yield given(first, "the demand for a cookie").is_present()
        answer = trace.reply_to("probe")
        yield that(answer.find(v2.KeyExchange), "a full response to a wrong cookie").is_absent()


def _wrong_cookie(message: Message) -> Message:
    wrong = v2.Notify(notify_type=NotifyType.COOKIE, data=b"no cookie of yours")
    return replace_message(message, payloads=(wrong, *message.payloads))
