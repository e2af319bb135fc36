// Buttons that copy a text, and the one place from which what happened is spoken.

import { h, icon } from "./dom.js";

const SHOWN = 1600; // milliseconds that a button says that it has copied

/** Say something to those who don't see the page. */
export function announce(text) {
  let region = document.getElementById("spoken");
  if (!region) {
    region = h("div", { id: "spoken", class: "unseen", role: "status", "aria-live": "polite" });
  }
  (document.querySelector("dialog[open]") ?? document.body).append(region);
  region.textContent = text;
}

/** Return a button that copies a text. */
export function copyButton(text, label, { compact = false } = {}) {
  const caption = h("span", { class: compact ? "unseen" : null }, label);
  const button = h("button", { type: "button", class: compact ? "tool" : "button small", title: compact ? label : text },
    icon("copy"), caption);
  button.addEventListener("click", async () => {
    const copied = await copy(text);
    const told = copied ? "Copied" : "Can't copy here";
    announce(told);
    caption.textContent = told;
    button.classList.toggle("copied", copied);
    button.querySelector("svg").replaceWith(icon(copied ? "check" : "broken"));
    setTimeout(() => {
      caption.textContent = label;
      button.classList.remove("copied");
      button.querySelector("svg").replaceWith(icon("copy"));
    }, SHOWN);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text); // over plain HTTP, browsers have no clipboard for pages
  }
}

function copyBySelection(text) {
  const field = h("textarea", { class: "unseen", readonly: true, "aria-hidden": "true" });
  field.value = text;
  const focused = document.activeElement;
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return copied;
}
