"""A process that gives up rights, as a service manager takes them from it."""

from __future__ import annotations

import ctypes
import platform

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38

# What seccomp is told, by the kernel's headers: linux/filter.h, linux/seccomp.h.
LOAD, JUMP_IF_EQUAL, JUMP_IF_ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, KILL, REFUSE_WITH = 0x7FFF0000, 0x80000000, 0x00050000
CALLS = {
    "x86_64": {"mprotect": 10, "mincore": 27, "madvise": 28},
    "aarch64": {"mprotect": 226, "mincore": 232, "madvise": 233},
}
THIRD_ARGUMENT = 16 + 2 * 8

libc = ctypes.CDLL(None, use_errno=True)


class Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(Instruction)))


def confine(*rules: list[tuple[int, int, int, int]]) -> None:
    """From here on this thread's calls of the system go through these rules."""
    instructions = [(LOAD, 0, 0, 0)]
    for rule in rules:
        instructions += [*rule, (LOAD, 0, 0, 0)]
    instructions.append((RETURN, 0, 0, ALLOW))
    program = Program(len(instructions), (Instruction * len(instructions))(*instructions))
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(program)) == 0


def killed_for(call: str) -> list[tuple[int, int, int, int]]:
    return [(JUMP_IF_EQUAL, 0, 1, CALLS[platform.machine()][call]), (RETURN, 0, 0, KILL)]


def refused(call: str, jump: int, value: int, error: int) -> list[tuple[int, int, int, int]]:
    """By its third argument."""
    return [
        (JUMP_IF_EQUAL, 0, 3, CALLS[platform.machine()][call]),
        (LOAD, 0, 0, THIRD_ARGUMENT),
        (jump, 0, 1, value),
        (RETURN, 0, 0, REFUSE_WITH | error),
    ]


def prctl(option: int, value: int) -> int:
    """0 or the error."""
    return ctypes.get_errno() if libc.prctl(option, value, 0, 0, 0) else 0
