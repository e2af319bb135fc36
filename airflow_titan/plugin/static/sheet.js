// Pages of results: of a run in the order of its graph, of a task and a DAG with the newest first, of one task instance.

import { api } from "./address.js";
import { emptyNotice, fetchJson, troubleNotice } from "./api.js";
import { bulkRows } from "./bulk.js";
import { h, words } from "./dom.js";
import { endless, skeletonResults } from "./endless.js";
import { count, taskName, usd } from "./format.js";
import { card, sheet } from "./result.js";

const PART = 20; // results that are fetched at a time

const nothing = () => emptyNotice("No pictures of airflow_titan here",
  "Pictures that airflow_titan's operators make are shown on this tab, once their tasks have run.");

/** Show a DAG run: each task's pictures in the order of the graph, and what they cost together. */
export function showRun(content, place) {
  const total = h("p", { class: "totals" });
  const list = sheet();
  content.append(total, list, endless(list, {
    address: (offset) => api(place.path, { offset, limit: PART }),
    render: (part) => {
      if (part.results.length) total.replaceChildren(...totals(part));
      return part.results.map((result) => card(list, result, { title: mapped(result.task_id, result) }));
    },
    empty: nothing,
    skeleton: skeletonResults,
  }));
}

/** Show a task or a DAG: the newest first. */
export function showFeed(content, place) {
  const list = sheet();
  content.append(list, endless(list, {
    address: (before) => api(place.path, { before, limit: PART }),
    render: (part) => part.results.map((result) => card(list, result, place.kind === "dag"
      ? { title: mapped(result.task_id, result), subtitle: words(result.run_id, "id") }
      : { title: mapped(result.run_id, result) })),
    empty: nothing,
    skeleton: skeletonResults,
  }));
}

/** Show all that is known of one task instance, and the rows of a bulk task. */
export async function showInstance(content, place) {
  content.replaceChildren(skeletonResults(1));
  let results;
  try {
    ({ results } = await fetchJson(api(place.path)));
  } catch (error) {
    content.replaceChildren(troubleNotice(error, () => showInstance(content, place)));
    return;
  }
  if (results.length === 0) {
    content.replaceChildren(nothing());
    return;
  }
  const [result] = results;
  const list = sheet();
  list.append(card(list, result, { title: taskName(result.task), alone: true }));
  content.replaceChildren(list);
  if (result.bulk) content.append(bulkRows(place));
}

function mapped(name, result) {
  if (result.map_index === null || result.map_index === undefined || result.map_index < 0) return name;
  return `${name} [${result.map_label ?? result.map_index}]`;
}

function totals({ total, price_usd: price, images, results, truncated }) {
  return [
    h("strong", {}, count(images ?? 0, "picture")), " by ", count(total ?? results.length, "task instance"),
    price === null || price === undefined ? "" : [", ", h("strong", {}, usd(price)), h("span", { class: "aside" }, " (estimate)")],
    truncated && h("span", { class: "aside" }, " – there was more than could be looked at: these numbers are too low"),
  ].flat().filter(Boolean);
}
