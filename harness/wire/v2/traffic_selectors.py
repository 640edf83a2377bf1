"""RFC 7296 section 3.13: the Traffic Selector payloads."""

from harness.codes import TsType
from harness.wire.fields import Payload, Structure, half, payload, rest, structure, structures, u8, u16, u24


@structure(rfc="7296/3.13.1")
class TrafficSelector(Structure):
    """A range of addresses and ports of one protocol; protocol 0 is any."""

    ts_type: int = u8(names=TsType)
    protocol: int = u8(default=0)
    length: int | None = u16(length_of="self", default=None, kw_only=True)
    start_port: int = u16(default=0)
    end_port: int = u16(default=65535)
    start: bytes = half(default=bytes(4))
    end: bytes = rest(default=b"\xff\xff\xff\xff")


@payload(44, rfc="7296/3.13")
class TrafficSelectorsI(Payload):
    """The initiator's end of the traffic to protect."""

    label = "TSi"

    count: int | None = u8(count_of="selectors", default=None, kw_only=True)
    reserved: int = u24(default=0, kw_only=True)
    selectors: tuple[TrafficSelector, ...] = structures(TrafficSelector)


@payload(45, rfc="7296/3.13")
class TrafficSelectorsR(Payload):
    """The responder's end of the traffic to protect."""

    label = "TSr"

    count: int | None = u8(count_of="selectors", default=None, kw_only=True)
    reserved: int = u24(default=0, kw_only=True)
    selectors: tuple[TrafficSelector, ...] = structures(TrafficSelector)
