// The filters of a board. They stand in the address after "#", so that a link restores them.

const filters = document.forms.filters, listed = [...document.querySelectorAll("tr[data-run]")];
const words = new Map(listed.map((row) => [row, `${row.cells[0].textContent} ${Object.values(row.dataset).join(" ")}`.toLowerCase()]));
const fields = [...filters.elements].filter((field) => field.name);

function showFiltered() {
  const hash = location.hash.slice(1), given = new URLSearchParams(hash.includes("=") ? hash : "");
  for (const field of fields) if (field.value !== (given.get(field.name) ?? "")) field.value = given.get(field.name) ?? "";
  const chosen = fields.filter((field) => field.value), left = new Set();
  for (const row of listed) {
    row.hidden = !chosen.every(({ name, value }) =>
      name === "q" ? words.get(row).includes(value.toLowerCase()) : row.dataset[name] === value);
    if (!row.hidden) left.add(row.dataset.run);
  }
  const all = new Set(listed.map((row) => row.dataset.run)).size;
  document.getElementById("found").textContent = chosen.length ? `${left.size} of ${all} runs` : "";
}

filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("input", () => {
  const given = new URLSearchParams(fields.filter((field) => field.value).map(({ name, value }) => [name, value]));
  history.replaceState(null, "", `#${given}`);
  showFiltered();
});
document.getElementById("reset").addEventListener("click", () => {
  history.replaceState(null, "", location.pathname + location.search);
  showFiltered();
});
addEventListener("hashchange", showFiltered);
filters.hidden = listed.length < 2;
showFiltered();
readyTables(document);
document.documentElement.dataset.ready = "true";
