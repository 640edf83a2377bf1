"""The reference responder: an honest IKEv1 and IKEv2 end without sockets, and its deviants."""

from harness.responder.cluster import Cluster, device
from harness.responder.core import Responder
from harness.responder.rules import HONEST
from harness.responder.step import Step

__all__ = ["HONEST", "Cluster", "Responder", "Step", "device"]
