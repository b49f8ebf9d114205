/** Google's polyline encoding with a precision of 1e-6 degrees, to a list of `{lat, lon}`. Pure. */

function numbersOf(text) {
  const numbers = [];
  let value = 0;
  let shift = 0;
  for (let index = 0; index < text.length; index += 1) {
    const chunk = text.charCodeAt(index) - 63;
    // Multiplication instead of <<: six decimals of a longitude, doubled for the sign, pass 31 bits.
    value += (chunk & 31) * 2 ** shift;
    shift += 5;
    if (chunk < 32) {
      numbers.push(value % 2 ? -(value + 1) / 2 : value / 2);
      value = 0;
      shift = 0;
    }
  }
  return numbers;
}

export function decodePolyline6(text) {
  const numbers = numbersOf(text);
  const points = [];
  let lat_e6 = 0;
  let lon_e6 = 0;
  for (let index = 0; index + 1 < numbers.length; index += 2) {
    lat_e6 += numbers[index];
    lon_e6 += numbers[index + 1];
    points.push({ lat: lat_e6 / 1e6, lon: lon_e6 / 1e6 });
  }
  return points;
}
