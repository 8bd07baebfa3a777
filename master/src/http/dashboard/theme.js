// Light, dark, or as the system has it; kept in this browser.

const KEY = "meshwork-theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };

function read() {
  const kept = localStorage.getItem(KEY);
  return kept in NEXT ? kept : "auto";
}

export function show(button) {
  const theme = read();
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  button.textContent = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }[theme];
  button.setAttribute("aria-label", `Theme: ${theme}`);
}

export function next(button) {
  localStorage.setItem(KEY, NEXT[read()]);
  show(button);
}
