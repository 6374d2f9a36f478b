// The gallery: the choices, and a page of cards at a time, one for each item or for each image.

const A_PAGE = 48;
const MOST_NAMED = 6; // runs whose verdicts are named on a card
const WORDS = {
  verdict: [["right", "right"], ["wrong", "wrong"], ["unanswered", "unanswered"], ["failed", "failed (an error)"]],
  several: [["disagree", "models disagree"], ["split", "some right, some wrong"], ["right", "all right"], ["wrong", "all wrong"]],
  torn: [["torn", "a run gives several answers"]],
  flips: [["flips", "a model flips: right and wrong"]],
  sort: [["sure", "confident mistakes first"], ["differ", "disagreement first"], ["hard", "hardest first"]],
  outcome: [["gained", "right only in the second"], ["lost", "right only in the first"], ["differ", "another answer"], ["same", "the same answer"]],
  group: [["image", "images"]],
};

function showGallery(context, source, open) {
  const form = document.getElementById("filters"), list = document.getElementById("cards");
  const found = document.getElementById("found"), pages = document.getElementById("pages");
  let state = readState(), turn = 0, loading = {}, current = null, filled = "";

  function fill(facets) {
    const labels = context.runs.map((run) => run.label), now = JSON.stringify([facets, labels]);
    if (now === filled) return;
    filled = now;
    const options = (name, first, given) => form.elements[name].replaceChildren(
      el("option", { value: "" }, first),
      ...given.map((one) => (Array.isArray(one) ? el("option", { value: one[0] }, one[1]) : el("option", { value: one }, one))));
    options("task", "all tasks", facets.task);
    options("dataset", "all data sets", facets.dataset);
    options("modality", "all modalities", facets.modality);
    options("model", "any model", labels);
    options("beside", "no other", labels);
    options("status", "any status", facets.status.map((one) => [one, one.replaceAll("_", " ")]));
    const agreement = ["several", "torn", "flips"].filter((one) => facets[one]).flatMap((one) => WORDS[one]);
    options("agree", "agree or not", agreement);
    for (const [name, first] of [["verdict", "right or wrong"], ["sort", "as the data have them"], ["outcome", "any outcome"], ["group", "questions"]]) {
      options(name, first, WORDS[name]);
    }
    form.querySelector(".for-modality").hidden = facets.modality.length < 2;
    document.getElementById("agree-label").hidden = !agreement.length;
    const note = document.getElementById("agree-note");
    note.hidden = facets.several || !facets.task.length;
    note.textContent = labels.length < 2 ? "One run: nothing to disagree with. With several runs items can be filtered by disagreement."
      : "No item was answered by two of these runs: items cannot be filtered by disagreement.";
    for (const one of form.querySelectorAll(".for-several")) one.hidden = labels.length < 2;
  }

  function card(page, group) {
    const item = group[0], number = pictureNumber(page.data, item);
    const body = state.group === "image" && group.length > 1 ? questions(page, group) : [heading(page, item), gold(page, item), verdicts(page, item)];
    const shown = pictureOf(source, page.data, item, number), many = picturesOf(page.data, item).length;
    if (many > 1) shown.append(el("span", { class: "many" }, `${many} images`));
    const inner = [shown, el("span", { class: "words" }, ...body)];
    if (state.group === "image" && group.length > 1) return el("li", {}, el("div", { class: "card" }, ...inner));
    return el("li", {}, opener(item, { class: "card" }, ...inner));
  }

  function opener(item, attributes, ...children) {
    const link = el("a", { ...attributes, href: hashOf({ ...state, item: item.key }), "data-item": item.key }, ...children);
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      goTo({ ...readState(), item: item.key }, true);
    });
    return link;
  }

  const heading = ({ data }, item) => el("span", { class: "task" },
    `${data.strings[data.items.task[item.number]]} · ${data.strings[data.items.dataset[item.number]]}`);
  const gold = ({ data }, item) => {
    return el("span", { class: "gold" }, ...visible(data.strings[rightOf(data, item)]));
  };
  const questions = (page, group) => [
    el("span", { class: "task" }, page.data.strings[page.data.items.dataset[group[0].number]]),
    ...group.map((item) => opener(item, { class: "question" },
      el("span", { class: "task" }, page.data.strings[page.data.items.task[item.number]]), gold(page, item), verdicts(page, item))),
  ];

  function verdicts({ items }, item) {
    const off = switchedOff(state);
    const known = context.runs.map((run, i) => [run, off.has(i) ? null : items.verdict(item, i)]).filter(([, v]) => v);
    if (known.length <= MOST_NAMED) {
      return el("span", { class: "verdicts" }, ...known.map(([run, v]) =>
        el("span", { class: `verdict is-${v.kind}`, title: `${run.label}: ${v.words}` }, el("b", { "aria-hidden": "true" }, v.mark),
          " ", run.label, el("span", { class: "hear" }, ` ${v.words}`), v.n > 1 ? ` ${v.right}/${v.n}` : "")));
    }
    const marks = Map.groupBy(known, ([, v]) => v.mark);
    return el("span", { class: "verdicts" }, ...[...marks].sort((a, b) => b[1].length - a[1].length).map(([mark, several]) =>
      el("span", { class: `verdict is-${several[0][1].kind}`, title: several.map(([run]) => run.label).join(", ") },
        el("b", { "aria-hidden": "true" }, mark), ` ${several.length}`, el("span", { class: "hear" }, ` ${several[0][1].words}`))));
  }

  function chips() {
    return ["gold", "answer"].filter((key) => state[key]).map((key) => {
      const words = key === "gold" ? `right option: ${state.gold}` : state.answer === "-" ? "no answer" : `answered: ${state.answer}`;
      return el("button", { class: "chip", type: "button", title: "Remove this filter", onclick: () => goTo({ ...readState(), [key]: "", page: "" }) }, `${words}  ×`);
    });
  }

  function draw(page, number, last) {
    list.classList.toggle("by-image", state.group === "image");
    list.replaceChildren(...page.groups.map((group) => card(page, group)));
    const many = (n) => n.toLocaleString("en");
    const images = state.group === "image" && page.found ? ` about ${many(page.many)} images` : "";
    found.replaceChildren(
      !page.all ? "No item has been recorded yet." : page.found ? `${many(page.found)} of ${many(page.all)} items${images}` : `None of ${many(page.all)} items match these filters.`,
      ...chips());
    document.getElementById("save-items").hidden = !page.found;
    const leaf = (to, words, name) => el("button", { type: "button", disabled: to < 1 || to > last, "aria-label": name,
      onclick: () => { goTo({ ...readState(), page: String(to) }); document.getElementById("gallery").scrollIntoView(); } }, words);
    pages.replaceChildren(...(last > 1
      ? [leaf(number - 1, "← Earlier", "Earlier items"), `Page ${many(number)} of ${many(last)}`, leaf(number + 1, "Further →", "Further items")] : []));
  }

  const pageOf = (number) => source.page(state, (number - 1) * A_PAGE, A_PAGE);

  async function load() {
    const asked = Math.max(1, Number.parseInt(state.page, 10) || 1), page = await pageOf(asked);
    const last = Math.max(1, Math.ceil(page.many / A_PAGE));
    return asked > last ? { page: await pageOf(last), number: last, last } : { page, number: asked, last };
  }

  async function apply(event) {
    const mine = ++turn, hash = location.hash;
    state = readState();
    const key = hashOf({ ...state, item: "" });
    if (loading.key !== key || event === "renew") loading = { key, page: load() };
    const found = await loading.page;
    if (mine !== turn) return; // something else was chosen meanwhile
    if (found !== current) {
      current = found;
      fill(found.page.facets);
      draw(found.page, found.number, found.last);
    }
    for (const name of ["task", "dataset", "modality", "model", "beside", "outcome", "status", "verdict", "agree", "sort", "group"]) form.elements[name].value = state[name];
    form.querySelector(".for-pair").hidden = !state.model || !state.beside;
    if (document.activeElement !== form.elements.q) form.elements.q.value = state.q;
    await open(state, neighbours());
    if (mine === turn) list.dataset.shown = hash;
  }

  // The items before and after one: on this page, or the end of the page beside it.
  function neighbours() {
    const { page, number, last } = current, items = page.groups.flat();
    return {
      has: (key, step) => {
        const at = items.findIndex((item) => item.key === key);
        return at >= 0 && (items[at + step] !== undefined || (step < 0 ? number > 1 : number < last));
      },
      async go(key, step) {
        const at = items.findIndex((item) => item.key === key);
        if (at < 0) return;
        if (items[at + step]) { goTo({ ...readState(), item: items[at + step].key }); return; }
        const to = number + step;
        if (to < 1 || to > last) return;
        const beside = (await pageOf(to)).groups.flat();
        goTo({ ...readState(), page: String(to), item: beside.at(step < 0 ? -1 : 0).key });
      },
      onPage: (key) => items.find((item) => item.key === key) && { data: page.data, items: page.items, item: items.find((item) => item.key === key) },
    };
  }

  const problem = (error) => { found.textContent = `The items cannot be read: ${error.message}`; };
  const safely = (event) => apply(event).catch(problem);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", (event) => {
    const { name, value } = event.target;
    if (name !== "q") goTo({ ...readState(), [name]: value, page: "", item: "" });
  });
  let typed;
  form.elements.q.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(() => goTo({ ...readState(), q: form.elements.q.value.trim(), page: "", item: "" }), 180);
  });
  document.getElementById("reset").addEventListener("click", () => { form.elements.q.value = ""; goTo({ off: state.off }); });
  for (const button of document.querySelectorAll("#save-items button")) {
    button.addEventListener("click", () => saveItems(source, readState(), button.dataset.form).catch(problem));
  }
  list.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")], at = links.indexOf(document.activeElement);
    const wide = links.filter((one) => one.offsetTop === links[0].offsetTop).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide }[event.key];
    if (at < 0 || !step || !links[at + step]) return;
    event.preventDefault();
    links[at + step].focus();
  });
  addEventListener("hashchange", safely);
  addEventListener("popstate", safely);
  return safely(null).then(() => {
    if (location.hash.includes("=") && !state.item && state.off === "") document.getElementById("gallery").scrollIntoView();
    return () => safely("renew");
  });
}

function pictureOf(source, data, item, number) {
  const url = source.thumbnail(data, number);
  const missing = (words) => el("span", { class: "pic none", role: "img", "aria-label": words }, words);
  if (!url) return missing(number < 0 ? "No image was shown" : "The image is missing");
  const image = el("img", { src: url, alt: altOf(data, item), loading: "lazy", decoding: "async" });
  const shown = el("span", { class: "pic" }, image);
  image.addEventListener("error", () => shown.replaceWith(missing("The image is missing")));
  return shown;
}

function altOf(data, item) {
  const meta = metaOf(data, item.number);
  const facts = [meta.get("modality"), meta.get("submodality"), meta.get("stain")].filter(Boolean).join(", ");
  return `Micrograph ${meta.get("image_id") ?? ""}${facts ? `: ${facts}` : ""}`;
}
