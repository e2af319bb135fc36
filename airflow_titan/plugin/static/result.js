// One result: what was asked for and what it cost on the left; input, mask and outputs beside it.

import { ours } from "./address.js";
import { comparable, slider } from "./compare.js";
import { copyButton } from "./copy.js";
import { append, h, icon, words } from "./dom.js";
import { count, duration, sentence, size, taskName, time, usd, valueText } from "./format.js";
import { openLightbox } from "./lightbox.js";
import { figure } from "./picture.js";
import { preview } from "./preview.js";
import { statusCounts } from "./status.js";

const PREVIEW = 6; // pictures of a bulk task on a sheet of many tasks
const LONG_PROMPT = 280; // characters from which a prompt is folded
/** Parameters that stand somewhere else on the card, or name a picture that is shown. */
const SHOWN_ELSEWHERE = new Set(["text", "negative_text", "seed", "width", "height", "image", "images", "mask_image",
  "condition_image", "reference_image"]);

/** Return the element that takes results. */
export function sheet() {
  return h("div", { class: "sheet" });
}

/**
 * Return a result as an article, and give the sheet the columns that it needs.
 *
 * @param list the sheet that it is for
 * @param title its heading: the task on the page of a run, the run on the page of a task, what was done where it is alone
 * @param alone whether it is the only one on its page, where there is room for everything
 */
export function card(list, result, { title, subtitle = null, alone = false }) {
  if (inputsOf(result).length) list.classList.add("with-inputs");
  if (masksOf(result).length) list.classList.add("with-masks");
  const article = h("article", { class: `result${alone ? " alone" : ""}` });
  append(article, [
    h("div", { class: "facts" }, heading(result, title, subtitle, alone), notices(result), prompt(result), facts(result, alone)),
    result.bulk ? bulkSummary(result, alone) : strip(result, alone),
  ]);
  return article;
}

function heading(result, title, subtitle, alone) {
  const address = alone ? null : ours(result.page);
  const state = result.state && result.state !== "success" ? badge(result.state) : null;
  return h("header", {},
    h("h2", { dir: "auto" }, address ? h("a", { href: address }, title) : title, state),
    h("p", { class: "kind" }, [result.task && !alone ? taskName(result.task) : null, subtitle].filter(Boolean).flatMap(
      (part, index) => (index ? [" · ", part] : [part]))));
}

export function badge(state) {
  return h("span", { class: "badge", data: { state } }, sentence(state));
}

function notices(result) {
  const lines = [];
  if (result.failure) lines.push(["failed", result.failure.error ?? "Failed", result.failure.message]);
  if (result.blocked) {
    lines.push(["blocked", `Blocked by the content filter: ${count(result.blocked.missing, "picture")} missing`, result.blocked.message]);
  }
  if (result.problem) lines.push(["problem", "The record can't be shown", result.problem]);
  for (const warning of result.warnings ?? []) lines.push(["warning", "Warning", warning]);
  return lines.map(([kind, title, text]) => h("div", { class: "callout", data: { kind } },
    h("strong", {}, title), text ? h("p", { dir: "auto" }, text) : null));
}

function prompt(result) {
  if (!result.prompt) return null;
  const text = h("p", { class: "prompt", dir: "auto" }, result.prompt);
  if (result.prompt.length <= LONG_PROMPT) return text;
  text.classList.add("folded");
  const button = h("button", { type: "button", class: "link", "aria-expanded": "false" }, "Show all");
  button.addEventListener("click", () => {
    const folded = text.classList.toggle("folded");
    button.setAttribute("aria-expanded", String(!folded));
    button.textContent = folded ? "Show all" : "Show less";
  });
  return [text, button];
}

