// Sets the theme before the first paint; a file of its own because inline scripts are refused.
(() => {
  let theme = "dark";
  try {
    theme = localStorage.getItem("kyros.theme") === "light" ? "light" : "dark";
  } catch {}
  document.documentElement.dataset.theme = theme;
})();
