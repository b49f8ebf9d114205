import msgspec
import pytest

from tracker.messages import (
    Ack,
    Board,
    BoardTechnician,
    End,
    ErrorFrame,
    Eta,
    FeedWelcome,
    Heartbeat,
    Hello,
    Position,
    Rate,
    RouteLine,
    Since,
    Snapshot,
    Status,
    Technician,
    Welcome,
    decode_hello,
    encode,
)

SNAPSHOT = Snapshot(status="traveling", version=3, time_zone="UTC", server_time=9, epoch="k3f9", seq=41, tracking=True)


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (
            Position(42, 1, 41150010, -8649120, 273, 1120, 7, 2310, 412, 5, 4, 6, "live"),
            '{"type":"position","seq":42,"fixed_at":1,"lat_e6":41150010,"lon_e6":-8649120,"heading_deg":273,'
            '"speed_cms":1120,"accuracy_m":7,"left_m":2310,"left_s":412,"eta_at":5,"eta_low_at":4,"eta_high_at":6,'
            '"freshness":"live"}',
        ),
        (Position(1, 2, 0, 0), '{"type":"position","seq":1,"fixed_at":2,"lat_e6":0,"lon_e6":0}'),
        (
            Eta(43, 5, 4, 6, "re-routed"),
            '{"type":"eta","seq":43,"eta_at":5,"eta_low_at":4,"eta_high_at":6,"reason":"re-routed"}',
        ),
        (Status(44, "in_progress", 7), '{"type":"status","seq":44,"status":"in_progress","at":7}'),
        (
            Technician(45, "Ana", "/ana.jpg", "+351"),
            '{"type":"technician","seq":45,"name":"Ana","photo":"/ana.jpg","phone":"+351"}',
        ),
        (RouteLine(46, "_p~iF"), '{"type":"route","seq":46,"polyline6":"_p~iF"}'),
        (Heartbeat(9), '{"type":"heartbeat","server_time":9}'),
        (End(47, "completed"), '{"type":"end","seq":47,"reason":"completed"}'),
        (Ack(1764000000123), '{"type":"ack","upto":1764000000123}'),
        (Ack(5, {"stale": 2}), '{"type":"ack","upto":5,"rejected":{"stale":2}}'),
        (Rate(5), '{"type":"rate","interval_s":5}'),
        (ErrorFrame("malformed", "why"), '{"type":"error","code":"malformed","detail":"why"}'),
        (
            Welcome("k3f9", 41, 25, 9, SNAPSHOT),
            '{"type":"welcome","epoch":"k3f9","seq":41,"heartbeat_s":25,"server_time":9,"snapshot":'
            '{"status":"traveling","version":3,"time_zone":"UTC","server_time":9,"epoch":"k3f9","seq":41,'
            '"tracking":true}}',
        ),
        (FeedWelcome(25, 9), '{"type":"welcome","heartbeat_s":25,"server_time":9}'),
        (
            Board(9, [BoardTechnician(id="ana", duty="on_duty")]),
            '{"type":"board","server_time":9,"technicians":[{"id":"ana","duty":"on_duty"}]}',
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_message_is_spelled_as_the_wire_document_says(message, wire):
    assert encode(message).decode() == wire


def test_a_hello_may_bring_a_token_and_where_the_watcher_stopped():
    assert decode_hello(b'{"type":"hello","token":"t","since":{"epoch":"k3f9","seq":40},"new":1}') == Hello(
        token="t", since=Since(epoch="k3f9", seq=40)
    )
    assert decode_hello(b'{"type":"hello"}') == Hello()


@pytest.mark.parametrize("text", [b"", b"[]", b'{"type":"hullo"}', b'{"type":"hello","token":1}', b"\xff"])
def test_anything_else_is_no_hello(text):
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode_hello(text)
