/**
 * How the marker gets from where it is drawn to the newest fix: along the route where both ends lie on it, else along
 * the straight segment. It ends at the newest fix and never runs past it. Pure: times are arguments, in milliseconds.
 */

const ON_ROUTE_M = 35;
const JUMP_OVER_M = 1_500;
const SHORTEST_GLIDE_MS = 300;
const LONGEST_GLIDE_MS = 8_000;
const METRES_PER_DEGREE = 111_195;

function metresFrom(origin) {
  const perLon = METRES_PER_DEGREE * Math.cos((origin.lat * Math.PI) / 180);
  return (point) => ({ x: (point.lon - origin.lon) * perLon, y: (point.lat - origin.lat) * METRES_PER_DEGREE });
}

export function distanceM(a, b) {
  const { x, y } = metresFrom(a)(b);
  return Math.hypot(x, y);
}

/** The nearest place on a route: its index of segment, the point itself, how far off it is. */
function nearest(route, point) {
  const local = metresFrom(point);
  let best = null;
  for (let index = 0; index + 1 < route.length; index += 1) {
    const a = local(route[index]);
    const b = local(route[index + 1]);
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const length2 = dx * dx + dy * dy;
    const share = length2 ? Math.min(1, Math.max(0, -(a.x * dx + a.y * dy) / length2)) : 0;
    const off_m = Math.hypot(a.x + share * dx, a.y + share * dy);
    if (!best || off_m < best.off_m) best = { segment: index, share, off_m };
  }
  return best;
}

function between(a, b, share) {
  return { lat: a.lat + (b.lat - a.lat) * share, lon: a.lon + (b.lon - a.lon) * share };
}

function alongRoute(route, from, to) {
  if (!route || route.length < 2) return null;
  const start = nearest(route, from);
  const end = nearest(route, to);
  if (start.off_m > ON_ROUTE_M || end.off_m > ON_ROUTE_M) return null;
  if (end.segment + end.share <= start.segment + start.share) return null;
  return [from, ...route.slice(start.segment + 1, end.segment + 1), to];
}

function lengthOf(path) {
  let length_m = 0;
  for (let index = 0; index + 1 < path.length; index += 1) length_m += distanceM(path[index], path[index + 1]);
  return length_m;
}

/** What of a route still lies ahead of a place on it; the whole route from a place beside it. */
export function ahead(route, place) {
  const here = route.length > 1 ? nearest(route, place) : null;
  if (!here || here.off_m > ON_ROUTE_M) return route;
  return [place, ...route.slice(here.segment + 1)];
}

/** The time a glide may take: as long as the technician took between the two fixes, within reason. */
export function glideDuration(previous_fixed_at, fixed_at) {
  return Math.min(LONGEST_GLIDE_MS, Math.max(SHORTEST_GLIDE_MS, fixed_at - previous_fixed_at));
}

/** A glide from `from` to `to`, to be asked with `placeAt`. Far jumps have no duration. */
export function glide({ from, to, route = null, started_at, duration_ms }) {
  const straight_m = distanceM(from, to);
  const onRoad = alongRoute(route, from, to);
  // A detour far longer than the straight way means that the route crosses itself here: then straight is truer.
  const path = onRoad && lengthOf(onRoad) <= 2.5 * straight_m + 50 ? onRoad : [from, to];
  return {
    path,
    length_m: lengthOf(path),
    started_at,
    duration_ms: straight_m > JUMP_OVER_M ? 0 : duration_ms,
  };
}

/** `{lat, lon, done}` of a glide at `now`. */
export function placeAt({ path, length_m, started_at, duration_ms }, now) {
  const share = duration_ms > 0 ? Math.min(1, Math.max(0, (now - started_at) / duration_ms)) : 1;
  if (share === 1) return { ...path[path.length - 1], done: true };
  let left_m = share * length_m;
  for (let index = 0; index + 1 < path.length; index += 1) {
    const step_m = distanceM(path[index], path[index + 1]);
    if (left_m <= step_m && step_m > 0) return { ...between(path[index], path[index + 1], left_m / step_m), done: false };
    left_m -= step_m;
  }
  return { ...path[path.length - 1], done: false };
}
