// What happens when the page opens.

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

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (document.getElementById("item").open) return;
  event.preventDefault();
  document.forms.filters.elements.q.focus();
});

// Links to a section keep the address, which holds the chosen filters.
document.querySelector(".bar nav").addEventListener("click", (event) => {
  const section = event.target.hash && document.getElementById(event.target.hash.slice(1));
  if (!section || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  section.scrollIntoView();
  section.tabIndex = -1;
  section.focus({ preventScroll: true });
});

unpacked(document.getElementById("items").textContent.trim()).then((data) => {
  const items = makeItems(data);
  showConfusion(data);
  showGallery(data, items, itemDialog(data, items));
  document.documentElement.dataset.ready = "true";
}, (problem) => {
  document.getElementById("found").textContent = `The items cannot be read: ${problem.message}`;
});
