"""What an edge device starts towards its clients in IKEv1 is no offence of a responder by any standing rule."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.bench.catalogue import Entry
from harness.bench.run import Bench, Settings
from harness.case import Case, Configuration, Elapse, Findings, Initiator, Script, Trace, given, that
from harness.codes import AuthMethodV1, CfgAttribute
from harness.profile import AddressPool, ModeConfig, User, Version1, Xauth
from harness.record import Verdict
from harness.target.reference import Reference
from harness.wire import v1


class Logs(Case):
    """A client logs in and has itself configured before its Quick Mode."""

    requirements = ("XAUTH-5.1-01",)

    @staticmethod
    def settings(configuration: Configuration) -> Configuration:
        """An edge device with one user, a pool, and policies by XAUTH beside those without."""
        first = configuration.proposals_v1[0]
        xauth = replace(first, auth=AuthMethodV1.XAUTH_INIT_PRE_SHARED)
        return replace(
            configuration,
            proposals_v1=(xauth, *configuration.proposals_v1),
            users=(User("joe", "open sesame"),),
            pool=AddressPool("10.1.0.0/24"),
            version1=Version1(xauth=Xauth()),
        )

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield alice.xauth()
        yield alice.mode_config(mark="configured")
        yield from alice.quick_mode(mark="made")
        yield alice.dpd()

    def judge(self, trace: Trace) -> Findings:
        reply = trace.reply_to("configured").find(v1.Attributes)
        yield given(reply, "the REPLY").is_present()
        yield that(trace.reply_to("made").find(v1.SecurityAssociation), "the SA").is_present()


class IsPushed(Logs):
    """A client is given its configuration unasked."""

    @staticmethod
    def settings(configuration: Configuration) -> Configuration:
        """The same device, which pushes."""
        edge = Logs.settings(configuration)
        return replace(edge, version1=replace(edge.version1, mode_config=ModeConfig(push=True)))

    def script(self, alice: Initiator) -> Script:
        yield from alice.main_mode()
        yield alice.xauth()
        yield Elapse(1.0)
        yield alice.mode_config(CfgAttribute.INTERNAL_IP4_ADDRESS, mark="configured")
        yield from alice.quick_mode(mark="made")


@pytest.mark.parametrize("kind", [Logs, IsPushed])
def test_an_edge_device_passes_every_standing_rule(tmp_path: Path, kind: type[Case]) -> None:
    """XAUTH's request and a push are started by the device, and safety, liveness and protocol hold."""
    entry = Entry(f"ikev1/5/{kind.__name__.lower()}", "ikev1", Path(__file__), kind)
    result = Bench(Reference(None), Settings(pcaps=tmp_path)).play(entry)

    assert result.verdict is Verdict.PASS
    assert result.claims == {"safety": "PASS", "liveness": "PASS", "protocol": "PASS"}
