import assert from "node:assert/strict";
import test from "node:test";

import { decodePolyline6 } from "../../static/js/polyline6.js";

test("a line of the well-known example comes out, in sixth decimals", () => {
  assert.deepEqual(decodePolyline6("_p~iF~ps|U_ulLnnqC_mqNvxq`@"), [
    { lat: 3.85, lon: -12.02 },
    { lat: 4.07, lon: -12.095 },
    { lat: 4.3252, lon: -12.6453 },
  ]);
});

test("longitudes that pass 31 bits after doubling survive", () => {
  const [point] = decodePolyline6(encode(-33.868_82, 179.999_999));

  assert.deepEqual(point, { lat: -33.868_82, lon: 179.999_999 });
});

test("an empty line has no points", () => {
  assert.deepEqual(decodePolyline6(""), []);
});

function encode(...degrees) {
  return degrees
    .map((value) => {
      const scaled = BigInt(Math.round(value * 1e6));
      let rest = scaled < 0n ? ~(scaled << 1n) : scaled << 1n;
      let text = "";
      while (rest >= 0x20n) {
        text += String.fromCharCode(Number((0x20n | (rest & 0x1fn)) + 63n));
        rest >>= 5n;
      }
      return text + String.fromCharCode(Number(rest + 63n));
    })
    .join("");
}
