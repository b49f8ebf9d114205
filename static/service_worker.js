/**
 * What an installed app shows while nothing can be reached: one page that says so. Nothing else is kept: no answer of the
 * API, no page of anybody, no position; whoever signs out leaves nothing here.
 *
 * The server writes `SHELL` in front of this file: `{version, pages: {language: address}, files, language}`, where `pages` are
 * the same page in each language, `files` what it needs, and `version` changes whenever any of it does.
 */

const CACHE = `shell-${SHELL.version}`;
/** Each page writes the language it is in there (components/offline.js). */
const SPOKEN = "shell-language";
const WISH_MS = 500;
let wish;

self.addEventListener("install", (event) => event.waitUntil(keepShell().then(takeOver)));

self.addEventListener("activate", (event) => {
  clearInterval(wish);
  event.waitUntil(Promise.all([forgetOldShells(), startPagesBeforeUs()]));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const path = address(request.url);
  // A calendar file is fetched like a page, but a page must never be saved in its place.
  if (request.method !== "GET" || path.startsWith("/api/")) return;
  if (request.mode === "navigate") event.respondWith(pageOrShell(event));
  else if (SHELL.files.includes(path)) event.respondWith(keptOrFresh(request));
});

const address = (url) => url.slice(self.location.origin.length);

async function keepShell() {
  const cache = await caches.open(CACHE);
  // Asked for as nobody, and past the browser's cache, which may hold the page of a version before.
  const wanted = [...Object.values(SHELL.pages), ...SHELL.files];
  await cache.addAll(wanted.map((path) => new Request(path, { cache: "reload", credentials: "omit" })));
}

/**
 * Chromium passes the wish only to an old worker that runs: one that is just being started for a page hears nothing, and
 * stays in its place until it has been idle for half a minute. So the wish is repeated until it is granted.
 */
function takeOver() {
  self.skipWaiting();
  wish = setInterval(() => self.skipWaiting(), WISH_MS);
}

async function forgetOldShells() {
  const old = (await caches.keys()).filter((name) => name !== CACHE && name !== SPOKEN);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** A page is asked for while this worker is still being started: nobody waits for it. */
async function startPagesBeforeUs() {
  await self.registration.navigationPreload?.enable();
}

async function pageOrShell(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch {
    return (await shellPage()) ?? Response.error();
  }
}

async function shellPage() {
  const spoken = await caches.match("/offline", { cacheName: SPOKEN });
  const language = spoken ? await spoken.text() : SHELL.language;
  return kept(SHELL.pages[language] ?? SHELL.pages[SHELL.language]);
}

async function keptOrFresh(request) {
  return (await kept(request.url)) ?? fetch(request);
}

/** Looked up without opening: a worker that is being replaced would bring the cache back that its successor deleted. */
async function kept(path) {
  return caches.match(path, { cacheName: CACHE, ignoreVary: true });
}
