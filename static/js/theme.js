// Sets light or dark before the page is painted: the user's choice, else the system's.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const choice = root.dataset.themeChoice;
    const isDark = choice === "dark" || (choice !== "light" && system.matches);
    root.setAttribute("data-bs-theme", isDark ? "dark" : "light");
  };
  system.addEventListener("change", apply);
  apply();
})();
