"""Leases of processes in Redis: who lives, by Redis' clock.

`members` is a sorted set of process ids by the instant (ms) at which their lease runs out. `meta` is a hash:
`generation` names this memory of Redis, so that one that was emptied shows; `alive` is when anybody last renewed;
`c:<id>` counts changes of a process' claims, so that a memory that lost some (a failover) shows.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import msgspec

from tracker.redis_names import RedisNames
from tracker.redis_scripts import ScriptSocket

# While somebody lives, somebody renews. Time in which nobody did was an outage of Redis, or its clock jumped: nobody is
# dead for that, so such time does not count; and who lived before it has a moment to find Redis again.
_RENEW = """
local node, lease, pause, grace = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSETNX', KEYS[2], 'generation', ARGV[5])
local alive = tonumber(redis.call('HGET', KEYS[2], 'alive') or now)
local away = math.max(0, now - alive - pause)
redis.call('HSET', KEYS[2], 'alive', string.format('%.0f', now))
local held, others = 0, {}
local members = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #members, 2 do
  local id, was_left = members[i], tonumber(members[i + 1]) - now
  local left = was_left + away
  if away > 0 and was_left + now - alive > 0 then
    left = math.max(left, math.min(away, grace))
  end
  left = math.min(left, lease)
  if left ~= was_left then
    redis.call('ZADD', KEYS[1], string.format('%.0f', now + left), id)
  end
  if left <= 0 then
    redis.call('ZREM', KEYS[1], id)
    redis.call('HDEL', KEYS[2], 'c:' .. id)
  elseif id == node then
    held = 1
  else
    others[#others + 1] = id
    others[#others + 1] = left
  end
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + lease), node)
local changes = tonumber(redis.call('HGET', KEYS[2], 'c:' .. node) or 0)
return {redis.call('HGET', KEYS[2], 'generation'), held, changes, others}
"""
_GIVE_UP = """
redis.call('HDEL', KEYS[2], 'c:' .. ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
"""


class Renewal(msgspec.Struct, frozen=True, kw_only=True):
    """`held`: the lease had not run out before. `others` are the other living processes, each with the ms that its
    lease still lasts."""

    generation: str
    held: bool
    changes: int
    others: Mapping[str, int]


class RedisLeases:
    """Times in ms; `pause_ms` is how long nobody may renew before it is an outage, `grace_ms` what everybody has after
    a long one. All methods raise ExchangeAway."""

    def __init__(self, node_id: str, names: RedisNames, *, lease_ms: int, pause_ms: int, grace_ms: int) -> None:
        self._node_id = node_id
        self._keys = [names.members, names.meta]
        self._lease_ms = lease_ms
        self._pause_ms = pause_ms
        self._grace_ms = grace_ms

    async def renew(self, scripts: ScriptSocket) -> Renewal:
        generation, held, changes, others = await scripts.run(
            _RENEW,
            self._keys,
            [self._node_id, self._lease_ms, self._pause_ms, self._grace_ms, secrets.token_hex(8)],
        )
        pairs = zip(others[::2], others[1::2], strict=True)
        return Renewal(
            generation=generation.decode(),
            held=bool(held),
            changes=changes,
            others={node_id.decode(): left_ms for node_id, left_ms in pairs},
        )

    async def give_up(self, scripts: ScriptSocket) -> None:
        await scripts.run(_GIVE_UP, self._keys, [self._node_id])
