/** Asking the server: JSON in, JSON out, problems as `Problem`. No DOM. */

import { hearServerTime } from "./server_clock.js";
import { _, isKnown, later } from "./words.js";

export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", title = "", detail = "", ...extra }) {
    super(detail || title || code);
    Object.assign(this, { status, code, title, detail, extra });
  }
}

const UNREACHABLE = later("We cannot reach the server. Please check your connection and try again.");
const OFFLINE = later("You are offline. This is the last we heard; it updates when you are back.");
const UNEXPECTED = later("Something went wrong. Please try again.");

/** What to tell the person: the server's sentence where it can be said in their language, else its title. */
export function problemWords({ detail, title, message }) {
  return _([detail, title, message].find((text) => text && isKnown(text)) ?? UNEXPECTED);
}

/** A line that swallows everything never fails by itself. A change may take longer: it must not be asked for twice. */
const ANSWER_WITHIN_MS = 15_000;
const CHANGE_WITHIN_MS = 60_000;

async function problemOf(response) {
  try {
    return new Problem({ ...(await response.json()), status: response.status });
  } catch {
    return new Problem({ status: response.status, code: "unexpected", detail: UNEXPECTED });
  }
}

/** `{data, etag}`; throws `Problem`. `version` makes the change conditional on what the page has shown. */
export async function request(method, path, { body, version, idempotencyKey, within_ms } = {}) {
  const headers = { Accept: "application/json" };
  // A file goes as it is, everything else as JSON.
  const isFile = body instanceof Blob;
  if (body !== undefined) headers["Content-Type"] = isFile ? "application/octet-stream" : "application/json";
  if (version !== undefined) headers["If-Match"] = `"${version}"`;
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  const signal = AbortSignal.timeout(within_ms ?? (method === "GET" ? ANSWER_WITHIN_MS : CHANGE_WITHIN_MS));
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined || isFile ? body : JSON.stringify(body), cache: "no-store", signal });
  } catch {
    throw new Problem({ detail: globalThis.navigator?.onLine === false ? OFFLINE : UNREACHABLE });
  }
  hearServerTime(response.headers.get("Date"));
  if (!response.ok) throw await problemOf(response);
  try {
    const text = await response.text();
    return { data: text ? JSON.parse(text) : null, etag: response.headers.get("ETag") };
  } catch {
    // The line broke within the answer, or it is not the server's.
    throw new Problem({ detail: UNREACHABLE });
  }
}

export const get = async (path) => (await request("GET", path)).data;
export const post = async (path, body = {}, options = {}) => (await request("POST", path, { ...options, body })).data;
export const put = async (path, body) => (await request("PUT", path, { body })).data;
export const remove = async (path) => (await request("DELETE", path)).data;

export const appointmentPath = (id, rest = "") => `/api/appointments/${encodeURIComponent(id)}${rest}`;
