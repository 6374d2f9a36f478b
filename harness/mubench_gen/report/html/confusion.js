// Confusion matrices: right options × answers, each cell links to its items in the gallery.

const MOST_CLASSES = 24;

function showConfusion(data) {
  const run = document.getElementById("confusion-run"), task = document.getElementById("confusion-task");
  const place = document.getElementById("confusion-table");
  run.replaceChildren(...data.runs.map((one, i) => el("option", { value: i }, one.label)));
  const fill = () => {
    const before = task.value;
    task.replaceChildren(...Object.keys(data.confusions[run.value]).map((name) => el("option", { value: name }, name)));
    if (Object.hasOwn(data.confusions[run.value], before)) task.value = before;
    draw();
  };
  const draw = () => {
    const counts = data.confusions[run.value][task.value];
    place.replaceChildren(counts ? matrix(data, counts, data.runs[run.value].label, task.value)
      : el("p", { class: "note" }, "This run has no answered multiple-choice item."));
  };
  run.addEventListener("change", fill);
  task.addEventListener("change", draw);
  fill();
}

function matrix(data, counts, model, task) {
  const { strings } = data, golds = new Map(), answers = new Map();
  for (const [gold, answer, n] of counts) {
    golds.set(gold, (golds.get(gold) ?? 0) + n);
    answers.set(answer, (answers.get(answer) ?? 0) + n);
  }
  const name = (code) => (code < 0 ? "no answer" : strings[code]);
  const top = (map) => [...map.keys()].filter((code) => code >= 0).sort((a, b) => map.get(b) - map.get(a)).slice(0, MOST_CLASSES);
  const rows = top(golds).sort((a, b) => name(a).localeCompare(name(b), "en", { numeric: true }));
  const others = top(answers).filter((code) => !golds.has(code)).sort((a, b) => name(a).localeCompare(name(b), "en", { numeric: true }));
  const columns = [...rows, ...others.slice(0, MOST_CLASSES - rows.length > 0 ? MOST_CLASSES - rows.length : 0), -1];
  const at = new Map(counts.map(([gold, answer, n]) => [`${gold} ${answer}`, n]));
  const left = counts.filter(([gold, answer]) => !rows.includes(gold) || !columns.includes(answer)).reduce((sum, one) => sum + one[2], 0);
  const cell = (gold, answer) => {
    const n = at.get(`${gold} ${answer}`) ?? 0, share = n / golds.get(gold);
    const words = `${name(gold)}, ${answer < 0 ? "no answer" : `answered ${name(answer)}`}: ${n} of ${golds.get(gold)}`;
    return el("td", { style: `--v:${share.toFixed(3)}`, class: gold === answer ? "same" : null },
      n ? el("a", { title: words, "aria-label": words, href: hashOf({ task, model, gold: name(gold), answer: answer < 0 ? "-" : name(answer) }),
        onclick: () => setTimeout(() => document.getElementById("gallery").scrollIntoView()) }, String(n)) : "");
  };
  return el("div", {}, el("table", { class: "matrix" },
    el("caption", {}, el("span", {}, `${model}, ${task}: the stronger the colour, the larger the share of its row`)),
    el("thead", {}, el("tr", {}, el("td", {}), ...columns.map((code) => el("th", { scope: "col", title: name(code) }, el("span", {}, ...visible(name(code))))), el("th", { scope: "col" }, el("span", {}, "items")))),
    el("tbody", {}, ...rows.map((gold) => el("tr", {}, el("th", { scope: "row", title: name(gold) }, ...visible(name(gold))),
      ...columns.map((answer) => cell(gold, answer)), el("td", {}, String(golds.get(gold))))))),
    left ? el("p", { class: "note" }, `${left.toLocaleString("en")} further answers chose rarer options.`) : "");
}
