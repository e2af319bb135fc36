// What became of the requests of a bulk task: a bar of proportions with its legend.

import { h } from "./dom.js";
import { integer, statusName, STATUS_ORDER } from "./format.js";

/** Return the statuses that occur, in the order of the package. */
export function occurring(counts) {
  return STATUS_ORDER.filter((status) => counts[status] > 0);
}

/** Return a bar whose parts are as long as there are requests of each status, and what they are below it. */
export function statusCounts(counts) {
  const statuses = occurring(counts);
  return h("div", { class: "status-counts" },
    h("div", { class: "status-bar", "aria-hidden": "true" }, statuses.map((status) => {
      const part = h("span", { data: { status } });
      part.style.flexGrow = String(counts[status]);
      return part;
    })),
    h("ul", {}, statuses.map((status) => h("li", { data: { status } },
      h("span", { class: "dot", "aria-hidden": "true" }), `${statusName(status)} `, h("strong", {}, integer(counts[status]))))));
}
