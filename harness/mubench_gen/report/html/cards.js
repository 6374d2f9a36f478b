// The gallery: the choices, and a page of cards at a time.

const A_PAGE = 48;

function showGallery(data, items, open) {
  const { strings } = data;
  const form = document.getElementById("filters"), list = document.getElementById("cards");
  const found = document.getElementById("found"), pages = document.getElementById("pages");
  const options = (name, first, given) => form.elements[name].replaceChildren(
    el("option", { value: "" }, first),
    ...given.map((one) => (Array.isArray(one) ? el("option", { value: one[0] }, one[1]) : el("option", { value: one }, one))),
  );
  const names = (column) => [...new Set(data.items[column])].map((s) => strings[s]).sort();
  options("task", "all tasks", names("task"));
  options("dataset", "all data sets", names("dataset"));
  options("model", "any model", data.runs.map((run) => run.label));
  const seen = new Set(data.records.status);
  options("status", "any status", data.statuses.map((s, i) => [s, s.replaceAll("_", " "), seen.has(i)]).filter((s) => s[2]));
  options("verdict", "right or wrong", [["right", "right"], ["wrong", "wrong"], ["unanswered", "unanswered"], ["failed", "failed (an error)"]]);
  const agreement = items.several
    ? [["disagree", "disagree"], ["split", "some right, some wrong"], ["right", "all right"], ["wrong", "all wrong"]] : [];
  if (items.torn) agreement.push(["torn", "a model gives several answers"]);
  options("agree", "agree or not", agreement);
  document.getElementById("agree-label").hidden = !agreement.length;
  const note = document.getElementById("agree-note");
  note.hidden = items.several;
  note.hidden ||= !items.all.length;
  note.textContent = data.runs.length < 2
    ? "One run: nothing to disagree with. With several runs items can be filtered by disagreement."
    : "No item was answered by two of these runs: items cannot be filtered by disagreement.";

  let state = readState(), left = [];

  function card(item) {
    const row = item.number;
    const gold = strings[data.options[data.items.options[row]][data.items.gold[row]]];
    const verdicts = data.runs.map((run, i) => [run, items.verdict(item, i)]).filter(([, v]) => v);
    const link = el("a", { class: "card", href: hashOf({ ...state, item: item.key }), "data-item": item.key },
      pictureOf(data, item.records.map((r) => data.records.picture[r]).find((p) => p >= 0) ?? -1, row),
      el("span", { class: "words" },
        el("span", { class: "task" }, `${strings[data.items.task[row]]} · ${strings[data.items.dataset[row]]}`),
        el("span", { class: "gold" }, ...visible(gold)),
        el("span", { class: "verdicts" }, ...verdicts.map(([run, v]) =>
          el("span", { class: `verdict is-${v.kind}`, title: `${run.label}: ${v.words}` }, el("b", { "aria-hidden": "true" }, v.mark),
            " ", run.label, el("span", { class: "hear" }, ` ${v.words}`), v.n > 1 ? ` ${v.right}/${v.n}` : "")))));
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      goTo({ ...readState(), item: item.key }, true);
    });
    return el("li", {}, link);
  }

  function chips() {
    return ["gold", "answer"].filter((key) => state[key]).map((key) => {
      const words = key === "gold" ? `right option: ${state.gold}` : state.answer === "-" ? "no answer" : `answered: ${state.answer}`;
      return el("button", { class: "chip", type: "button", title: "Remove this filter", onclick: () => goTo({ ...readState(), [key]: "", page: "" }) }, `${words}  ×`);
    });
  }

  function draw() {
    const last = Math.max(1, Math.ceil(left.length / A_PAGE));
    const page = Math.min(last, Math.max(1, Number.parseInt(state.page, 10) || 1));
    list.replaceChildren(...left.slice((page - 1) * A_PAGE, page * A_PAGE).map(card));
    const many = (n) => n.toLocaleString("en");
    found.replaceChildren(
      !items.all.length ? "No item has been recorded yet." : left.length ? `${many(left.length)} of ${many(items.all.length)} items` : `None of ${many(items.all.length)} items match these filters.`,
      ...chips());
    const turn = (to, words, name) => el("button", { type: "button", disabled: to < 1 || to > last, "aria-label": name,
      onclick: () => { goTo({ ...readState(), page: String(to) }); document.getElementById("gallery").scrollIntoView(); } }, words);
    pages.replaceChildren(...(last > 1
      ? [turn(page - 1, "← Earlier", "Earlier items"), `Page ${many(page)} of ${many(last)}`, turn(page + 1, "Further →", "Further items")] : []));
  }

  function apply() {
    const before = hashOf({ ...state, item: "", page: "" });
    state = readState();
    for (const name of ["task", "dataset", "model", "status", "verdict", "agree"]) form.elements[name].value = state[name];
    if (document.activeElement !== form.elements.q) form.elements.q.value = state.q;
    if (!left.length || hashOf({ ...state, item: "", page: "" }) !== before || apply.first) left = items.chosen(state);
    apply.first = false;
    draw();
    open(state, left);
    list.dataset.shown = location.hash;
  }
  apply.first = true;

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", (event) => {
    if (event.target.name !== "q") goTo({ ...readState(), [event.target.name]: event.target.value, page: "", item: "" });
  });
  let typed;
  form.elements.q.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(() => goTo({ ...readState(), q: form.elements.q.value.trim(), page: "", item: "" }), 180);
  });
  document.getElementById("reset").addEventListener("click", () => { form.elements.q.value = ""; goTo({}); });
  list.addEventListener("keydown", (event) => {
    const cards = [...list.querySelectorAll(".card")], at = cards.indexOf(document.activeElement);
    const wide = cards.filter((one) => one.offsetTop === cards[0].offsetTop).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide }[event.key];
    if (at < 0 || !step || !cards[at + step]) return;
    event.preventDefault();
    cards[at + step].focus();
  });
  addEventListener("hashchange", apply);
  addEventListener("popstate", apply);
  apply();
  if (location.hash.includes("=") && !state.item) document.getElementById("gallery").scrollIntoView();
}

function pictureOf(data, number, row) {
  const found = picture(number);
  if (!found) {
    const words = number < 0 ? "No image was shown" : "The image is missing";
    return el("span", { class: "pic none", role: "img", "aria-label": words }, words);
  }
  const meta = metaOf(data, row);
  const facts = [meta.get("modality"), meta.get("submodality"), meta.get("stain")].filter(Boolean).join(", ");
  const alt = `Micrograph ${meta.get("image_id") ?? found[0]}${facts ? `: ${facts}` : ""}`;
  return el("span", { class: "pic" }, el("img", { src: `data:image/jpeg;base64,${found[3]}`, alt, loading: "lazy", decoding: "async" }));
}

function metaOf(data, row) {
  const pairs = data.metas[data.items.meta[row]], meta = new Map();
  for (let i = 0; i < pairs.length; i += 2) meta.set(data.strings[pairs[i]], data.strings[pairs[i + 1]]);
  return meta;
}
