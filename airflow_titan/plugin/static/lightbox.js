// One picture in full size, with its neighbors to the left and right. A modal dialog: the browser keeps the focus in it,
// closes it on Escape and gives the focus back.

import { FRAMED, ours } from "./address.js";
import { slider } from "./compare.js";
import { announce, copyButton } from "./copy.js";
import { append, disable, h, icon, words } from "./dom.js";
import { bytes, size } from "./format.js";
import { broken, downloadLink } from "./image.js";

/** Show one of several pictures: `{picture, label, result, before, alt, opener}`. */
export function openLightbox(pictures, index, { comparing = false } = {}) {
  let current = index;
  const stage = h("div", { class: "stage" });
  const foot = h("div", { class: "foot" });
  const previous = step("left", "Previous picture", () => go(current - 1));
  const next = step("right", "Next picture", () => go(current + 1));
  const close = h("button", { type: "button", class: "tool close", title: "Close (Esc)", on: { click: () => dialog.close() } },
    icon("close"), h("span", { class: "unseen" }, "Close"));
  const dialog = h("dialog", { class: "lightbox", "aria-label": "Picture in full size" }, close, previous, stage, next, foot);

  function go(wanted) {
    if (wanted < 0 || wanted >= pictures.length) return;
    current = wanted;
    show(false);
  }

  function show(compare) {
    const shown = pictures[current];
    stage.replaceChildren(compare ? slider(shown.before, shown.picture) : full(shown));
    foot.replaceChildren();
    append(foot, details(shown, current, pictures.length, compare, () => show(!compare)));
    disable(previous, current === 0);
    disable(next, current === pictures.length - 1);
    announce(`${current + 1} of ${pictures.length}: ${shown.label}`);
  }

  dialog.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLInputElement || event.altKey || event.ctrlKey || event.metaKey) return;
    const moves = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: pictures.length - 1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    go(moves[event.key]);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target === stage) dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    pictures[current].opener?.focus();
  });
  document.body.append(dialog);
  show(comparing && Boolean(pictures[current].before));
  dialog.showModal();
}

function step(direction, label, move) {
  return h("button", { type: "button", class: `tool step ${direction}`, title: label, on: { click: move } },
    icon(direction), h("span", { class: "unseen" }, label));
}

function full({ picture, alt }) {
  const source = ours(picture.url);
  if (!source) return broken(alt);
  const element = h("img", { class: "full", alt, decoding: "async", width: picture.width, height: picture.height });
  const box = h("div", { class: "full-box loading" }, element);
  element.addEventListener("load", () => box.classList.remove("loading"), { once: true });
  element.addEventListener("error", () => box.replaceChildren(broken(alt)));
  element.src = source;
  return box;
}

function details({ picture, label, result, before }, index, total, comparing, toggle) {
  const facts = [
    total > 1 ? `${index + 1} of ${total}` : null,
    [result.task_id, label].filter(Boolean).join(" · "),
    picture.width ? size(picture.width, picture.height) : null,
    picture.bytes ? bytes(picture.bytes) : null,
  ];
  return [
    h("div", { class: "told" },
      h("p", { class: "facts-line" }, facts.filter(Boolean).join("  ·  ")),
      result.prompt ? h("p", { class: "prompt-line" }, words(result.prompt)) : null),
    h("div", { class: "actions" },
      before ? h("button", { type: "button", class: "button small", "aria-pressed": String(comparing), on: { click: toggle } },
        icon("compare"), h("span", {}, "Before and after")) : null,
      FRAMED || !ours(picture.url) ? null : h("a", { class: "button small", href: ours(picture.url), target: "_blank", rel: "noopener" },
        icon("open"), h("span", {}, "Original")),
      downloadLink(picture),
      copyButton(picture.uri, "Copy S3 URI")),
  ];
}
