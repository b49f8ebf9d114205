"""The exchange on every kind of Redis: a socket, TLS, a user with few rights, Sentinels, a cluster."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.ports import free_port
from tests.redis_servers import RedisServer, SentinelSet, redis_cluster, redis_server, sentinel_set, until
from tests.tracker.exchanges import QUICK, exchange_on, heard_from_each_other, two_on
from tracker.errors import ExchangeUrlError
from tracker.guests import Guests
from tracker.redis_addresses import RedisAddresses
from tracker.redis_exchange import RedisExchange
from tracker.redis_names import RedisNames
from tracker.redis_urls import read_redis_url


@pytest_asyncio.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path) as server:
        yield server


@pytest_asyncio.fixture
async def sentinels(tmp_path: Path) -> AsyncIterator[SentinelSet]:
    async with sentinel_set(tmp_path) as servers:
        yield servers


async def test_a_socket_of_this_machine_will_do(redis: RedisServer) -> None:
    async with two_on(f"unix://{redis.socket}?db=3") as two:
        await heard_from_each_other(two, b"here")

        assert (await two.a.claim(["visit"]))["visit"].owner == two.a.node_id


async def test_a_user_needs_no_more_than_the_keys_and_channels_of_the_installation(redis: RedisServer) -> None:
    rights = ["on", ">p@ss:w/rd", "resetchannels", "~{enroute:ours}:*", "&{enroute:ours}:*", "-@all"]
    rights += ["+@read", "+@write", "+@pubsub", "+@scripting", "+@connection", "+time"]
    await redis.run("ACL", "SETUSER", "eva", *rights)

    async with two_on(f"redis://eva:p%40ss%3Aw%2Frd@127.0.0.1:{redis.port}", name="ours") as two:
        await heard_from_each_other(two, b"here")
        await two.a.claim(["visit"])
        await two.a.keep({"visit": (1 << 52, b"state")})

        assert await two.b.states(["visit"]) == {"visit": b"state"}


async def test_a_user_who_may_not_use_the_channels_is_told_so(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    await redis.run("ACL", "SETUSER", "eva", "on", ">pass", "~*", "+@all", "resetchannels")

    async with exchange_on(f"redis://eva:pass@127.0.0.1:{redis.port}", timing=QUICK) as (_, told):
        assert told.events == [("cut_off",)]

    assert "NOPERM" in caplog.text


async def test_with_tls_the_server_has_to_show_who_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate, key = make_certificate(tmp_path)
    port = free_port()
    tls = ["--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    async with redis_server(tmp_path, *tls, "--tls-auth-clients", "no"):
        guests = Guests()
        async with two_on(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}", guests=guests) as two:
            # Nobody but its transport can read it.
            assert guests.invited == 0
            await heard_from_each_other(two, b"in secret")
            assert (await two.a.claim(["visit"]))["visit"].owner == two.a.node_id
        async with exchange_on(f"rediss://127.0.0.1:{port}", timing=QUICK) as (_, told):
            assert told.events == [("cut_off",)]

    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


async def test_a_certificate_that_cannot_be_read_is_the_url_s_fault(tmp_path: Path) -> None:
    with pytest.raises(ExchangeUrlError, match="cannot be read"):
        RedisExchange(f"rediss://localhost?ssl_ca_certs={tmp_path / 'nothing.pem'}")


def make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "redis.crt", folder / "redis.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return certificate, key


async def test_when_the_master_dies_the_one_the_sentinels_name_is_used(sentinels: SentinelSet) -> None:
    async def sentinels_replicated() -> bool:
        return await sentinels.replica.run("EXISTS", RedisNames("enroute").claim("visit")) == 1

    async with two_on(sentinels.url, timing=QUICK) as two:
        before = (await two.a.claim(["visit"]))["visit"]
        await until(sentinels_replicated, "the replica has the claim")

        sentinels.master.kill()
        await two.told_a.hears("cut_off")
        await two.told_a.until(lambda: two.told_a.events[-1] == ("missed", two.b.node_id))
        await two.told_b.until(lambda: two.told_b.events[-1] == ("missed", two.a.node_id))
        await heard_from_each_other(two, b"over the new master")

        assert two.told_a.news()[1:] == [("cut_off",), ("back", False), ("missed", two.b.node_id)]
        assert await two.b.owners(["visit"]) == {"visit": before}


async def test_a_master_that_was_replaced_and_does_not_know_it_is_left(sentinels: SentinelSet) -> None:
    async with two_on(sentinels.url, timing=QUICK) as two:
        # As in a network that fell apart: the old master goes on, and only the Sentinels say that there is another.
        await sentinels.replica.run("REPLICAOF", "NO", "ONE")
        await sentinels.sentinels[0].run("SENTINEL", "REMOVE", sentinels.service)
        await sentinels.sentinels[0].run(
            "SENTINEL", "MONITOR", sentinels.service, "127.0.0.1", sentinels.replica.port, 1
        )
        await two.told_a.hears("missed", two.b.node_id)
        await two.told_b.hears("missed", two.a.node_id)
        await heard_from_each_other(two, b"over the new master")

        assert (await two.a.claim(["visit"]))["visit"].owner == two.a.node_id
        assert await sentinels.replica.run("EXISTS", RedisNames("enroute").claim("visit")) == 1


@pytest.mark.full  # a Sentinel takes ten seconds to tell the old master
async def test_a_master_that_hangs_is_replaced_and_does_no_harm_when_it_awakes(sentinels: SentinelSet) -> None:
    async with two_on(sentinels.url, timing=QUICK) as two:
        sentinels.master.pause()
        await two.told_a.hears("cut_off")
        await two.told_b.hears("cut_off")
        await sentinels.failed_over()
        await two.told_a.hears("missed", two.b.node_id)
        await two.told_b.hears("missed", two.a.node_id)
        claims = await two.a.claim(["visit"])
        sentinels.master.resume()
        await until(lambda: sentinels.follows(sentinels.master), "the old master follows the new one")
        await heard_from_each_other(two, b"over the new master")

        assert await two.b.claim(["visit"]) == claims


async def test_a_failover_by_hand_is_followed(sentinels: SentinelSet) -> None:
    async with two_on(sentinels.url, timing=QUICK) as two:
        session = two.a._line.session
        assert session is not None
        assert session.address.port == sentinels.master.port

        await sentinels.fail_over()
        await two.told_a.hears("missed", two.b.node_id)
        await two.told_b.hears("missed", two.a.node_id)
        await two.told_a.until(lambda: two.a.connected)
        await heard_from_each_other(two, b"over the new master")

        session = two.a._line.session
        assert session is not None
        assert session.address.port == sentinels.replica.port


async def test_any_one_sentinel_is_enough(sentinels: SentinelSet) -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{sentinels.sentinels[0].port}"
    place = read_redis_url(f"redis+sentinel://{hosts}/{sentinels.service}")
    addresses = RedisAddresses(place, key="x", timeout_s=1.0)

    found = await addresses.find()
    await addresses.close()

    assert found.port == sentinels.master.port


async def test_on_a_cluster_everything_of_an_installation_is_on_one_server(tmp_path: Path) -> None:
    async with redis_cluster(tmp_path) as servers:
        url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{servers[1].port}"
        async with two_on(url) as two:
            await heard_from_each_other(two, b"here")
            keys = [f"visit {number}" for number in range(100)]
            claims = await two.a.claim(keys)
            await two.a.keep({key: (claims[key].fence, b"state") for key in keys})

            assert await two.b.owners(keys) == claims
            assert await two.b.states(keys) == dict.fromkeys(keys, b"state")

            await _move_slot(servers, RedisNames("enroute").tag)
            await two.told_a.hears("missed", two.b.node_id)
            await two.told_b.hears("missed", two.a.node_id)
            await heard_from_each_other(two, b"on another server")
            assert (await two.a.claim(["visit"]))["visit"].owner == two.a.node_id


async def _move_slot(servers: list[RedisServer], key: str) -> None:
    """Gives the slot of this key, with what is in it, to another server of the cluster."""
    slot = int(str(await servers[0].run("CLUSTER", "KEYSLOT", key)))
    ids = [_text(await server.run("CLUSTER", "MYID")) for server in servers]
    share = 16384 // len(servers) + 1
    source = slot // share
    target = (source + 1) % len(servers)
    await servers[target].run("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
    await servers[source].run("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
    while True:
        async with servers[source].client() as client:
            keys = await client.execute_command("CLUSTER GETKEYSINSLOT", slot, 1000)
            if not keys:
                break
            words = ["MIGRATE", "127.0.0.1", servers[target].port, "", 0, 1000, "REPLACE", "KEYS", *keys]
            await client.execute_command(*words)
        await asyncio.sleep(0)
    for server in servers[target], servers[source]:
        await server.run("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


def _text(answer: object) -> str:
    return answer.decode() if isinstance(answer, bytes) else str(answer)
