"""RFC 7296 section 2.3: the window of Message IDs."""

from harness.case import Case, Findings, Initiator, Script, Trace, given, that


class BeyondTheWindow(Case):
    """A request whose Message ID lies beyond the window is not acknowledged."""

    requirements = ("RFC7296-2.3-15", "RFC7296-2.3-14")
    deviants = ("serves-beyond-the-window",)
    also = {"spec": ("H04",), "ipv6ready": ("EN.R.1.1.7.1",)}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        yield alice.liveness(mark="in order")
        ahead = alice.ike.next_message_id + 10
        yield alice.liveness(message_id=ahead, mark="probe")
        yield alice.liveness(mark="alive")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("in order"), "an answer to a request in order").is_present()
        yield that(trace.reply_to("probe"), "an answer to a request far ahead").is_absent()
        yield that(trace.reply_to("alive"), "the IKE SA, asked for a sign of life").is_present()


class BehindTheWindow(Case):
    """A new request with a Message ID long past gets no new response."""

    requirements = ("RFC7296-2.1-06", "RFC7296-2.1-02")
    deviants = ("serves-behind-the-window",)
    also = {"spec": ("H03", "H11")}

    def script(self, alice: Initiator) -> Script:
        yield from alice.connect()
        past = alice.ike.next_message_id
        for _ in range(5):
            yield alice.liveness(mark="alive")
        yield alice.delete_child(message_id=past, mark="probe")

    def judge(self, trace: Trace) -> Findings:
        yield given(trace.reply_to("alive"), "the IKE SA, asked for a sign of life").is_present()
        served = trace.reply_to("probe").payloads.then(lambda payloads: payloads or None)
        yield that(served, "a Delete served under a Message ID long past").is_absent()
