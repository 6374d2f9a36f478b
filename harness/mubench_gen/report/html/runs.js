// The switches of the runs: what is switched off is hidden in tables, figures and the gallery.

function readyRuns(root, runs) {
  for (const title of root.querySelectorAll("svg.figure g > title")) {
    const run = runs.findIndex(({ label }) => title.textContent.startsWith(`${label}: `) || title.textContent.startsWith(`${label} (`));
    if (run >= 0) title.parentElement.classList.add(`r${run}`);
  }
  for (const box of root.querySelectorAll("input[data-switch]")) {
    box.addEventListener("change", () => {
      const state = readState(), off = switchedOff(state), run = Number(box.dataset.switch);
      if (box.checked) off.delete(run);
      else off.add(run);
      goTo({ ...state, off: [...off].sort((a, b) => a - b).join(","), page: "" });
    });
  }
  const all = root.querySelector("#all-runs");
  all?.addEventListener("click", () => goTo({ ...readState(), off: "", page: "" }));
  showSwitches();
}

function showSwitches() {
  const off = switchedOff(readState());
  document.getElementById("switched-off").textContent = off.size
    ? `${[...off].map((run) => `.r${run}`).join(", ")} { display: none !important; }` : "";
  for (const box of document.querySelectorAll("input[data-switch]")) {
    box.checked = !off.has(Number(box.dataset.switch));
    box.closest("tr").classList.toggle("is-off", !box.checked);
  }
  const all = document.getElementById("all-runs");
  if (all) all.hidden = !off.size;
}
addEventListener("hashchange", showSwitches);
addEventListener("popstate", showSwitches);
