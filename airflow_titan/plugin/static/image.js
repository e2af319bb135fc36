// Images, lazily loaded into boxes of their final shape, with a placeholder where they can't be shown.

import { ours } from "./address.js";
import { h, icon } from "./dom.js";
import { fileName } from "./format.js";

/** Return an image that gives way to a placeholder when it can't be loaded. */
export function image(address, alt, instead = null) {
  const source = ours(address) ?? ours(instead);
  if (!source) return broken(alt);
  const element = h("img", { alt, loading: "lazy", decoding: "async", draggable: "false" });
  element.addEventListener("load", () => element.classList.add("loaded"), { once: true });
  element.addEventListener("error", () => element.replaceWith(broken(alt)));
  element.src = source;
  return element;
}

/** Return what stands where a picture can't be shown. */
export function broken(alt) {
  return h("span", { class: "broken", role: "img", "aria-label": `${alt}, which can't be shown` },
    icon("broken"), h("span", {}, "can't be shown"));
}

/** Give an element the shape of a picture before it is there, so that nothing jumps when it comes. */
export function shape(element, { width, height }) {
  if (width > 0 && height > 0) element.style.aspectRatio = `${width} / ${height}`;
}

/** Return a link that saves the picture, under the name that it has in S3. */
export function downloadLink(picture, { compact = false } = {}) {
  const address = ours(picture.url);
  if (!address) return null;
  return h("a", { class: compact ? "tool" : "button small", href: address, download: fileName(picture.uri), title: "Download" },
    icon("download"), h("span", { class: compact ? "unseen" : null }, "Download"));
}
