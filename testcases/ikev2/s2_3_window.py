"""RFC 7296 section 2.3: the window of Message IDs."""

from harness.case import (
    Case,
    Findings,
    Initiator,
    Script,
    Trace,
    ended_by_target,
    given,
    protected,
    that,
)

FAR = 100_000
"""Further ahead than any window that a target may have announced by SET_WINDOW_SIZE."""


class BeyondTheWindow(Case):
    """A request whose Message ID lies beyond the window is not acknowledged."""

    requirements = ("RFC7296-2.3-15", "RFC7296-2.3-14")
    deviants = ("serves-beyond-the-window",)
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
