// Runs before anything is drawn, so that a chosen theme does not flash the other one.
(() => {
  const KEY = "music-emotion-theme";
  let chosen = null;
  try {
    chosen = localStorage.getItem(KEY);
  } catch {
    // Storage may be switched off; the system's theme is used then.
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function apply() {
    const isDark = chosen ? chosen === "dark" : dark.matches;
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
    document.getElementById("theme")?.setAttribute("aria-pressed", String(isDark));
    document.dispatchEvent(new CustomEvent("themechange"));
  }

  dark.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      try {
        localStorage.setItem(KEY, chosen);
      } catch {
        // See above.
      }
      apply();
    });
  });
  apply();
})();
