// Numbers with their units, times in the viewer's locale, and names for people.

import { h } from "./dom.js";

const TASKS = {
  text_to_image: "Text to image", inpainting: "Inpainting", outpainting: "Outpainting",
  image_variation: "Image variation", color_guided: "Color-guided", background_removal: "Background removal",
  upscale: "Upscale", recolor: "Recolor", style_transfer: "Style transfer",
  bulk: "Bulk", merge_results: "Merged results", prepare_image: "Prepared image", mask: "Mask",
  extend_canvas: "Extended canvas", review: "Review",
};
const STATUSES = {
  done: "Done", partial: "Partly blocked", blocked: "Blocked", invalid: "Invalid", failed: "Failed",
  skipped: "Skipped", not_run: "Not run",
};
/** Of a bulk task's rows, in the order in which they are shown. */
export const STATUS_ORDER = Object.keys(STATUSES);

const integers = new Intl.NumberFormat();
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const days = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const longDays = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeZone: "UTC" });
const [cents, parts] = [[2, 2], [3, 4]].map(([minimumFractionDigits, maximumFractionDigits]) => new Intl.NumberFormat(undefined, {
  style: "currency", currency: "USD", currencyDisplay: "narrowSymbol", minimumFractionDigits, maximumFractionDigits,
}));

export const taskName = (task) => TASKS[task] ?? sentence(task ?? "task");
export const statusName = (status) => STATUSES[status] ?? sentence(status);
export const sentence = (name) => {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};
export const integer = (value) => integers.format(value);
export const count = (value, one, many = `${one}s`) => `${integer(value)} ${value === 1 ? one : many}`;
export const size = (width, height) => `${width} × ${height}`;

/** Return an amount; small ones keep the digits that tell them apart. */
export function usd(value) {
  if (value === null || value === undefined) return "unknown";
  return (value === 0 || Math.abs(value) >= 1 ? cents : parts).format(value);
}

/** Return a length of time. */
export function duration(milliseconds) {
  if (milliseconds < 1000) return `${integer(Math.round(milliseconds))} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  const [large, small] = minutes < 60 ? [`${minutes} min`, Math.round(seconds % 60)] : [`${Math.floor(minutes / 60)} h`, minutes % 60];
  return small === 0 ? large : `${large} ${small} ${minutes < 60 ? "s" : "min"}`;
}

/** Return how large a file is. */
export function bytes(value) {
  if (value < 1000) return `${value} B`;
  return value < 1e6 ? `${Math.round(value / 1000)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

/** Return a time in the viewer's locale; the exact one shows when pointed at. */
export function time(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.valueOf())) return h("span", {}, String(iso));
  return h("time", { datetime: date.toISOString(), title: date.toISOString() }, dates.format(date));
}

export const day = (iso) => days.format(new Date(`${iso}T00:00:00Z`));
export const longDay = (iso) => longDays.format(new Date(`${iso}T00:00:00Z`));

/** Return the last part of a URI, as a name of a file. */
export function fileName(uri) {
  return String(uri ?? "").split("/").pop() || "image";
}

/** Return a parameter's value as text. */
export function valueText(value) {
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((part) => typeof part === "string")) return value.join("\n");
  return JSON.stringify(value);
}
