// Light or dark: as Airflow's UI was told, which keeps the choice in the storage of this origin; else as the system says.

const KEY = "theme";

function apply() {
  let choice = null;
  try {
    choice = window.localStorage.getItem(KEY);
  } catch {
    // a browser that keeps nothing: the system's choice holds
  }
  if (choice === "light" || choice === "dark") document.documentElement.dataset.theme = choice;
  else delete document.documentElement.dataset.theme;
}

/** Follow the choice from now on, also when it changes in the frame around this page. */
export function followTheme() {
  apply();
  window.addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) apply();
  });
}
