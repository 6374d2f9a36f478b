// One item: its image and facts, and for each run the prompt, the reply and the parsed answer.

function itemDialog(context, source) {
  const dialog = document.getElementById("item");
  let shown = "", turn = 0, drawn = "", beside = null;

  const close = () => { if (readState().item) goTo({ ...readState(), item: "" }); };
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.closest(".reply, .said, summary, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: -1, k: -1, ArrowRight: 1, j: 1 }[event.key];
    if (step) { event.preventDefault(); beside?.go(shown, step); }
    else if (event.key === "z") dialog.querySelector(".zoom")?.click();
  });

  function hide() {
    if (dialog.open) {
      dialog.close();
      [...document.querySelectorAll("#cards a")].find((link) => link.dataset.item === shown)?.focus();
    }
    shown = drawn = "";
  }

  return async function open(state, neighbours) {
    const mine = ++turn;
    beside = neighbours;
    if (!state.item) { hide(); return; }
    const found = neighbours.onPage(state.item) ?? await source.item(state.item);
    if (mine !== turn) return;
    const was = `${drawn}`;
    shown = state.item;
    drawn = shown;
    const move = (step) => () => neighbours.go(shown, step);
    dialog.replaceChildren(
      el("div", { class: "item-top" },
        el("h2", { id: "item-title" }, ...(found ? titleOf(found) : ["No such item"])),
        el("button", { type: "button", disabled: !neighbours.has(shown, -1), "aria-label": "Earlier item", onclick: move(-1) }, "←"),
        el("button", { type: "button", disabled: !neighbours.has(shown, 1), "aria-label": "Next item", onclick: move(1) }, "→"),
        el("button", { type: "button", class: "close", onclick: close }, "Close")),
      found ? body(context, source, found, state) : el("p", { class: "item-body" }, `This report has no item “${state.item}”.`));
    if (!dialog.open) dialog.showModal();
    if (was === shown) return; // its models were chosen
    dialog.scrollTop = 0;
    dialog.querySelector(".close").focus({ preventScroll: true });
  };
}

function titleOf({ data, item }) {
  return [data.strings[data.items.task[item.number]], el("span", {}, ...visible(item.key))];
}

function body(context, source, { data, item }, state) {
  const number = pictureNumber(data, item), { records } = data;
  const off = switchedOff(state), pair = [state.model, state.beside].map((label) => context.runs.findIndex((run) => run.label === label));
  const runs = [...item.runs.keys()].filter((run) => !off.has(run) || pair.includes(run)).sort((a, b) => a - b);
  const sent = new Set(item.records.map((r) => records.messages[r])), same = sent.size === 1;
  const answers = (run) => item.runs.get(run).map((record) => answer(source, data, item, run, record, same, number));
  const compared = pair.every((run) => item.runs.has(run)) && pair[0] !== pair[1];
  const rest = compared ? runs.filter((run) => !pair.includes(run)) : runs;
  return el("div", { class: compared ? "item-body is-pair" : "item-body" },
    el("div", { class: "item-side" },
      el("div", { class: "item-view" }, ...views(source, data, item)),
      el("div", { class: "item-facts" }, facts(source, data, item, number),
        el("p", { class: "note" }, el("a", { href: location.href.replace(/#.*/, "") + hashOf({ item: item.key }) }, "Link to this item")))),
    el("div", { class: "item-answers" },
      runs.length > 1 ? pairForm(context, runs, state) : "",
      same ? el("details", { open: true }, el("summary", {}, "The prompt as it was sent"), ...prompt(data, item.records[0])) : "",
      compared ? el("div", { class: "pair" }, ...pair.map((run) => el("div", {}, ...answers(run)))) : "",
      compared && rest.length ? el("details", {}, el("summary", {}, `The other ${rest.length === 1 ? "model" : `${rest.length} models`}`), ...rest.flatMap(answers))
        : el("div", {}, ...rest.flatMap(answers))));
}

// All images of the item, each with its number where there are several.
function views(source, data, item) {
  const numbers = picturesOf(data, item);
  if (numbers.length === 1) return view(source, data, item, numbers[0]);
  return numbers.map((number, place) => el("figure", {}, el("figcaption", {}, `image ${place + 1}`), ...view(source, data, item, number)));
}

function view(source, data, item, number) {
  const boxes = item.records.map((r) => data.boxes[r]).find(Boolean), url = source.original(data, number);
  const shown = pictureOf(source, data, item, number);
  if (boxes?.size && url) shown.append(overlay(boxes));
  if (!url) return [shown];
  const large = async () => {
    const known = await source.about(data, number);
    const size = known && !source.isCopy ? `${known.width} × ${known.height} pixels` : null;
    const note = source.isCopy && known ? `a small copy of ${known.width} × ${known.height}; mubench-gen view shows the original` : "";
    openZoom({ url, alt: altOf(data, item), size, note });
  };
  return [shown, el("button", { type: "button", class: "zoom", onclick: large }, "Zoom in ", el("kbd", {}, "z"))];
}

function facts(source, data, item, number) {
  const row = item.number, list = el("dl", { class: "facts" });
  const pairs = [["data set", data.strings[data.items.dataset[row]]], ...metaOf(data, row)];
  list.append(...pairs.flatMap(([name, value]) => [el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, ...visible(value))]));
  source.about(data, number)?.then((found) => {
    if (found) list.append(el("dt", {}, "file"), el("dd", {}, `${found.name} (${found.width} × ${found.height})`));
  });
  return list;
}

// Two models beside each other: the same choice as that of the gallery.
function pairForm(context, runs, state) {
  const list = (name, first, words) => el("label", {}, `${words} `, el("select", { onchange: (event) => goTo({ ...readState(), [name]: event.target.value, outcome: "" }) },
    el("option", { value: "" }, first),
    ...runs.map((run) => el("option", { value: context.runs[run].label, selected: state[name] === context.runs[run].label }, context.runs[run].label))));
  return el("div", { class: "choices pair-form" }, list("model", "all models", "Show"), list("beside", "no other", "beside"));
}
