// The page Titan: the newest pictures of all DAGs that the viewer may see, what was spent, and the models.

import { api, ours } from "./address.js";
import { emptyNotice, fetchJson, troubleNotice } from "./api.js";
import { costChart } from "./chart.js";
import { h, icon, words } from "./dom.js";
import { count, sentence, taskName, time, usd } from "./format.js";
import { image, shape } from "./image.js";
import { preview } from "./preview.js";

const PART = 12; // pictures that are fetched at a time
const PERIODS = [7, 30, 90]; // days

/** Show the page of all DAGs. */
export async function showOverview(content, place) {
  const wanted = Number(new URLSearchParams(window.location.search).get("days"));
  const days = PERIODS.includes(wanted) ? wanted : 30;
  content.replaceChildren(skeleton());
  let first;
  try {
    first = await fetchJson(api("overview", { limit: PART, days }));
  } catch (error) {
    content.replaceChildren(troubleNotice(error, () => showOverview(content, place)));
    return;
  }
  content.replaceChildren(newest(first, days), costs(first, days, (chosen) => {
    const url = new URL(window.location.href);
    url.searchParams.set("days", chosen);
    window.history.replaceState(null, "", url);
    showOverview(content, place);
  }), models(first.models ?? []));
}

function section(title, ...parts) {
  const id = `section-${title.toLowerCase().replaceAll(" ", "-")}`;
  return h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), parts);
}

function newest(first, days) {
  if (!first.results.length) {
    return emptyNotice("No pictures yet", "The newest pictures of all DAGs that you may see are shown here.",
      "Run one of the example DAGs, as example_titan_chain.");
  }
  const grid = h("div", { class: "newest" });
  const foot = h("div", { class: "more" });
  const add = (part) => {
    const shown = part.results.filter((result) => result.outputs.length || result.bulk || result.problem);
    grid.append(...shown.map(card));
    foot.replaceChildren();
    if (!part.next) return;
    const button = h("button", { type: "button", class: "button" }, "Load more");
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        add(await fetchJson(api("overview", { before: part.next, limit: PART, days })));
      } catch (error) {
        foot.replaceChildren(troubleNotice(error, () => foot.replaceChildren(button)));
        button.disabled = false;
      }
    });
    foot.append(button);
    if (!shown.length) button.click(); // a part of tasks that only show pictures of others
  };
  add(first);
  return section("Newest pictures", grid, foot);
}

function card(result) {
  const [first] = result.outputs;
  const frame = h("span", { class: "frame" });
  if (first) {
    shape(frame, first);
    frame.append(image(first.thumbnail_url, "", first.url));
  } else {
    frame.append((result.bulk && preview(result, 4)) ?? h("span", { class: "why" }, icon(result.problem ? "broken" : "picture"), result.problem ? "can't be shown" : "no pictures"));
  }
  const number = result.bulk ? result.bulk.images ?? 0 : result.outputs.length;
  const more = number > 1 ? h("span", { class: "many" }, count(number, "picture")) : null;
  return h("a", { class: "card", href: ours(result.page) ?? "#" },
    h("span", { class: "mount" }, frame, more),
    h("span", { class: "card-title", dir: "auto" }, result.prompt || taskName(result.task)),
    h("span", { class: "card-line" }, words(result.dag_id, "id"), " · ", words(result.task_id, "id")),
    result.created ? h("span", { class: "card-line" }, time(result.created)) : null);
}

function costs(first, days, choosePeriod) {
  const spent = first.costs ?? [];
  const total = spent.reduce((sum, cost) => sum + (cost.price_usd ?? 0), 0);
  const images = spent.reduce((sum, cost) => sum + (cost.images ?? 0), 0);
  let by = "model_id";
  const place = h("div", {});
  const draw = () => place.replaceChildren(spent.length ? costChart(spent, by, days)
    : h("p", { class: "quiet" }, `Nothing was made in the last ${days} days.`));
  draw();
  return section("Cost",
    h("div", { class: "bar" },
      h("p", { class: "totals" }, h("strong", {}, usd(total)), h("span", { class: "aside" }, " (estimate)"), " for ",
        h("strong", {}, count(images, "picture")), ` in ${days} days`),
      switcher("Group by", [["model_id", "Model"], ["dag_id", "DAG"]], by, (chosen) => {
        by = chosen;
        draw();
      }),
      switcher("Period", PERIODS.map((period) => [String(period), `${period} days`]), String(days), choosePeriod)),
    place,
    first.truncated ? h("p", { class: "quiet" }, "There was more than could be looked at: these numbers are too low.") : null);
}

function switcher(label, choices, chosen, choose) {
  const name = `switch-${label.toLowerCase().replaceAll(" ", "-")}`;
  return h("fieldset", { class: "switch" }, h("legend", { class: "unseen" }, label), choices.map(([value, text]) => {
    const input = h("input", { type: "radio", name, value, on: { change: () => choose(value) } });
    input.checked = value === chosen;
    return h("label", {}, input, h("span", {}, text));
  }));
}

function models(all) {
  if (!all.length) return null;
  const cell = (name, ...value) => h("td", { data: { name } }, ...value);
  return section("Models", h("table", { class: "models" },
    h("thead", {}, h("tr", {}, ["Model", "Lifecycle", "Price of a picture", "Regions", "Rerouted to"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, all.map((model) => h("tr", {},
      h("th", { scope: "row" }, model.name && model.name !== model.id ? h("span", { class: "model-name" }, model.name) : null, words(model.id, "id")),
      cell("Lifecycle", h("span", { class: "badge", data: { life: String(model.lifecycle ?? "").split(/[ ,]/)[0] } }, sentence(model.lifecycle ?? "unknown")),
        model.retires ? h("span", { class: "aside" }, ` until ${model.retires}`) : null),
      cell("Price of a picture", price(model.price_usd)),
      cell("Regions", (model.regions ?? []).join(", ") || "–"),
      cell("Rerouted to", model.rerouted_to ? words(model.rerouted_to, "id") : "–"))))));
}

function price(value) {
  if (Array.isArray(value)) return value.length ? [...new Set([value[0], value[value.length - 1]])].map(usd).join(" to ") : "unknown";
  return typeof value === "string" ? value : usd(value);
}

function skeleton() {
  return h("div", { role: "status", "aria-label": "Loading" }, h("div", { class: "newest", "aria-hidden": "true" },
    Array.from({ length: 6 }, () => h("i", { class: "bone square" }))), h("i", { class: "bone tall", "aria-hidden": "true" }));
}
