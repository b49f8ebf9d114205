from __future__ import annotations

import pytest

from tracker.errors import ExchangeUrlError
from tracker.redis_urls import Login, RedisPlace, Tls, read_redis_url


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost", RedisPlace(kind="server", hosts=(("localhost", 6379),))),
        (
            "redis://eva:p%40ss@db.example:7000/3",
            RedisPlace(kind="server", hosts=(("db.example", 7000),), db=3, login=Login("eva", "p@ss")),
        ),
        ("redis://:secret@[::1]:7000", RedisPlace(kind="server", hosts=(("::1", 7000),), login=Login(None, "secret"))),
        (
            "rediss://db?ssl_ca_certs=/ca.pem&ssl_check_hostname=false",
            RedisPlace(kind="server", hosts=(("db", 6379),), tls=Tls("/ca.pem", None, None, False)),
        ),
        ("unix:///run/redis.sock?db=2", RedisPlace(kind="unix", path="/run/redis.sock", db=2)),
        (
            "unix://:secret@/run/redis.sock",
            RedisPlace(kind="unix", path="/run/redis.sock", login=Login(None, "secret")),
        ),
        (
            "redis+sentinel://u:p@one,two:5000/main/4?sentinel_password=q",
            RedisPlace(
                kind="sentinel",
                hosts=(("one", 26379), ("two", 5000)),
                service="main",
                db=4,
                login=Login("u", "p"),
                sentinel_login=Login(None, "q"),
            ),
        ),
        ("redis+cluster://one:7000,two", RedisPlace(kind="cluster", hosts=(("one", 7000), ("two", 6379)))),
        ("rediss+cluster://one", RedisPlace(kind="cluster", hosts=(("one", 6379),), tls=Tls())),
    ],
)
def test_every_form_of_url_is_read(url: str, place: RedisPlace) -> None:
    assert read_redis_url(url) == place


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "begins with one of"),
        ("http://localhost", "begins with one of"),
        ("redis://", "host"),
        ("redis://one,two", "has one host"),
        ("redis://one:0", "port"),
        ("redis://one:70000", "port"),
        ("redis://one:12three", "port"),
        ("redis://::1", "IPv6"),
        ("redis://[::1", "IPv6"),
        ("redis://one/two", "database"),
        ("redis://one/1/2", "too long"),
        ("redis://one/99999", "database"),
        ("redis://one?tls=yes", "unknown option"),
        ("redis://one?db", "name=value"),
        ("redis://one#two", "#"),
        ("redis://one two", "spaces"),
        ("redis://user@one", "user:password"),
        ("unix://run/redis.sock", "absolute path"),
        ("unix://", "absolute path"),
        ("redis+sentinel://one", "service"),
        ("redis+cluster://one/2", "only database 0"),
        ("rediss://one?ssl_check_hostname=maybe", "true or false"),
        ("rediss://one?ssl_keyfile=/key", "ssl_certfile"),
        ("redis://" + "x" * 5000, "4096"),
    ],
)
def test_a_url_that_cannot_be_read_is_refused_with_what_is_wrong(url: str, says: str) -> None:
    with pytest.raises(ExchangeUrlError, match=says):
        read_redis_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2@one:port",
        "redis://:hunt@hunter2/er@one",
        "redis://user:hunter2#1@one",
        "redis://:a/hunter2@one",
        "redis://:hunter2@one?hunter2=1",
        "redis://hunter2@one",
    ],
)
def test_a_refusal_never_repeats_a_password(url: str) -> None:
    with pytest.raises(ExchangeUrlError) as refused:
        read_redis_url(url)

    assert "hunter2" not in str(refused.value)


def test_a_place_is_shown_without_its_passwords() -> None:
    place = read_redis_url("redis+sentinel://eva:hunter2@one,[::1]:5/main?sentinel_password=hunter2")

    assert str(place) == "redis+sentinel://one:26379,[::1]:5/main"
    assert "hunter2" not in repr(place)
