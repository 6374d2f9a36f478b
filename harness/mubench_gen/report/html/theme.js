// The theme: the system's, until the reader chooses one.

const theme = document.getElementById("theme");
const stored = (value) => {
  try { // a page from a file may have no storage
    if (value !== undefined) localStorage.setItem("mubench-gen-theme", value);
    return localStorage.getItem("mubench-gen-theme");
  } catch { return null; }
};
const setTheme = (name) => {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  theme.textContent = `Theme: ${name}`;
};
setTheme(["light", "dark"].includes(stored()) ? stored() : "auto");
theme.addEventListener("click", () => {
  const next = { auto: "light", light: "dark", dark: "auto" }[document.documentElement.dataset.theme ?? "auto"];
  setTheme(next);
  stored(next);
});

