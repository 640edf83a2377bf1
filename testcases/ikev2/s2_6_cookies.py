"""RFC 7296 section 2.6: cookies, for a target set to demand them at once."""

from dataclasses import replace

from harness.case import Case, Configuration, Elapse, Findings, Initiator, Script, Seen, Trace, given, that
from harness.codes import Group, NotifyType
from harness.wire import Message, v2
from harness.wire import replace as replace_message

HOURS_S = 3 * 3600.0


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


class OldCookiesAreNotTakenForEver(Case):
    """A cookie that is hours old is answered by a new one."""

    requirements = ("RFC7296-2.6-13",)
    deviants = ("takes-cookies-for-ever",)
    settings = staticmethod(_always_demanded)
    needs = frozenset({"cookies"})
    wait_s = HOURS_S

    def script(self, alice: Initiator) -> Script:
        script = alice.ike_sa_init(mark="init", wait=4.0)
        demand = yield next(script)
        if demand is None:
            return
        try:
            again = script.send(demand)
        except StopIteration:
            return
        yield Elapse(HOURS_S)
        yield again

    def judge(self, trace: Trace) -> Findings:
        first = trace.reply_to("init").find(v2.Notify, NotifyType.COOKIE)
        yield given(first, "a demand for a cookie").is_present()
        late = trace.reply_to("init/cookie")
        yield given(late, "an answer to the old cookie").is_present()
        yield that(late.find(v2.KeyExchange), "a full response to it").is_absent()


class _OtherGroup(Case):
    """The target demands a cookie, and wants another group than that of the KE payload."""

    settings = staticmethod(_always_demanded)
    needs = frozenset({"cookies"})

    def judge(self, trace: Trace) -> Findings:
        demand = trace.reply_to("init").find(v2.Notify, NotifyType.COOKIE)
        yield given(demand, "a demand for a cookie").is_present()
        wanted = trace.replies_to("init/cookie").then(
            lambda seen: next((each for each in seen if _wants_another_group(each)), None)
        )
        yield given(wanted, "a demand for another group").is_present()
        yield from self.last(trace)

    def last(self, trace: Trace) -> Findings:
        """What must come of the request in the group that is wanted."""
        raise NotImplementedError


class TheCookieServesInTheNextGroup(_OtherGroup):
    """A cookie that is kept in the retry with another group is taken: the exchange ends there."""

    requirements = ("RFC7296-2.6.1-02",)
    deviants = ("demands-a-cookie-again-for-another-group",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.ike_sa_init(group=Group.MODP_2048, mark="init")

    def last(self, trace: Trace) -> Findings:
        full = trace.reply_to("init/group").find(v2.KeyExchange)
        yield that(full, "a full response without another cookie").is_present()


class ACookieLeftOutIsDemandedAgain(_OtherGroup):
    """An initiator that leaves the cookie out of the retry with another group gets a new one, and with it a full response."""

    requirements = ("RFC7296-2.6.1-03",)
    deviants = ("keeps-state-before-the-cookie-of-a-group",)

    def script(self, alice: Initiator) -> Script:
        def without_cookie(message: Message) -> Message:
            exchange = message.find(v2.KeyExchange)
            late = exchange is not None and exchange.group != Group.MODP_2048 and not seen
            seen.append(exchange) if late else None
            kept = (p for p in message.payloads if getattr(p, "notify_type", None) != NotifyType.COOKIE)
            return replace_message(message, payloads=tuple(kept)) if late else message

        seen: list[v2.KeyExchange | None] = []
        yield from alice.ike_sa_init(group=Group.MODP_2048, change=without_cookie, due=True, mark="init")

    def last(self, trace: Trace) -> Findings:
        again = trace.replies_to("init/group").then(lambda seen: seen[0])
        cookie = again.find(v2.Notify, NotifyType.COOKIE)
        yield that(cookie, "a demand for a cookie").is_present()
        if not cookie.present:
            return
        asked = trace.asked_under("init/cookie")
        went_on = trace.marked("init/cookie").then(lambda _: any(map(_is_in_another_group, asked)))
        yield given(went_on, "the new cookie's return with the other group").equals(True)
        full = trace.replies_to("init/cookie").then(lambda seen: next(filter(_is_full, seen), None))
        yield that(full, "a full response to it").is_present()


def _wants_another_group(answer: Seen) -> bool:
    return any(
        isinstance(each, v2.Notify) and each.notify_type == NotifyType.INVALID_KE_PAYLOAD
        for each in answer.payloads
    )


def _is_in_another_group(request: Seen) -> bool:
    return any(
        isinstance(each, v2.KeyExchange) and each.group != Group.MODP_2048 for each in request.payloads
    )


def _is_full(answer: Seen) -> bool:
    return any(isinstance(each, v2.KeyExchange) for each in answer.payloads)
