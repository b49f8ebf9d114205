import assert from "node:assert/strict";
import test from "node:test";

import { earlierPath, hearEarlier, hearNewest, newestPath, nothingPast } from "../../static/js/past_visits.js";

const visits = (...ids) => ids.map((id) => ({ id, rating: null }));
const page = (next, ...ids) => ({ appointments: visits(...ids), next });
const ids = (past) => past.visits.map((each) => each.id).join("");

test("the first page is what is shown", () => {
  const past = hearNewest(nothingPast, page("c", "a", "b", "c"));

  assert.deepEqual([ids(past), past.next], ["abc", "c"]);
  assert.equal(newestPath(nothingPast), "/api/appointments?section=past&limit=50");
  assert.equal(earlierPath({ next: "c&d" }), "/api/appointments?section=past&limit=50&before=c%26d");
});

test("an earlier page comes below, and says which are new", () => {
  const past = hearEarlier(hearNewest(nothingPast, page("b", "a", "b")), page(null, "c", "d"));

  assert.deepEqual([ids(past), past.next, past.added.length], ["abcd", null, 2]);
});

test("what is shown stays when the newest are asked for again", () => {
  const shown = hearEarlier(hearNewest(nothingPast, page("b", "a", "b")), page("d", "c", "d"));

  const past = hearNewest(shown, page("a", "z", "a"));

  assert.deepEqual([ids(past), past.next], ["zabcd", "d"]);
});

test("as many are asked for again as are shown, as long as one page can hold them", () => {
  const of = (count) => ({ visits: visits(...Array(count).keys()), next: null });

  assert.match(newestPath(of(3)), /limit=50$/);
  assert.match(newestPath(of(120)), /limit=120$/);
  assert.match(newestPath(of(300)), /limit=200$/);
});

test("what changed is shown as it is now", () => {
  const shown = hearNewest(nothingPast, page(null, "a", "b"));

  const past = hearNewest(shown, { appointments: [{ id: "a", rating: 5 }, ...visits("b")], next: null });

  assert.deepEqual(past.visits, [{ id: "a", rating: 5 }, { id: "b", rating: null }]);
});

test("nothing in common with what was shown: it begins anew, without a gap", () => {
  const past = hearNewest(hearNewest(nothingPast, page("b", "a", "b")), page("z", "y", "z"));

  assert.deepEqual([ids(past), past.next], ["yz", "z"]);
});
