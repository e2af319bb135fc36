// A grid of many tiles, of which only those in and near the window exist: ten thousand cost as much as ten.

import { h } from "./dom.js";

const WIDTH = 168; // of a tile at least, in pixels; two fit a phone
const GAP = 12;
const BELOW = 54; // the two lines below a thumbnail
const OVERSCAN = 2; // rows of tiles above and below the window
const CALM = 90; // milliseconds without scrolling before what isn't here yet is fetched
const TALLEST = 16_000_000; // pixels; browsers lay nothing out far beyond

export class Grid {
  /**
   * @param fetch returns a row, or a promise of it
   * @param tile fills an element with a row
   * @param open is called with the number of the tile that was chosen, and its element
   */
  constructor(body, { total, label, fetch, tile, open }) {
    Object.assign(this, { body, total, fetch, tile, open, tiles: new Map(), current: 0, timer: null, frame: null });
    this.space = h("div", { class: "space", role: "group", "aria-label": label });
    body.replaceChildren(this.space);
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    window.addEventListener("scroll", () => this.schedule(), { passive: true, signal });
    this.space.addEventListener("keydown", (event) => this.move(event));
    this.space.addEventListener("focusin", (event) => this.enter(event.target));
    this.space.addEventListener("click", (event) => {
      const element = event.target.closest("button");
      if (element) this.open(Number(element.dataset.index), element);
    });
    this.resizes = new ResizeObserver(() => this.measure());
    this.resizes.observe(this.space);
    this.measure();
  }

  /** Stop watching, and leave the place to another. */
  end() {
    this.listeners.abort();
    this.resizes.disconnect();
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.space.remove();
  }

  /** Find out how many tiles fit side by side, and how tall all of them are. */
  measure() {
    const width = this.space.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    this.columns = Math.max(2, Math.floor((width + GAP) / (WIDTH + GAP)));
    this.side = (width - GAP * (this.columns - 1)) / this.columns;
    this.height = Math.round(this.side + BELOW + GAP);
    this.lines = Math.ceil(this.total / this.columns);
    this.space.style.height = `${Math.min(this.lines * this.height, TALLEST)}px`;
    for (const element of this.tiles.values()) this.place(element);
    this.draw();
  }

  schedule() {
    if (this.frame === null) this.frame = requestAnimationFrame(() => this.draw());
  }

  /** Let exist what is visible, and nothing else. */
  draw() {
    this.frame = null;
    const top = -this.space.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / this.height) - OVERSCAN);
    const last = Math.min(this.lines, Math.ceil((top + window.innerHeight) / this.height) + OVERSCAN);
    const wanted = new Set();
    for (let index = first * this.columns; index < Math.min(last * this.columns, this.total); index += 1) wanted.add(index);
    if (this.total > 0) wanted.add(this.focused() ?? this.current);
    for (const [index, element] of this.tiles) if (!wanted.has(index)) this.drop(index, element);
    const added = [];
    for (const index of wanted) if (!this.tiles.has(index)) added.push(this.add(index));
    if (added.length) this.space.append(...added);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fill(), CALM);
  }

  drop(index, element) {
    element.querySelector("img:not(.loaded)")?.removeAttribute("src"); // what nobody waits for any more isn't loaded
    element.remove();
    this.tiles.delete(index);
  }

  add(index) {
    const element = h("button", { type: "button", class: "tile empty", data: { index },
      tabindex: index === this.current ? "0" : "-1", "aria-label": `${index + 1} of ${this.total}` },
    h("span", { class: "thumb" }));
    this.tiles.set(index, element);
    this.place(element);
    return element;
  }

  place(element) {
    const index = Number(element.dataset.index);
    const x = (index % this.columns) * (this.side + GAP);
    const y = Math.floor(index / this.columns) * this.height;
    element.style.width = `${this.side}px`;
    element.style.transform = `translate(${x}px, ${y}px)`;
  }

  /** Fill the tiles that are still empty, now that scrolling has paused. */
  fill() {
    for (const [index, element] of this.tiles) {
      if (!element.classList.contains("empty") || element.classList.contains("waiting")) continue;
      const row = this.fetch(index);
      if (!(row instanceof Promise)) this.show(element, row);
      else {
        element.classList.add("waiting");
        row.then((found) => this.show(element, found), () => this.fail(element));
      }
    }
  }

  show(element, row) {
    if (!element.isConnected || !row) return;
    element.classList.remove("empty", "waiting");
    this.tile(element, row);
  }

  fail(element) {
    element.classList.remove("waiting");
    if (element.isConnected) element.replaceChildren(h("span", { class: "thumb" }, h("span", { class: "why" }, "can't be loaded")));
  }

  focused() {
    const { index } = document.activeElement?.closest?.(".tile")?.dataset ?? {};
    return index === undefined || !this.space.contains(document.activeElement) ? null : Number(index);
  }

  enter(element) {
    const index = Number(element.closest(".tile")?.dataset.index ?? this.current);
    this.tiles.get(this.current)?.setAttribute("tabindex", "-1");
    this.current = index;
    this.tiles.get(index)?.setAttribute("tabindex", "0");
  }

  /** Go to a neighbor by the arrow keys. */
  move(event) {
    const window_ = Math.max(1, Math.floor(window.innerHeight / this.height)) * this.columns;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      PageUp: -window_, PageDown: window_, Home: -this.total, End: this.total };
    if (!(event.key in steps) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.focus(Math.min(this.total - 1, Math.max(0, this.current + steps[event.key])));
  }

  /** Bring a tile into the window, and the focus to it. */
  focus(index) {
    const y = Math.floor(index / this.columns) * this.height;
    const top = this.space.getBoundingClientRect().top + y;
    if (top < 70 || top + this.height > window.innerHeight) {
      window.scrollBy({ top: top < 70 ? top - 70 : top + this.height - window.innerHeight, behavior: "instant" });
    }
    this.tiles.get(this.current)?.setAttribute("tabindex", "-1");
    this.current = index;
    this.draw();
    const element = this.tiles.get(index);
    element.setAttribute("tabindex", "0");
    element.focus({ preventScroll: true });
  }
}
