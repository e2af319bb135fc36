// The way in: what the address names is what is shown.

import { airflowPage, BASE, FRAMED, here, page } from "./address.js";
import { emptyNotice, troubleNotice } from "./api.js";
import { h, icon } from "./dom.js";
import { showOverview } from "./overview.js";
import { showFeed, showInstance, showRun } from "./sheet.js";
import { followTheme } from "./theme.js";

const PAGES = { home: showOverview, dag: showFeed, task: showFeed, run: showRun, instance: showInstance };

followTheme();
start(here());

async function start(place) {
  const content = document.getElementById("content");
  document.documentElement.classList.toggle("framed", FRAMED);
  document.title = [title(place), "Images"].filter(Boolean).join(" · ");
  document.getElementById("head").append(...head(place));
  const show = PAGES[place.kind];
  if (!show) {
    content.append(emptyNotice("There is nothing at this address", "Come here by a tab or a link of Airflow's."));
    return;
  }
  try {
    await show(content, place);
  } catch (error) {
    content.replaceChildren(troubleNotice(error, null));
  }
}

/** Return where this page stands among those of the gallery, and what leads out of it. */
function head(place) {
  const { kind, ids } = place;
  const trail = [["Titan", BASE]];
  if (ids.dag !== undefined) trail.push([ids.dag, page("dags", ids.dag)]);
  if (ids.run !== undefined) trail.push([ids.run, page("dags", ids.dag, "runs", ids.run)]);
  if (kind === "task") trail.push([ids.task, null]);
  if (kind === "instance") trail.push([/^\d+$/.test(ids.map) ? `${ids.task} [${ids.map}]` : ids.task, null]);
  const last = trail.length - 1;
  const steps = trail.map(([name, address], index) => h("li", {}, index < last && address
    ? h("a", { href: address, dir: "auto" }, name)
    : h("h1", { dir: "auto", "aria-current": "page" }, name)));
  return [
    h("nav", { "aria-label": "Where you are" }, h("ol", { class: "trail" }, steps)),
    h("div", { class: "actions" },
      FRAMED ? null : h("a", { class: "button small", href: airflowPage(place) }, icon("open"), h("span", {}, "Open in Airflow")),
      h("button", { type: "button", class: "tool", title: "Load again", on: { click: () => window.location.reload() } },
        icon("refresh"), h("span", { class: "unseen" }, "Load again"))),
  ];
}

function title({ kind, ids }) {
  return { home: "Titan", dag: ids.dag, run: ids.run, task: ids.task, instance: ids.task }[kind];
}