function facts(result, alone) {
  const { model } = result;
  const rows = [
    ["Without", result.negative_prompt && words(result.negative_prompt)],
    ["Size", result.width ? `${size(result.width, result.height)} px` : null],
    ["Seed", result.seed === null || result.seed === undefined ? null : String(result.seed)],
    ["Model", model && [words(model.id, "id"), model.asked_for && model.asked_for !== model.id
      ? h("span", { class: "aside" }, "in the place of ", words(model.asked_for, "id")) : null]],
    ["Region", alone ? model?.region : null],
    ["Price", result.price_usd === null || result.price_usd === undefined ? null : usd(result.price_usd)],
    ["Took", result.latency_ms ? duration(result.latency_ms) : null],
    ["Made", result.created && time(result.created)],
  ].filter(([, value]) => value);
  const others = Object.entries(result.parameters ?? {}).filter(([name, value]) =>
    value !== null && !SHOWN_ELSEWHERE.has(name));
  return [
    list(rows),
    others.length ? h("details", { open: alone }, h("summary", {}, count(others.length, "more parameter")),
      list(others.map(([name, value]) => [sentence(name), words(valueText(value))]))) : null,
    result.manifest_uri ? h("p", { class: "record" }, copyButton(result.manifest_uri, "Copy manifest URI")) : null,
  ];
}

function list(rows) {
  return rows.length ? h("dl", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))) : null;
}

/** Return the masks of a result: the one that it was given, and the one that the model used. */
function masksOf(result) {
  return [...result.inputs.filter(isMask), result.mask].filter(Boolean);
}

/** Return what a result was made from, but for masks. */
function inputsOf(result) {
  return result.inputs.filter((picture) => !isMask(picture));
}

const isMask = (picture) => picture.parameter === "mask_image";

function strip(result, alone) {
  const inputs = inputsOf(result);
  const [first] = result.outputs;
  const before = comparable(result, first);
  const groups = [
    group("input", inputs.length > 1 ? "Inputs" : "Input", inputs.map((picture) =>
      figure(picture, { label: inputLabel(picture, inputs), result, named: inputs.length === 1 && picture.parameter !== "reference_image" && picture.parameter !== "condition_image" }))),
    group("mask", "Mask (black is inside)", masksOf(result).map((picture) => figure(picture, { label: "mask", result, named: true }))),
    group("output", result.outputs.length > 1 ? "Outputs" : "Output", result.outputs.map((picture, index) =>
      figure(picture, { label: result.outputs.length > 1 ? `output ${index + 1}` : "output", result,
        named: result.outputs.length === 1,
        before: comparable(result, picture), large: alone && !before && result.outputs.length === 1 })), before && !alone
      ? compareButton(result, before) : null),
  ];
  return h("div", { class: `strip${before ? " edited" : ""}` }, groups, alone && before ? h("section", { class: "before-after" },
    h("h3", {}, "Before and after"), slider(before, first)) : null);
}

function group(name, title, figures, extra = null) {
  return h("section", { class: `group ${name}${figures.length ? "" : " without"}`, "aria-label": title },
    figures.length ? [h("h3", {}, title), h("div", { class: "figures" }, figures), extra]
      : h("p", { class: "nothing" }, { input: "words only", mask: "no mask", output: "no picture" }[name]));
}

function inputLabel(picture, inputs) {
  if (!picture.parameter || picture.parameter === "image") return "input";
  const same = inputs.filter((other) => other.parameter === picture.parameter);
  const name = picture.parameter === "images" ? "input" : sentence(picture.parameter).toLowerCase();
  return same.length > 1 ? `${name} ${same.indexOf(picture) + 1}` : name;
}

function compareButton(result, before) {
  const button = h("button", { type: "button", class: "button small" }, icon("compare"), h("span", {}, "Before and after"));
  const [output] = result.outputs;
  const shown = { picture: output, label: "output", result, before, alt: "After", opener: button };
  button.addEventListener("click", () => openLightbox([shown], 0, { comparing: true }));
  return button;
}

function bulkSummary(result, alone) {
  const { bulk } = result;
  const address = ours(result.page);
  return h("div", { class: "bulk-summary" },
    h("p", { class: "figures-line" },
      h("strong", {}, count(bulk.requests ?? 0, "request")), " · ", count(bulk.images ?? 0, "picture"),
      bulk.seconds ? ` · ${duration(bulk.seconds * 1000)}` : null),
    statusCounts(bulk.counts ?? {}),
    alone ? null : preview(result, PREVIEW),
    h("p", { class: "actions" },
      !alone && address ? h("a", { class: "button", href: address }, icon("picture"), h("span", {}, "Show all rows")) : null,
      bulk.results_uri ? copyButton(bulk.results_uri, "Copy URI of the results") : null));
}
