/** /dispatch/setup: switches that act at once, a file that is checked before it is imported, days that differ. */

import { post, put, remove } from "../api.js";
import { byId, element, say } from "../components/element.js";
import { onSend } from "../components/form.js";
import { showNotice, showProblem, withButton } from "../components/notice.js";
import { _, later } from "../words.js";

const NAMES = {
  switches: later("Switches"),
  territories: later("Territories"),
  services: later("Services"),
  holidays: later("Holidays"),
  accounts: later("Accounts"),
  sites: later("Sites"),
  assets: later("Assets"),
  technicians: later("Technicians"),
  skills: later("Skills"),
  shifts: later("Shifts"),
  breaks: later("Breaks"),
  exceptions: later("Other days"),
  contacts: later("Contacts"),
  staff: later("Staff"),
};
const COUNTS = {
  new: later("{count} new"),
  changed: later("{count} changed"),
  removed: later("{count} removed"),
  unchanged: later("{count} as they are"),
};

const REDRAW_WITHIN_MS = 15_000;

/** The file as it was when it was checked: that one is imported, whatever becomes of it on the disk. */
let checked = null;

function show(values) {
  for (const button of byId("switches").querySelectorAll("[data-switch]")) {
    button.setAttribute("aria-checked", String(values[button.dataset.switch]));
  }
}

async function throwSwitch(button) {
  const before = button.getAttribute("aria-checked") === "true";
  // It moves under the finger; if the server says no, it goes back.
  button.setAttribute("aria-checked", String(!before));
  let answer = null;
  await withButton(button, byId("switch-problem"), async () => {
    answer = await put("/api/dispatch/switches", { [button.dataset.switch]: !before });
  });
  if (answer) show(answer);
  else button.setAttribute("aria-checked", String(before));
}

function importPath({ name }, dryRun) {
  return `/api/dispatch/import?${new URLSearchParams({ file: name, dry_run: dryRun })}`;
}

function showFaults(problem) {
  const faults = problem?.extra?.errors ?? [];
  byId("faults").hidden = !faults.length;
  // The sentences come from the checks of the import, which speak English everywhere.
  byId("faults").replaceChildren(...faults.map(({ at, detail }) => element("li", { lang: "en", dir: "ltr" }, element("code", {}, at), detail)));
}

function changeRow([kind, counts]) {
  const told = Object.entries(COUNTS).filter(([name]) => counts[name]);
  return element("li", {}, element("strong", {}, _(NAMES[kind])), ": ", told.map(([name, text]) => _(text, { count: counts[name] })).join(", "));
}

const writes = (changes) => Object.values(changes).some((counts) => counts.new || counts.changed || counts.removed);

/** What it changes, by list; null when the page says why it cannot. */
async function send(file, dryRun) {
  try {
    const { changes } = await post(importPath(file, dryRun), file.content);
    showFaults(null);
    return changes;
  } catch (problem) {
    byId("checked").hidden = true;
    showFaults(problem);
    if (problem.code === "import_refused") showNotice(byId("import-problem"), _("Nothing was imported. This stands in the way:"));
    else showProblem(byId("import-problem"), problem);
    if (problem.code === "import_refused" && !problem.extra.errors) byId("import-problem").append(element("p", { lang: "en", dir: "ltr" }, problem.detail));
    return null;
  }
}

async function check(file) {
  checked = null;
  byId("checked").hidden = true;
  showFaults(null);
  showNotice(byId("import-problem"), "");
  const read = { name: file.name, content: new Blob([await file.arrayBuffer()]) };
  const changes = await send(read, true);
  if (!changes) return;
  checked = read;
  byId("checked").hidden = false;
  say(byId("checked-text"), writes(changes) ? _("{name} would bring:", { name: file.name }) : _("{name} would change nothing.", { name: file.name }));
  byId("changes").replaceChildren(...Object.entries(changes).map(changeRow));
  byId("import").hidden = !writes(changes);
}

/** The server draws the tables. What was changed is changed, whether they can be drawn again or not. */
async function redraw() {
  const open = new Set([...document.querySelectorAll("#tables details[open]")].map((each) => each.closest("#tables > div").id));
  let fresh = null;
  try {
    const answer = await fetch(location.pathname, { cache: "no-store", signal: AbortSignal.timeout(REDRAW_WITHIN_MS) });
    if (answer.ok && !answer.redirected) fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    // As when the session has ended: the page opens anew, or says why it cannot.
  }
  const parts = ["switches", "tables", "day-technician"].map((id) => [byId(id), fresh?.getElementById(id)]);
  if (!parts.every(([, part]) => part)) {
    location.reload();
    return;
  }
  for (const [old, part] of parts) old.replaceWith(part);
  for (const id of open) for (const details of byId(id)?.querySelectorAll("details") ?? []) details.open = true;
}

async function importChecked() {
  const file = checked;
  const changes = await send(file, false);
  if (!changes) return;
  byId("checked").hidden = true;
  showNotice(byId("import-problem"), _("{name} was imported.", { name: file.name }), "good");
  if (checked === file) checked = null;
  await redraw();
}

async function removeRow(button) {
  const place = byId("removal-problem");
  const table = button.closest("#tables > div").id;
  const done = await withButton(button, place, async () => {
    await remove(button.dataset.remove);
    await redraw();
    showNotice(place, _("Removed."), "good");
  });
  if (!done) place.scrollIntoView({ block: "center" });
  else byId(`${table}-title`)?.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-switch], [data-remove]");
  if (button) (button.dataset.remove ? removeRow : throwSwitch)(button);
});
const holidays = onSend("holiday-form", async ({ date, name }, form) => {
  await put(`/api/dispatch/holidays/${date}`, { name });
  await redraw();
  form.reset();
  holidays.tell(_("Saved."), "good");
});
const days = onSend("day-form", async ({ technician, date, kind, start, end }, form) => {
  await put(`/api/dispatch/technicians/${encodeURIComponent(technician)}/days/${date}`, { kind, start: start || null, end: end || null });
  await redraw();
  form.reset();
  days.tell(_("Saved."), "good");
});
// The same file once more, mended, is a choice, too.
byId("file").addEventListener("click", ({ currentTarget }) => (currentTarget.value = ""));
byId("file").addEventListener("change", async ({ currentTarget }) => {
  const [file] = currentTarget.files;
  if (!file) return;
  try {
    await check(file);
  } catch {
    showNotice(byId("import-problem"), _("The file cannot be read."));
  }
});
byId("import").addEventListener("click", () => withButton(byId("import"), byId("import-problem"), importChecked));
