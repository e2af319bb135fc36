// Before and after, one over the other, parted by a slider. The slider is a real one, so keys and screen readers move it.

import { ours } from "./address.js";
import { h } from "./dom.js";
import { shape } from "./image.js";

/** Return the first input that has the size of an output, if there is one: only such two lie upon each other. */
export function comparable(result, output) {
  if (!output?.width || result.task === "image_variation") return null;
  return result.inputs.find((input) => input.width === output.width && input.height === output.height
    && input.parameter !== "mask_image") ?? null;
}

/** Return both pictures with the slider over them. */
export function slider(before, after) {
  const box = h("div", { class: "compare" },
    layer(after, "after"), layer(before, "before"), h("span", { class: "divider", "aria-hidden": "true" }),
    h("span", { class: "tag left", "aria-hidden": "true" }, "before"), h("span", { class: "tag right", "aria-hidden": "true" }, "after"));
  shape(box, after);
  box.style.setProperty("--ratio", String(after.width / after.height));
  const range = h("input", { type: "range", min: "0", max: "100", step: "1", value: "50", "aria-label": "Before and after" });
  const move = () => {
    box.style.setProperty("--split", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % before, ${100 - range.value} % after`);
  };
  range.addEventListener("input", move);
  move();
  box.append(range);
  return box;
}

function layer(picture, name) {
  const element = h("img", { class: name, alt: name === "before" ? "Before" : "After", decoding: "async", draggable: "false" });
  element.addEventListener("error", () => element.closest(".compare")?.classList.add("incomplete"));
  const source = ours(picture.url);
  if (source) element.src = source;
  return element;
}
