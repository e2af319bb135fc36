// What was spent, day by day, as stacked bars; and the same as a table, for those who read numbers.

import { h, svg } from "./dom.js";
import { day, integer, longDay, usd } from "./format.js";

const HEIGHT = 180;
const LEFT = 52;
const BOTTOM = 22;
const TOP = 8;
const NAMED = 5; // that have a color of their own; what is left is one part

/** Return the chart of costs `{day, price_usd, images, [by]}`. */
export function costChart(costs, by, period) {
  const groups = largest(costs, by);
  const table = perDay(costs, by, groups, period);
  const box = h("div", { class: "chart" }, legend(groups));
  const canvas = h("div", { class: "canvas" });
  const readout = h("p", { class: "readout", "aria-hidden": "true" });
  box.append(canvas, readout);
  const draw = () => canvas.clientWidth && canvas.replaceChildren(bars(table, groups, canvas.clientWidth, readout));
  new ResizeObserver(draw).observe(canvas);
  box.append(asTable(table, groups, by));
  return box;
}

function largest(costs, by) {
  const sums = new Map();
  for (const cost of costs) sums.set(cost[by], (sums.get(cost[by]) ?? 0) + (cost.price_usd ?? 0));
  const names = [...sums].sort((a, b) => b[1] - a[1]).map(([name, total]) => ({ name: name ?? "without a model", key: name, total }));
  if (names.length <= NAMED + 1) return names;
  const rest = names.slice(NAMED);
  return [...names.slice(0, NAMED),
    { name: `${rest.length} others`, key: null, others: true, total: rest.reduce((sum, { total }) => sum + total, 0) }];
}

function perDay(costs, by, groups, period) {
  const place = new Map(groups.map((group, index) => [group.key, index]));
  const rest = groups.findIndex((group) => group.others);
  const days = new Map(lastDays(period).map((name) => [name, { day: name, parts: groups.map(() => 0), images: 0, total: 0 }]));
  for (const cost of costs) {
    const entry = days.get(cost.day);
    if (!entry) continue;
    entry.parts[place.get(cost[by]) ?? rest] += cost.price_usd ?? 0;
    entry.total += cost.price_usd ?? 0;
    entry.images += cost.images ?? 0;
  }
  return [...days.values()];
}

function lastDays(period) {
  const today = Date.now();
  return Array.from({ length: period }, (_, index) => new Date(today - (period - 1 - index) * 86_400_000).toISOString().slice(0, 10));
}

function legend(groups) {
  return h("ul", { class: "legend" }, groups.map((group, index) => h("li", {},
    h("span", { class: `swatch series-${index}`, "aria-hidden": "true" }), h("span", { dir: "auto" }, group.name), " ", h("b", {}, usd(group.total)))));
}

function bars(table, groups, width, readout) {
  const top = niceCeiling(Math.max(...table.map((entry) => entry.total)));
  const inner = width - LEFT;
  const slot = inner / table.length;
  const bar = Math.max(2, Math.min(36, slot * 0.72));
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const picture = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
    "aria-label": `Cost by day, ${usd(table.reduce((sum, entry) => sum + entry.total, 0))} in ${table.length} days; the table below has the numbers` });
  for (const share of [0, 0.5, 1]) {
    picture.append(svg("line", { class: "rule", x1: LEFT, x2: width, y1: y(top * share), y2: y(top * share) }),
      svg("text", { class: "axis", x: LEFT - 8, y: y(top * share) + 4, "text-anchor": "end" }, usd(top * share)));
  }
  const every = Math.ceil(table.length / Math.max(2, Math.floor(inner / 80)));
  table.forEach((entry, index) => {
    const x = LEFT + slot * index + (slot - bar) / 2;
    const column = svg("g", { class: "column" },
      svg("rect", { class: "hit", x: LEFT + slot * index, y: TOP, width: slot, height: HEIGHT - TOP - BOTTOM }));
    let below = 0;
    entry.parts.forEach((part, series) => {
      if (part > 0) {
        column.append(svg("rect", { class: `series-${series}`, x, width: bar, y: y(below + part), height: Math.max(1, y(below) - y(below + part)), rx: 1.5 }));
      }
      below += part;
    });
    const told = () => { readout.textContent = `${longDay(entry.day)}: ${usd(entry.total)}, ${integer(entry.images)} pictures`; };
    column.addEventListener("pointerenter", told);
    column.addEventListener("click", told);
    picture.append(column);
    if (index % every === 0) {
      picture.append(svg("text", { class: "axis", x: x + bar / 2, y: HEIGHT - 5, "text-anchor": index === 0 ? "start" : "middle" }, day(entry.day)));
    }
  });
  picture.addEventListener("pointerleave", () => { readout.textContent = ""; });
  return picture;
}

/** Return the next amount above whose half reads well too. */
function niceCeiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 3, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value);
}

function asTable(table, groups, by) {
  const spent = table.filter((entry) => entry.total > 0 || entry.images > 0).reverse();
  return h("details", { class: "as-table" }, h("summary", {}, "The same as a table"),
    h("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Cost by day" }, h("table", {},
      h("caption", { class: "unseen" }, `Cost by day and ${by === "dag_id" ? "DAG" : "model"}, in US dollars`),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Day"), groups.map((group) => h("th", { scope: "col", dir: "auto" }, group.name)),
        h("th", { scope: "col" }, "Pictures"), h("th", { scope: "col" }, "Together"))),
      h("tbody", {}, spent.map((entry) => h("tr", {}, h("th", { scope: "row" }, day(entry.day)),
        entry.parts.map((part) => h("td", {}, part > 0 ? usd(part) : "–")), h("td", {}, integer(entry.images)), h("td", {}, usd(entry.total))))))));
}
