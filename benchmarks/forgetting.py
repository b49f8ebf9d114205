"""Is memory slow that nobody touched for a while? `c/cold.c` asks. Where it is, a program that was idle is slow in
whatever it does next: stalls, and the cost of a little work now and then, are then largely the machine's."""

from __future__ import annotations

import json
import subprocess

import msgspec

from benchmarks.native import compiled

SMOOTH_NS = 1000.0
"""Several times what the slowest fetch from memory takes, with all that translates an address."""


class Forgetting(msgspec.Struct, frozen=True):
    """What touching a page took, nanoseconds: one touched a moment ago, and one not touched for a second."""

    hot_ns: float
    cold_ns: float

    @property
    def is_bad(self) -> bool:
        """A cold page costs more than fetching it from memory can: somebody had to bring it back."""
        return self.cold_ns > SMOOTH_NS

    def __str__(self) -> str:
        said = f"a page untouched for a second takes {self.cold_ns:.0f} ns to touch, a hot one {self.hot_ns:.0f} ns"
        if self.is_bad:
            said += ": this machine is slow after any pause, so stalls and the cost of little work are largely its own"
        return said


def forgetting(*, cpu: int | None) -> Forgetting:
    """Takes some three seconds."""
    command = [str(compiled("cold")), *(["--cpu", str(cpu)] if cpu is not None else [])]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return msgspec.convert(json.loads(said), Forgetting)
