/** /dispatch/customers: whom we know, who can sign in, and the invitation for who cannot. */

import { get, post } from "../api.js";
import { copies, offerToCopy } from "../components/copying.js";
import { byId, element, inARow, say } from "../components/element.js";
import { showProblem, withButton } from "../components/notice.js";
import { _ } from "../words.js";

/** More rows than anybody reads; whoever is not among them is found by typing. */
const MOST_ROWS = 200;

let everybody = [];
const invited = new Set();

async function invite(contact, button) {
  await withButton(button, byId("problem"), async () => {
    const { email, url } = await post("/api/invitations", { email: contact.email });
    invited.add(contact.id);
    say(byId("invited-text"), _("{email} has been invited.", { email }));
    offerToCopy("invited", "copy-invitation", "invitation-url", url);
    byId("invited").scrollIntoView({ block: "nearest" });
  });
  draw();
}

function inviteButton(contact) {
  const button = element("button", { class: "button small", type: "button" }, _("Invite"));
  button.addEventListener("click", () => invite(contact, button));
  return button;
}

function stateOf({ account, contact }) {
  if (account.status !== "active") return element("span", { class: "badge" }, _("Account not active"));
  if (contact.signs_in) return element("span", { class: "badge lively" }, _("Can sign in"));
  return invited.has(contact.id) ? element("span", { class: "badge" }, _("Invited")) : inviteButton(contact);
}

function row(each) {
  const { account, contact } = each;
  const { phone } = contact;
  const book = element("a", { class: "button small", href: `/dispatch/book?contact=${encodeURIComponent(contact.email)}` }, _("Book"));
  return element(
    "li",
    { "data-email": contact.email },
    element(
      "div",
      {},
      element("p", {}, contact.name || contact.email),
      element("p", { class: "quiet small" }, inARow([account.name, contact.name && contact.email, phone && element("span", { dir: "ltr", class: "unbroken" }, phone)])),
    ),
    element("div", { class: "row-actions" }, stateOf(each), account.status === "active" ? book : null),
  );
}

function draw() {
  const wanted = byId("find").value.trim().toLowerCase();
  const found = everybody.filter(({ text }) => text.includes(wanted));
  const rows = found.slice(0, MOST_ROWS).map(row);
  byId("customers").replaceChildren(...(rows.length ? rows : [element("li", { class: "quiet" }, _("Nobody by that name."))]));
  byId("more").hidden = found.length <= MOST_ROWS;
  say(byId("more"), _("{count} more: type a part of the name.", { count: found.length - MOST_ROWS }));
}

copies("copy-invitation", "invitation-url");
byId("find").addEventListener("input", draw);

try {
  const { accounts } = await get("/api/dispatch/customers");
  everybody = accounts.flatMap((account) =>
    account.contacts.map((contact) => ({ account, contact, text: [account.name, contact.name, contact.email].join("\n").toLowerCase() })),
  );
  draw();
} catch (problem) {
  byId("customers").replaceChildren();
  showProblem(byId("problem"), problem);
}
