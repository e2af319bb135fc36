// Elements from values. Every text becomes a text node, so whatever a prompt holds is shown and never read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element. `on` holds listeners, `data` data attributes; null, false and undefined are left out. */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** Return an element of SVG. */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, { on = {}, data = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  Object.assign(element.dataset, data);
  append(element, children);
  return element;
}

/** Append elements and texts, lists of them however deep, and nothing for null. */
export function append(element, children) {
  const wanted = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...wanted);
}

/** Return a text that somebody else wrote, in its own direction. */
export function words(text, className = "words") {
  return h("span", { class: className, dir: "auto" }, text);
}

/** Make a button do nothing, and leave it the focus: one that is disabled hears no keys. */
export function disable(button, disabled) {
  button.setAttribute("aria-disabled", String(disabled));
}

const PATHS = {
  download: "M12 4v11m0 0 4.5-4.5M12 15l-4.5-4.5M5 19.5h14",
  copy: "M9 9h10.5v10.5H9zM15 9V4.5H4.5V15H9",
  close: "M6 6l12 12M18 6 6 18",
  left: "M14.5 5.5 8 12l6.5 6.5",
  right: "M9.5 5.5 16 12l-6.5 6.5",
  compare: "M12 4v16M4.5 7H12M4.5 17H12M15 7h4.5v10H15",
  open: "M10 5H5v14h14v-5M14 5h5v5M19 5l-8 8",
  check: "M5.5 12.5 10 17l8.5-10",
  broken: "M4 5h16v14H4zM4 16l4.5-4.5 3 3M13 14l2.5-2.5L20 16M14 5l-2.5 4 3 2.5-2 3.5",
  picture: "M4 5h16v14H4zM4 16l4.5-4.5L13 16l3-3 4 4M15 9.5h.01",
  stop: "M6 6l12 12M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0z",
  refresh: "M19 12a7 7 0 1 1-2-4.9M19.5 4v4h-4",
};

/** Return one of our own icons; it says nothing to a screen reader. */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }));
}
