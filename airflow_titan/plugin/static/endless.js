// A list that grows when its end comes into sight, and by a button for those who don't scroll.

import { fetchJson, troubleNotice } from "./api.js";
import { announce } from "./copy.js";
import { append, h } from "./dom.js";

const AHEAD = "600px"; // how far below the window the end is when the next part is fetched

/**
 * Fill a list part by part.
 *
 * @param list the element that takes the items
 * @param address returns the address of the part that a cursor names; null for the first
 * @param render returns the elements of a part
 * @param automatic whether to go on by itself when the end comes into sight
 * @return the element to put below the list
 */
export function endless(list, { address, render, empty, skeleton = null, automatic = true, noun = "results" }) {
  const foot = h("div", { class: "more" });
  let shown = 0;
  const observer = new IntersectionObserver(
    (entries) => entries.some((entry) => entry.isIntersecting) && button.click(), { rootMargin: AHEAD });
  let cursor = null;
  const button = h("button", { type: "button", class: "button", on: { click: () => load() } }, "Load more");

  async function load() {
    observer.disconnect();
    foot.replaceChildren(shown === 0 && skeleton ? skeleton() : h("p", { class: "loading-line" }, "Loading …"));
    foot.setAttribute("aria-busy", "true");
    try {
      const part = await fetchJson(address(cursor));
      const elements = render(part, shown);
      append(list, elements);
      shown += elements.length;
      cursor = part.next ?? null;
      foot.replaceChildren();
      if (shown === 0 && cursor === null) foot.replaceChildren(empty(part));
      else if (shown > elements.length) announce(`${shown} ${noun} shown`);
    } catch (error) {
      foot.replaceChildren(troubleNotice(error, load));
      return;
    } finally {
      foot.removeAttribute("aria-busy");
    }
    if (cursor === null) return;
    foot.append(button);
    if (automatic) observer.observe(foot);
  }

  load();
  return foot;
}

/** Return gray shapes where results will be. */
export function skeletonResults(number = 3) {
  return h("div", { class: "skeletons", role: "status", "aria-label": "Loading" }, Array.from({ length: number }, () =>
    h("div", { class: "result skeleton", "aria-hidden": "true" },
      h("div", { class: "facts" }, h("i", { class: "bone short" }), h("i", { class: "bone" }), h("i", { class: "bone" })),
      h("div", { class: "strip" }, h("i", { class: "bone square" }), h("i", { class: "bone square" }), h("i", { class: "bone square" })))));
}
