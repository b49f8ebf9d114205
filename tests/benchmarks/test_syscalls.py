from __future__ import annotations

import pytest

from benchmarks.syscalls import CallsPerUpdate, NoStrace, count_calls

TRACE = r"""
recvfrom(5, "GET /ws/device HTTP/1.1"..., 16384, 0, NULL, NULL) = 180
sendto(5, "HTTP/1.1 101 Switching"..., 129, 0, NULL, 0) = 129
epoll_pwait(3, [{events=EPOLLIN}], 1024, 10, NULL, 8) = 1
read(7, "\201\376\0ab\1\2\3\4", 65536) = 105
write(9, "\201~\0\331{\"type\":\"position\",\"seq\":1", 221) = 221
epoll_pwait(3, [{events=EPOLLIN}], 1024, 10, NULL, 8) = 1
read(7, "\201\376\0ab\1\2\3\4", 65536) = 105
read(8, 0x7f, 65536) = -1 EAGAIN (Resource temporarily unavailable)
write(9, "\201~\0\331{\"type\":\"position\",\"seq\":2", 221) = 221
epoll_pwait(3, [], 1024, 10, NULL, 8) = 0
write(7, "\201*{\"type\":\"ack\",\"upto\":17", 44) = 44
read(7, "\201\376\0ab\1\2\3\4", 65536) = 105
write(9, "\201~\0\331{\"type\":\"position\",\"seq\":3", 221) = 221
write(7, "\201*{\"type\":\"ack\",\"upto\":18", 44) = 44
""".strip().splitlines()


def test_calls_are_counted_from_the_first_position_to_the_last() -> None:
    counted = count_calls("Enroute", TRACE, delivered=2)

    assert counted == CallsPerUpdate(
        server="Enroute", positions=2, reads=1.0, position_writes=1.5, other_writes=0.5, waits=0.5
    )


def test_a_trace_without_positions_is_no_result() -> None:
    with pytest.raises(NoStrace, match="no position written by Enroute"):
        count_calls("Enroute", TRACE[:4], delivered=0)
