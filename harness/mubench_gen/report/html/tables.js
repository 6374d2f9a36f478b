// Tables: a click on a heading sorts by it, and each can be saved as CSV.

function readyTables(root) {
  for (const table of root.querySelectorAll("table:not(.matrix, .sheet)")) makeSortable(table);
  for (const region of root.querySelectorAll(".scroll")) {
    const tables = [...region.querySelectorAll("table:not(.matrix, .sheet)")];
    if (!tables.length || region.previousElementSibling?.matches(".tools")) continue;
    const name = region.getAttribute("aria-label") ?? "table";
    region.before(el("p", { class: "tools" }, el("button", {
      type: "button", "aria-label": `Save as CSV: ${name}`,
      onclick: () => save(`${fileName(name)}.csv`, "text/csv", tables.map((one) => csvOf(cellsOf(one))).join("\r\n")),
    }, "CSV")));
  }
}

function makeSortable(table) {
  const bodies = [...table.tBodies].filter((body) => sortedRows(body).length > 1);
  const heads = table.tHead ? [...table.tHead.rows[table.tHead.rows.length - 1].cells] : [];
  if (!bodies.length) return;
  const first = new Map(bodies.map((body) => [body, sortedRows(body)])); // the order as it was written
  heads.forEach((head, place) => {
    if (!head.textContent.trim() || head.querySelector("button")) return;
    const button = el("button", { type: "button", class: "sort", title: "Sort by this column" }, ...head.childNodes);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const next = { none: "descending", descending: "ascending", ascending: "none" }[head.ariaSort ?? "none"];
      for (const other of heads) other.removeAttribute("aria-sort");
      if (next !== "none") head.ariaSort = next;
      for (const body of bodies) {
        const rows = next === "none" ? first.get(body) : sortRows(sortedRows(body), place, next === "ascending" ? 1 : -1);
        body.append(...rows);
      }
    });
  });
}

const sortedRows = (body) => [...body.rows].filter((row) => !row.matches(".heading, .pooled"));

function sortRows(rows, place, direction) {
  const keys = new Map(rows.map((row) => [row, keyOf(row.cells[place])]));
  return rows.toSorted((one, other) => {
    const a = keys.get(one), b = keys.get(other);
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1; // nothing is last
    return direction * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  });
}

function keyOf(cell) {
  const text = textOf(cell);
  if (!text || text === "–") return null;
  const number = Number.parseFloat(text.replace("−", "-").replaceAll(",", ""));
  return Number.isNaN(number) || !/^[−-]?[\d.]/.test(text) ? text : number;
}

// The words of a cell; what a <small> has stands behind a space.
const textOf = (cell) => (cell ? [...cell.childNodes].map((node) => node.textContent.trim()).filter(Boolean).join(" ") : "");

const cellsOf = (table) => [...table.rows].filter((row) => !row.hidden).map((row) =>
  [...row.cells].filter((cell) => getComputedStyle(cell).display !== "none").map(textOf));

// A spreadsheet would run a text that begins like a formula.
function csvOf(rows) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = /^[=+@\t\r]|^-(?!\d)/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

const fileName = (words) => words.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "table";

function save(name, kind, content) {
  const url = URL.createObjectURL(new Blob([content], { type: kind }));
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
