"""RFC 7296 section 2.3: the window of Message IDs."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Elapse,
    Findings,
    Initiator,
    Note,
    Provoke,
    Request,
    Script,
    Trace,
    Trigger,
    Weight,
    ended_by_target,
    given,
    protected,
    that,
)
from harness.codes import Exchange, NotifyType
from harness.observe import Observed, Seen
from harness.profile import Exchanges
from harness.wire import v2

FAR = 100_000
"""Further ahead than any window that a target may have announced by SET_WINDOW_SIZE."""


class BeyondTheWindow(Case):
    """A request whose Message ID lies beyond the window is not acknowledged."""

    requirements = ("RFC7296-2.3-15", "RFC7296-2.3-14")
    deviants = ("serves-beyond-the-window", "acknowledges-invalid-message-ids")
    also = {"spec": ("H04",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.liveness(mark="in order")
        ahead = alice.ike.next_message_id + FAR
        yield alice.liveness(message_id=ahead, mark="probe")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield given(protected(trace.replies_to("in order")), "an answer to a request in order").is_present()
        answer = protected(trace.replies_to("probe"))
        yield that(answer, "an answer to a request far ahead").is_absent()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        life = protected(trace.replies_to("alive"))
        yield that(life, "the IKE SA's answer to a liveness check").is_present()


class BehindTheWindow(Case):
    """A new request with a Message ID long past gets no new response."""

    requirements = ("RFC7296-2.1-06", "RFC7296-2.1-02", "RFC7296-2.3-15")
    deviants = ("serves-behind-the-window",)
    also = {"spec": ("H03", "H11")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        past = alice.ike.next_message_id
        yield alice.liveness(mark="past")
        for _ in range(5):
            yield alice.liveness(mark="alive")
        yield alice.delete_child(message_id=past, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        first = protected(trace.replies_to("past"))
        yield given(first, "the answer to the request of that Message ID").is_present()
        yield given(trace.reply_to("alive"), "answers to later ones").is_present()
        again = trace.replies_to("probe").then(
            lambda seen: [s for s in seen if s.opened and s.octets != first.octets.value] or None
        )
        yield that(again, "a new answer under a Message ID long past").is_absent()


def _wide(configuration: Configuration) -> Configuration:
    return replace(configuration, exchanges=replace(configuration.exchanges, window=4))


def _promised(answer: Observed[Seen]) -> Observed[bytes]:
    """The size in SET_WINDOW_SIZE, if it is more than one."""
    size = answer.find(v2.Notify, NotifyType.SET_WINDOW_SIZE).data
    return size.then(
        lambda data: data if int.from_bytes(data, "big") > 1 else None, "it promises no more than one"
    )


class _InsideTheWindow(Case):
    """A peer that has two requests under way at once, the later one first."""

    settings = staticmethod(_wide)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")
        if alice.ike.window < 2:
            return
        second = alice.liveness(ahead=1, mark="second")
        first = alice.liveness(mark="first")
        if isinstance(first, Note) or isinstance(second, Note):
            return
        yield from self.send(first, second)

    def send(self, first: Request, second: Request) -> Script:
        """In which order they go out."""
        raise NotImplementedError


class SizeOfTheWindow(_InsideTheWindow):
    """SET_WINDOW_SIZE, if it is sent, has four octets and a positive number."""

    requirements = ("RFC7296-2.3-01",)
    deviants = ("tells-of-its-window-in-one-octet",)

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect(mark="auth")

    def judge(self, trace: Trace) -> Findings:
        told = trace.reply_to("auth").find(v2.Notify, NotifyType.SET_WINDOW_SIZE)
        yield given(told, "SET_WINDOW_SIZE").is_present()
        yield that(told.data, "its data").satisfies(
            lambda data: len(data) == 4 and any(data), "are four octets, and not zero"
        )


class LaterRequestFirst(_InsideTheWindow):
    """Inside the window that the device promised, a later request is served before an earlier one has come."""

    requirements = ("RFC7296-2.3-10",)
    deviants = ("keeps-to-one-in-spite-of-its-promise",)
    also = {"spec": ("H05",)}

    def send(self, first: Request, second: Request) -> Script:
        """The second one alone at first."""
        yield second
        yield first

    def judge(self, trace: Trace) -> Findings:
        yield given(_promised(trace.reply_to("auth")), "a window of more than one").is_present()
        later = protected(trace.replies_to("second"))
        first = trace.marked("first")
        before = later.then(
            lambda seen: seen if not first.present or seen.number < first.number.value else None
        )
        yield that(
            before, "the answer to the later request before the earlier one came", weight=Weight.SHOULD
        ).is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()


class RepeatInsideTheWindow(_InsideTheWindow):
    """A request that is still inside the window is repeated after a later one, and gets the same response again."""

    requirements = ("RFC7296-2.3-09", "RFC7296-2.1-04")
    deviants = ("forgets-all-but-the-last-response",)
    also = {"spec": ("H05",)}

    def send(self, first: Request, second: Request) -> Script:
        """In order, and then the first one again."""
        yield first
        yield second
        yield first.marked("repeat")

    def judge(self, trace: Trace) -> Findings:
        yield given(_promised(trace.reply_to("auth")), "a window of more than one").is_present()
        first = protected(trace.replies_to("first"))
        yield given(first, "the first response").is_present()
        yield given(protected(trace.replies_to("second")), "the response to a later request").is_present()
        yield given(trace.marked("repeat"), "the repetition").is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        again = trace.replies_to("repeat")
        yield that(again, "the response to the repetition").is_present()
        same = again.then(lambda seen: all(each.octets == first.octets.value for each in seen))
        yield that(same, "that response, the same as the first").equals(True)


CHILDREN = 4


def _patient(configuration: Configuration) -> Configuration:
    return replace(configuration, exchanges=Exchanges())


class TheDeviceKeepsToThePeersWindow(Case):
    """However many requests the device has to make, no more of them wait for answers than its peer keeps."""

    requirements = ("RFC7296-2.3-06", "RFC7296-2.3-07")
    deviants = ("exceeds-the-peers-window",)
    needs = frozenset({"hard_expiry"})
    settings = staticmethod(_patient)
    wait_s = 3.0
    window = 2

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        for _ in range(CHILDREN - 1):
            yield from alice.create_child()
        yield alice.window(self.window, mark="window")
        yield alice.ignores("delete", "liveness", "informational")
        yield Provoke(Trigger.HARD_EXPIRY)
        yield Elapse(self.wait_s)

    def judge(self, trace: Trace) -> Findings:
        yield given(protected(trace.replies_to("window")), "the answer to SET_WINDOW_SIZE").is_present()
        asked = trace.from_target(Exchange.INFORMATIONAL, requests_only=True)
        yield given(asked, "requests of the device").is_present()
        count = asked.then(lambda seen: len({each.message_id for each in seen}))
        yield that(count, "the number of its requests without answer").satisfies(
            lambda number: number <= self.window, f"is at most {self.window}"
        )
