"""Captures: pcapng written and read, and the keys that travel with them."""

from harness.capture.frame import Capture, CaptureError, Frame
from harness.capture.layers import Dissected, Dissector
from harness.capture.pcapng import Writer
from harness.capture.reader import Stream, read, stream

__all__ = ["Capture", "CaptureError", "Dissected", "Dissector", "Frame", "Stream", "Writer", "read", "stream"]
