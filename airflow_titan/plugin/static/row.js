// One row of a bulk task in full, over the grid, with its neighbors.

import { api } from "./address.js";
import { emptyNotice, fetchJson, troubleNotice } from "./api.js";
import { copyButton } from "./copy.js";
import { disable, h, icon } from "./dom.js";
import { skeletonResults } from "./endless.js";
import { statusName, taskName, usd } from "./format.js";
import { card, sheet } from "./result.js";

/** Show a row until the dialog is closed; return the number of the one that was shown last. */
export function openRow(place, index, total, rowAt) {
  let current = index;
  const body = h("div", { class: "row-body" });
  const title = h("h2", { dir: "auto" });
  const position = h("p", { class: "kind" });
  const tool = (name, label, act) => h("button", { type: "button", class: "tool", title: label, on: { click: act } },
    icon(name), h("span", { class: "unseen" }, label));
  const previous = tool("left", "Previous row", () => go(current - 1));
  const next = tool("right", "Next row", () => go(current + 1));
  const dialog = h("dialog", { class: "row", "aria-label": "Row of the bulk task" },
    h("header", {}, h("div", {}, title, position), previous, next, tool("close", "Close (Esc)", () => dialog.close())), body);

  async function go(wanted) {
    if (wanted < 0 || wanted >= total) return;
    current = wanted;
    disable(previous, current === 0);
    disable(next, current === total - 1);
    body.replaceChildren(skeletonResults(1));
    try {
      const row = await rowAt(wanted);
      if (current !== wanted) return;
      title.textContent = row.id || `Line ${row.line}`;
      position.textContent = `Line ${row.line} · ${statusName(row.status)}${row.price_usd === null ? "" : ` · ${usd(row.price_usd)}`}`;
      const { results } = await fetchJson(api(`${place.path}/rows/${row.line}`));
      if (current !== wanted) return;
      body.replaceChildren(...shown(row, results));
    } catch (error) {
      if (current === wanted) body.replaceChildren(troubleNotice(error, () => go(wanted)));
    }
  }

  dialog.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement || event.altKey || event.ctrlKey || event.metaKey) return;
    const moves = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: total - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    go(moves[event.key]);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  go(index);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(current);
    });
  });
}

function shown(row, results) {
  const list = sheet();
  for (const result of results) list.append(card(list, result, { title: taskName(result.task), alone: true }));
  const error = row.error && !results.some((result) => result.failure) ? h("div", { class: "callout", data: { kind: "failed" } },
    h("strong", {}, row.error.error ?? statusName(row.status)), h("p", { dir: "auto" }, row.error.message ?? "")) : null;
  if (!results.length && !error) return [emptyNotice("No pictures of this row", statusName(row.status))];
  return [error, results.length ? list : null,
    !results.length && row.manifest_uri ? copyButton(row.manifest_uri, "Copy manifest URI") : null].filter(Boolean);
}
