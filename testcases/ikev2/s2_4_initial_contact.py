"""RFC 7296 section 2.4: INITIAL_CONTACT, and whose IKE SAs it is about."""

from dataclasses import replace

from harness.case import (
    Case,
    Configuration,
    Findings,
    Initiator,
    Script,
    Trace,
    ended_by_target,
    given,
    protected,
    that,
)
from harness.profile import Identity
from harness.wire import v2


def _anybody(configuration: Configuration) -> Configuration:
    return replace(configuration, remote_id=None)


class InitialContactOfAnother(Case):
    """INITIAL_CONTACT of one identity says nothing about the IKE SA of another one."""

    requirements = ("RFC7296-2.4-08", "RFC7296-2.4-03")
    deviants = ("heeds-initial-contact-for-everybody",)
    settings = staticmethod(_anybody)

    def script(self, alice: Initiator, bob: Initiator) -> Script:
        yield from alice.connect(identity=Identity("fqdn", "alice.example"), mark="alice")
        other = Identity("fqdn", "bob.example")
        yield from bob.connect(identity=other, initial_contact=True, mark="bob")
        yield alice.liveness(mark="probe")

    def judge(self, trace: Trace) -> Findings:
        for name in ("alice", "bob"):
            yield given(trace.reply_to(name).find(v2.Authentication), f"the IKE SA of {name}").is_present()
        yield given(ended_by_target(trace), "a Delete of the IKE SA by the target").is_absent()
        yield that(protected(trace.replies_to("probe")), "a sign of life on the other IKE SA").is_present()
