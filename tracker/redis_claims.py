"""Claims and last states of keys in Redis, many in one script.

A claim is a string key `<owner>:<fence>` that lives as long as its owner looks after it; its fence outlives a release
for a while. A state is a string key: the fence it was made under in 20 digits, then its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from redis.asyncio import Redis

from tracker.errors import ExchangeMessageTooLarge
from tracker.exchange import Claim
from tracker.redis_blobs import LARGEST_MESSAGE
from tracker.redis_names import RedisNames
from tracker.redis_scripts import ScriptSocket, answer_of, run_script

NOBODY = "-" * 12
KEYS_PER_SCRIPT = 1000
# Messages wait while a script runs, so it is to take a few ms at most.
STATES_PER_SCRIPT = 250
STATE_BYTES_PER_SCRIPT = 1024 * 1024
CLAIM_S = 24 * 3600
RELEASED_S = 3600
STATE_S = 24 * 3600
_FENCE_DIGITS = 20

_ALIVE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = {}
local function is_alive(id)
  if known[id] == nil then
    known[id] = tonumber(redis.call('ZSCORE', KEYS[1], id) or 0) > now
  end
  return known[id]
end
"""
# A process whose lease ran out, or that does not know yet that Redis was emptied, takes nothing.
_CLAIM = (
    _ALIVE
    + """
local node, from = ARGV[1], ARGV[4]
if redis.call('HGET', KEYS[2], 'generation') ~= ARGV[2] or not is_alive(node) then
  return redis.error_reply('NOLEASE the lease of this process has to be renewed first')
end
local least = math.max(tonumber(ARGV[3]) + 1, time[1] * 1000000 + time[2])
local claims, changed = {}, false
local values = redis.call('MGET', unpack(KEYS, 3))
for i = 1, #KEYS - 2 do
  local value = values[i]
  local owner = value and string.sub(value, 1, 12)
  if owner == node then
    redis.call('EXPIRE', KEYS[i + 2], ARGV[5])
  elseif not owner or owner == from or owner == '------------' or not is_alive(owner) then
    local last = value and tonumber(string.sub(value, 14)) or 0
    value = node .. ':' .. string.format('%.0f', math.max(last + 1, least))
    redis.call('SET', KEYS[i + 2], value, 'EX', ARGV[5])
    changed = true
  end
  claims[i] = value
end
local changes = 0
if changed then
  changes = redis.call('HINCRBY', KEYS[2], 'c:' .. node, 1)
end
return {changes, claims}
"""
)
_OWNERS = (
    _ALIVE
    + """
local claims = {}
local values = redis.call('MGET', unpack(KEYS, 2))
for i = 1, #KEYS - 1 do
  local owner = values[i] and string.sub(values[i], 1, 12)
  claims[i] = owner and owner ~= '------------' and is_alive(owner) and values[i] or ''
end
return claims
"""
)
# ARGV[2] seconds: of ours, renewed with 'renew', else given up.
_OURS = """
local ours = {}
local values = redis.call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  if values[i] and string.sub(values[i], 1, 12) == ARGV[1] then
    ours[#ours + 1] = i
    if ARGV[3] == 'renew' then
      redis.call('EXPIRE', KEYS[i], ARGV[2])
    else
      redis.call('SET', KEYS[i], '------------' .. string.sub(values[i], 13), 'EX', ARGV[2])
    end
  end
end
return ours
"""
# First the keys of the states, then those of the claims. ARGV: seconds, then a fence and a state for each.
_KEEP = """
local half = #KEYS / 2
local refused = 0
local claims = redis.call('MGET', unpack(KEYS, half + 1))
for i = 1, half do
  local fence = ARGV[2 * i]
  local kept = redis.call('GETRANGE', KEYS[i], 0, 19)
  local claimed = claims[i] and tonumber(string.sub(claims[i], 14)) or 0
  if fence < kept or tonumber(fence) < claimed then
    refused = refused + 1
  else
    redis.call('SET', KEYS[i], fence .. ARGV[2 * i + 1], 'EX', ARGV[1])
  end
end
return refused
"""


