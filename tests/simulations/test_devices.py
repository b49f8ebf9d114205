import asyncio

import msgspec
from websockets.asyncio.server import ServerConnection, serve

from simulations.devices import Phone, WireFix
from simulations.observations import Observations
from simulations.run_clock import RunClock


def at(s: int) -> WireFix:
    return WireFix(fixed_at=1000 * s, lat=41.15, lon=-8.65)


async def test_a_phone_leaves_out_what_comes_sooner_than_the_server_wishes():
    heard: list[int] = []

    async def busy_server(socket: ServerConnection) -> None:
        await socket.send('{"type":"rate","interval_s":5}')
        async for text in socket:
            fixes = msgspec.json.decode(text)
            heard.extend(fix["fixed_at"] for fix in (fixes if isinstance(fixes, list) else [fixes]))
            await socket.send(f'{{"type":"ack","upto":{heard[-1]}}}')

    seen = Observations()
    async with serve(busy_server, "127.0.0.1", 0) as server, asyncio.TaskGroup() as tasks:
        port = server.sockets[0].getsockname()[1]
        phone = Phone(url=f"ws://127.0.0.1:{port}", token="t", seed="s", observations=seen, clock=RunClock())
        running = tasks.create_task(phone.run())
        phone.send((at(100),))
        # Whoever has the acknowledgement has heard the wish, which came before it.
        await phone.settled()
        phone.send((at(101),))
        phone.send((at(104), at(105), at(106), at(110)))
        await phone.settled()
        running.cancel()

    assert heard == [100_000, 105_000, 110_000]
    assert seen.counts["fixes the server wished away"] == 3
