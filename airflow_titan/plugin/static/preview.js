// A few pictures of a bulk task, where there is no room for all of them.

import { api, here, ours } from "./address.js";
import { fetchJson } from "./api.js";
import { h } from "./dom.js";
import { image } from "./image.js";

/**
 * Return the first pictures of a bulk task, side by side.
 *
 * They come when the element is in sight; if they don't, the numbers beside them say enough.
 */
export function preview(result, number) {
  const box = h("span", { class: "preview", "aria-hidden": "true" },
    Array.from({ length: Math.min(number, result.bulk.images ?? 0) }, () => h("span", { class: "thumb" })));
  const address = ours(result.page);
  if (!address || !box.childElementCount) return null;
  const observer = new IntersectionObserver(async (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    try {
      const { rows } = await fetchJson(api(`${here(address).path}/rows`, { status: "done", limit: number }));
      const pictures = rows.flatMap((row) => row.images.slice(0, 1));
      [...box.children].forEach((place, index) => pictures[index]
        && place.append(image(pictures[index].thumbnail_url, "", pictures[index].url)));
    } catch {
      box.remove();
    }
  }, { rootMargin: "200px" });
  observer.observe(box);
  return box;
}