class RedisClaims:
    """All methods raise ExchangeAway, and take any number of keys."""

    def __init__(self, node_id: str, names: RedisNames) -> None:
        self.ours: set[str] = set()
        self.changes = 0
        self.refused_states = 0
        self._node_id = node_id
        self._names = names
        self._largest_fence = 0

    def forget(self, *, changes: int) -> None:
        """Redis has forgotten them, and counts anew from here."""
        self.ours.clear()
        self.changes = changes

    async def claim(
        self, client: Redis, keys: Sequence[str], *, generation: str, from_node: str = ""
    ) -> dict[str, Claim]:
        claims: dict[str, Claim] = {}
        for some in _batches(keys):
            changes, texts = await run_script(
                client,
                _CLAIM,
                [self._names.members, self._names.meta, *map(self._names.claim, some)],
                [self._node_id, generation, self._largest_fence, from_node, CLAIM_S],
            )
            self.changes = max(self.changes, changes)
            for key, text in zip(some, texts, strict=True):
                claims[key] = claim = _read_claim(text)
                if claim.owner == self._node_id:
                    self.ours.add(key)
                else:
                    self.ours.discard(key)
                self._largest_fence = max(self._largest_fence, claim.fence)
        return claims

    async def owners(self, client: Redis, keys: Sequence[str]) -> dict[str, Claim]:
        claims: dict[str, Claim] = {}
        for some in _batches(keys):
            texts = await run_script(client, _OWNERS, [self._names.members, *map(self._names.claim, some)], [])
            claims |= {key: _read_claim(text) for key, text in zip(some, texts, strict=True) if text}
        return claims

    async def release(self, client: Redis, keys: Sequence[str]) -> None:
        for some in _batches(keys):
            await run_script(client, _OURS, list(map(self._names.claim, some)), [self._node_id, RELEASED_S, "release"])
            self.ours.difference_update(some)

    async def look_after(self, client: Redis) -> None:
        """Keeps our claims from expiring."""
        for some in _batches(list(self.ours)):
            ours = await run_script(
                client, _OURS, list(map(self._names.claim, some)), [self._node_id, CLAIM_S, "renew"]
            )
            kept = {some[index - 1] for index in ours}
            self.ours.difference_update(key for key in some if key not in kept)

    async def keep(self, scripts: ScriptSocket, states: Mapping[str, tuple[int, bytes]]) -> None:
        """Also raises ExchangeMessageTooLarge, before anything is kept."""
        for key, (_, state) in states.items():
            if len(state) > LARGEST_MESSAGE:
                raise ExchangeMessageTooLarge(f"a state of {len(state)} bytes; {LARGEST_MESSAGE} are the most ({key})")
        for some in _batches_of_states(states):
            arguments: list[bytes | str | int] = [STATE_S]
            for key in some:
                fence, state = states[key]
                arguments += (f"{fence:0{_FENCE_DIGITS}d}", state)
            keys = [*map(self._names.state, some), *map(self._names.claim, some)]
            self.refused_states += await scripts.run(_KEEP, keys, arguments)

    async def states(self, client: Redis, keys: Sequence[str]) -> dict[str, bytes]:
        states: dict[str, bytes] = {}
        for some in _batches(keys):
            values = await answer_of(client.mget([self._names.state(key) for key in some]))
            states |= {key: value[_FENCE_DIGITS:] for key, value in zip(some, values, strict=True) if value}
        return states


def _read_claim(text: bytes) -> Claim:
    owner, _, fence = text.decode().partition(":")
    return Claim(owner, int(fence))


def _batches(keys: Sequence[str]) -> Iterator[list[str]]:
    once = list(dict.fromkeys(keys))
    for begin in range(0, len(once), KEYS_PER_SCRIPT):
        yield once[begin : begin + KEYS_PER_SCRIPT]


def _batches_of_states(states: Mapping[str, tuple[int, bytes]]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for key, (_, state) in states.items():
        if batch and (len(batch) == STATES_PER_SCRIPT or size + len(state) > STATE_BYTES_PER_SCRIPT):
            yield batch
            batch, size = [], 0
        batch.append(key)
        size += len(state)
    if batch:
        yield batch
