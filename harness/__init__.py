"""A conformance and fuzz test harness for IKE responders."""

__version__ = "0.1.0"
