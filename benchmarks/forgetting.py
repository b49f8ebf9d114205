"""Does the machine take memory away from programs that are idle? `c/cold.c` asks. Where it does, stalls and the cost of
a little work now and then are the machine's own, and figures of two hours cannot be compared."""

from __future__ import annotations

import json
import subprocess

import msgspec

from benchmarks.native import compiled

SMOOTH_NS = 1000.0


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
            said += ": this machine forgets what is idle; stalls, and the cost of little work, are its own"
        return said


def forgetting(*, cpu: int | None) -> Forgetting:
    """Takes some three seconds."""
    command = [str(compiled("cold")), *(["--cpu", str(cpu)] if cpu is not None else [])]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return msgspec.convert(json.loads(said), Forgetting)
