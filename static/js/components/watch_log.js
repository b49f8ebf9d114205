/** Who watched the technician of a visit: the rows of the dispatcher's list. */

import { get } from "../api.js";
import { _, later } from "../words.js";
import { byId, element, inARow } from "./element.js";

const BY = { page: later("on their page"), link: later("by a tracking link"), board: later("on the board") };

/** Fills `#watched`. `at` says an instant, `technicians` maps ids to names. */
export async function drawWatchLog(path, { at, technicians }) {
  const { watchers } = await get(path);
  const rows = watchers.map((each) => {
    const saw = each.technician && _("saw {name}", { name: technicians.get(each.technician) ?? each.technician });
    const times = each.times > 1 && _("{count} times", { count: each.times });
    return element(
      "li",
      {},
      element(
        "div",
        {},
        element("p", {}, each.name || _("Anyone who has it")),
        element("p", { class: "quiet small" }, inARow([_(BY[each.by]), saw, times].filter(Boolean))),
      ),
      element("span", { class: "quiet small numbers" }, at(each.first_at)),
    );
  });
  byId("watched").replaceChildren(...(rows.length ? rows : [element("li", { class: "quiet" }, _("Nobody so far."))]));
}
