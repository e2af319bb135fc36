// One picture of a result: a button that opens it in full size, and what it is below.

import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { size } from "./format.js";
import { downloadLink, image, shape } from "./image.js";
import { openLightbox } from "./lightbox.js";

/** What each picture's button shows, so that the lightbox finds its neighbors in the order of the page. */
const shown = new WeakMap();

/**
 * Return the picture as a figure: a button that opens it in full size, and a line below it.
 *
 * @param picture the server's `{url, thumbnail_url, uri, width, height, bytes}`
 * @param label what it is to its task, as "output 1"
 * @param result whose picture it is
 * @param named whether a heading above says already what it is
 * @param before what it was made from, where the two can be laid over each other
 */
export function figure(picture, { label, result, before = null, large = false, named = false }) {
  const alt = describe(label, result);
  const button = h("button", { type: "button", class: "frame", "aria-label": `${alt}. Open in full size` });
  shape(button, picture);
  button.append(image(large ? picture.url : picture.thumbnail_url, alt, large ? null : picture.url));
  shown.set(button, { picture, label, result, before, alt });
  button.addEventListener("click", () => openLightbox(...neighbors(button)));
  return h("figure", { class: "picture" }, button,
    h("figcaption", {},
      named && picture.width ? null : h("span", { class: "label" }, label),
      picture.width ? h("span", { class: "size" }, size(picture.width, picture.height)) : null,
      h("span", { class: "tools" }, downloadLink(picture, { compact: true }),
        copyButton(picture.uri, "Copy S3 URI", { compact: true }))));
}

function describe(label, result) {
  const what = result.prompt ? `: ${result.prompt.slice(0, 160)}` : "";
  return `${label.charAt(0).toUpperCase()}${label.slice(1)} of ${result.task_id ?? "a task"}${what}`;
}

function neighbors(button) {
  const scope = button.closest("dialog") ?? document.getElementById("content");
  const all = [...scope.querySelectorAll("button.frame")].filter((other) => shown.has(other));
  return [all.map((other) => ({ ...shown.get(other), opener: other })), all.indexOf(button)];
}
