"""`enroute benchmark …`: one command per question."""

from __future__ import annotations

import importlib

import click

BENCHMARKS = {
    "ping-to-watcher": "benchmarks.ping_to_watcher",
    "peers": "benchmarks.peers",
    "idle": "benchmarks.idle",
    "overload": "benchmarks.overload",
    "stalled": "benchmarks.stalled",
    "several": "benchmarks.several",
    "storm": "benchmarks.storm",
    "core-stages": "benchmarks.core_stages",
    "availability": "benchmarks.availability",
    "offers": "benchmarks.offers",
    "roads": "benchmarks.roads",
    "syscalls": "benchmarks.syscalls",
    "pages": "benchmarks.pages",
    "plan": "benchmarks.plan",
    "redis-hop": "benchmarks.redis_hop",
}


class OnDemand(click.Group):
    """Loads a benchmark when it is asked for: `enroute serve` has no use for any of them."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*BENCHMARKS, *super().list_commands(context)]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in BENCHMARKS:
            command: click.Command = importlib.import_module(BENCHMARKS[name]).main
            return command
        return super().get_command(context, name)


@click.group(cls=OnDemand)
def benchmark() -> None:
    """Measure this installation. The README in the benchmarks folder says how to read each figure."""


@benchmark.command()
@click.pass_context
def smoke(context: click.Context) -> None:
    """Run each benchmark for a moment, to see that all of them still run."""
    for name, module in BENCHMARKS.items():
        click.echo(f"--- {name}", err=True)
        context.invoke(importlib.import_module(module).main, smoke=True)


@benchmark.command("redis-hop-party", hidden=True)
@click.argument("url")
def redis_hop_party(url: str) -> None:
    """One of the processes of `redis-hop`; here, so that it runs the compiled core as the server does."""
    from benchmarks.redis_hop_party import main

    main(url)
