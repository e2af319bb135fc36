// Data from the server, and every way in which it can fail, in words.

import { h, icon } from "./dom.js";

/** What went wrong, in a short sentence, and what to do about it. */
export class Trouble extends Error {
  constructor(message, remedy, status = 0) {
    super(message);
    this.remedy = remedy;
    this.status = status;
  }
}

const TROUBLES = {
  401: ["You are not signed in.", "Sign in to Airflow, then load this page again."],
  403: ["You may not see these pictures.", "Whoever looks after this Airflow can give you access to the DAG."],
  404: ["There is nothing at this address.", "The DAG, the run or the task may have been deleted."],
  413: ["This is too large to show.", "It can be had from S3 by its URI."],
  422: ["This address can't be read.", "Come here by a tab or a link of Airflow's."],
  429: ["Too many requests at once.", "Wait a moment, then try again."],
  503: ["Airflow is busy.", "Wait a moment, then try again."],
};
/** What another try doesn't change. */
const HOPELESS = [400, 401, 403, 404, 413, 422];
const BROKEN = ["Airflow failed to answer.", "Try again. If it stays, the log of the api-server says why."];
const AWAY = ["Airflow can't be reached.", "Check your connection, then try again."];

/**
 * Return what the server says at an address.
 * @throws {Trouble} if it says no, or nothing
 */
export async function fetchJson(address, signal) {
  let response;
  try {
    response = await fetch(address, { signal, headers: { Accept: "application/json" }, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble(...AWAY);
  }
  if (!response.ok) {
    const [message, remedy] = TROUBLES[response.status] ?? BROKEN;
    const said = await problem(response);
    // what the server says itself is wrong is not what the remedy of a hopeless one is for
    throw new Trouble(said ?? message, said && HOPELESS.includes(response.status) ? null : remedy, response.status);
  }
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble(...BROKEN, response.status);
  }
}

/** Return what the server itself says is wrong, where it does. */
async function problem(response) {
  try {
    const said = (await response.json()).problem;
    return typeof said === "string" && said ? said : null;
  } catch {
    return null;
  }
}

/** Return a notice that says what went wrong, with a button where another try may help. */
export function troubleNotice(error, retry) {
  const known = error instanceof Trouble ? error : new Trouble("This page has failed.", "Load it again.");
  if (known !== error) console.error(error);
  return h("section", { class: "notice trouble", role: "alert" },
    icon(known.status === 403 || known.status === 401 ? "stop" : "broken"),
    h("h2", { dir: "auto" }, known.message), known.remedy && h("p", {}, known.remedy),
    retry && !HOPELESS.includes(known.status) && h("button", { type: "button", class: "button", on: { click: retry } }, "Try again"));
}

/** Return a friendly notice where there is nothing to see. */
export function emptyNotice(title, ...paragraphs) {
  return h("section", { class: "notice" }, icon("picture"), h("h2", {}, title), paragraphs.map((text) => h("p", {}, text)));
}
