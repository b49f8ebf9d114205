"""What a benchmark is to reach, what it measured, and whether that is enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import click
import msgspec


class Target(msgspec.Struct, frozen=True):
    """`measured` must be at most or at least `bound`; None is something that could not be measured, and a miss."""

    name: str
    measured: float | None
    sense: Literal["<=", ">="]
    bound: float
    unit: str = ""
    reached: bool = False


def at_most(name: str, measured: float | None, bound: float, unit: str = "") -> Target:
    return Target(name, measured, "<=", bound, unit, measured is not None and measured <= bound)


def at_least(name: str, measured: float | None, bound: float, unit: str = "") -> Target:
    return Target(name, measured, ">=", bound, unit, measured is not None and measured >= bound)


def print_targets(targets: Sequence[Target], *, smoke: bool) -> None:
    click.echo(f"\n{'target':58} {'wanted':>14} {'measured':>12}")
    for target in targets:
        wanted = f"{target.sense} {target.bound:g} {target.unit}".rstrip()
        measured = "nothing" if target.measured is None else f"{target.measured:.4g} {target.unit}".rstrip()
        click.echo(f"{target.name:58} {wanted:>14} {measured:>12}  {'reached' if target.reached else 'NOT REACHED'}")
    if smoke:
        click.echo("A smoke run: it proves that the benchmark runs, the figures mean nothing.")
