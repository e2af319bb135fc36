// The rows of a bulk task: a filter by status, a search, and a grid of which only what is visible exists.

import { api } from "./address.js";
import { fetchJson, troubleNotice } from "./api.js";
import { announce } from "./copy.js";
import { h, icon } from "./dom.js";
import { count, integer, statusName, STATUS_ORDER } from "./format.js";
import { Grid } from "./grid.js";
import { image } from "./image.js";
import { openRow } from "./row.js";

const PART = 100; // rows that are fetched at a time
const KEPT = 60; // parts that are kept: those seen longest ago go first
const LONGEST = 200; // characters of a search
const TYPING = 250; // milliseconds of no typing after which a search begins

/** Return the rows of the bulk task at a place, with what filters them. */
export function bulkRows(place) {
  const address = new URLSearchParams(window.location.search);
  const status = address.get("status") ?? "";
  const filter = { status: STATUS_ORDER.includes(status) ? status : "", search: (address.get("search") ?? "").slice(0, LONGEST) };
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Filter by status" });
  const told = h("p", { class: "found", role: "status" });
  const field = h("input", { type: "search", placeholder: "Search ids and errors", "aria-label": "Search ids and errors", maxlength: LONGEST, spellcheck: "false", autocomplete: "off" });
  field.value = filter.search;
  const body = h("div", { class: "grid-body" });
  const rows = new Rows(place.path, filter);
  let grid = null;

  async function begin() {
    grid?.end();
    grid = null;
    rows.forget();
    told.textContent = "Loading …";
    const asked = rows.version;
    try {
      const first = await rows.part(0);
      if (asked !== rows.version) return;
      showChips(first.counts);
      told.textContent = first.total === 0 ? "No row matches" : count(first.total, "row");
      grid = new Grid(body, { total: first.total, label: "Rows of the bulk task", fetch: (index) => rows.at(index), tile, open });
    } catch (error) {
      if (error.name === "AbortError" || asked !== rows.version) return;
      told.textContent = "";
      body.replaceChildren(troubleNotice(error, begin));
    }
  }

  function choose(changes) {
    Object.assign(filter, changes);
    const url = new URL(window.location.href);
    for (const [name, value] of Object.entries(filter)) {
      if (value) url.searchParams.set(name, value);
      else url.searchParams.delete(name);
    }
    window.history.replaceState(null, "", url);
    begin();
  }

  function showChips(counts) {
    const focused = chips.contains(document.activeElement) ? document.activeElement.dataset.status : null;
    const all = Object.values(counts).reduce((sum, number) => sum + number, 0);
    const chosen = STATUS_ORDER.filter((status) => counts[status] > 0 || status === filter.status);
    chips.replaceChildren(chip("", "All", all), ...chosen.map((status) => chip(status, statusName(status), counts[status] ?? 0)));
    if (focused !== null) chips.querySelector(`[data-status="${focused}"]`)?.focus();
  }

  function chip(status, name, number) {
    return h("button", { type: "button", class: "chip", data: { status }, "aria-pressed": String(filter.status === status),
      on: { click: () => choose({ status }) } },
    status ? h("span", { class: "dot", "aria-hidden": "true" }) : null, `${name} `, h("b", {}, integer(number)));
  }

  async function open(index, opener) {
    const moved = await openRow(place, index, grid.total, (wanted) => rows.at(wanted));
    if (moved === index) opener.focus();
    else grid?.focus(moved);
  }

  let typing = null;
  field.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      choose({ search: field.value.trim() });
      announce("Searching");
    }, TYPING);
  });

  begin();
  return h("section", { class: "rows", "aria-label": "Rows" }, h("div", { class: "bar" }, chips, field, told), body);
}

/** Rows by their number, fetched in parts when they are first asked for. */
class Rows {
  constructor(path, filter) {
    Object.assign(this, { path, filter, version: 0, parts: new Map(), stop: new AbortController() });
  }

  /** Forget everything, and let go of what is under way: another filter holds. */
  forget() {
    this.stop.abort();
    this.stop = new AbortController();
    this.parts.clear();
    this.version += 1;
  }

  /** Return a promise of the part that begins at an offset. */
  part(offset) {
    const known = this.parts.get(offset);
    if (known) {
      this.parts.delete(offset); // and back in: the order of the map is that of use
      this.parts.set(offset, known);
      return known;
    }
    const promise = fetchJson(api(`${this.path}/rows`, { ...this.filter, offset, limit: PART }), this.stop.signal);
    promise.then((part) => { promise.rows = part.rows; }, () => this.parts.delete(offset));
    this.parts.set(offset, promise);
    if (this.parts.size > KEPT) this.parts.delete(this.parts.keys().next().value);
    return promise;
  }

  /** Return a row, or a promise of it. */
  at(index) {
    const offset = index - (index % PART);
    const part = this.part(offset);
    return part.rows ? part.rows[index - offset] : part.then(({ rows }) => rows[index - offset]);
  }
}

/** Fill a tile of the grid with what a row shows. */
function tile(element, row) {
  const [first] = row.images;
  const name = row.id || `Line ${row.line}`;
  element.setAttribute("aria-label", `${name}, ${statusName(row.status)}${row.error ? `: ${row.error.message ?? ""}` : ""}`);
  element.dataset.status = row.status;
  const picture = first ? image(first.thumbnail_url, "", first.url)
    : h("span", { class: "why" }, icon(row.status === "blocked" ? "stop" : "broken"), h("span", { dir: "auto" }, row.error?.message ?? statusName(row.status)));
  if (picture instanceof HTMLImageElement) picture.loading = "eager"; // only what is visible is here
  element.replaceChildren(
    h("span", { class: "thumb" }, picture, row.images.length > 1 ? h("span", { class: "many" }, `+${row.images.length - 1}`) : null),
    h("span", { class: "name", dir: "auto", title: name }, name),
    h("span", { class: "status" }, h("span", { class: "dot" }), statusName(row.status)));
}
