// Where we are and where things lie. Airflow may live below a path, so all is found from the address of this file.

/** The address of the app, with a slash at its end: `/titan/`, or `/airflow/titan/`. */
export const BASE = new URL("..", import.meta.url).pathname;

/** Whether Airflow's UI shows this page in a frame of its own. */
export const FRAMED = window.self !== window.top;

const KINDS = [
  ["instance", /^dags\/([^/]+)\/runs\/([^/]+)\/tasks\/([^/]+)\/([^/]+)$/, ["dag", "run", "task", "map"]],
  ["run", /^dags\/([^/]+)\/runs\/([^/]+)$/, ["dag", "run"]],
  ["task", /^dags\/([^/]+)\/tasks\/([^/]+)$/, ["dag", "task"]],
  ["dag", /^dags\/([^/]+)$/, ["dag"]],
  ["home", /^$/, []],
];

/** Return what the page's address names: `{kind, path, ids}`; the path is below BASE, its segments still quoted. */
export function here(pathname = window.location.pathname) {
  const path = pathname.slice(BASE.length).replace(/\/$/, "");
  for (const [kind, pattern, names] of KINDS) {
    const match = pattern.exec(path);
    if (match) return { kind, path, ids: Object.fromEntries(names.map((name, i) => [name, unquote(match[i + 1])])) };
  }
  return { kind: "unknown", path, ids: {} };
}

/** Return the address of a page of the gallery from ids that aren't quoted yet. */
export function page(...segments) {
  return BASE + segments.map((segment) => encodeURIComponent(segment)).join("/");
}

/** Return the address of the data of a page. */
export function api(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") parameters.set(name, value);
  }
  const text = parameters.toString();
  return `${BASE}api/${path}${text ? `?${text}` : ""}`;
}

/** Return an address that the server named, if it is one of ours; nothing else is ever followed. */
export function ours(address) {
  if (typeof address !== "string") return null;
  const url = new URL(address, window.location.href);
  return url.origin === window.location.origin && url.pathname.startsWith(BASE) ? url.pathname + url.search : null;
}

/** Return the address of Airflow's own page of what this page shows, for those who came without its frame. */
export function airflowPage({ kind, ids }) {
  const root = BASE.replace(/titan\/$/, "");
  const at = (...segments) => root + segments.map((segment) => encodeURIComponent(segment)).join("/");
  if (kind === "home") return root;
  if (kind === "dag") return at("dags", ids.dag);
  if (kind === "task") return at("dags", ids.dag, "tasks", ids.task);
  const run = at("dags", ids.dag, "runs", ids.run);
  if (kind === "run") return run;
  const instance = `${run}/tasks/${encodeURIComponent(ids.task)}`;
  return /^\d+$/.test(ids.map) ? `${instance}/mapped/${ids.map}` : instance;
}

function unquote(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
