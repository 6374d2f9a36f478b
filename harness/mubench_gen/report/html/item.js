// One item: its image and facts, and for each run the prompt, the reply and the parsed answer.

function itemDialog(data, items) {
  const dialog = document.getElementById("item");
  let shown = "", state = {}, left = [];

  const close = () => { if (readState().item) goTo({ ...readState(), item: "" }); };
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.closest(".reply, .said, summary") || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: -1, k: -1, ArrowRight: 1, j: 1 }[event.key];
    if (step) { event.preventDefault(); move(step); }
  });

  function move(step) {
    const at = left.findIndex((item) => item.key === shown), next = left[at + step];
    if (at >= 0 && next) goTo({ ...readState(), item: next.key });
  }

  return function open(given, chosen) {
    state = given; left = chosen;
    if (!state.item) {
      if (dialog.open) {
        dialog.close();
        [...document.querySelectorAll(".card")].find((card) => card.dataset.item === shown)?.focus();
      }
      shown = "";
      return;
    }
    const item = items.byKey.get(state.item);
    shown = state.item;
    const at = left.indexOf(item);
    dialog.replaceChildren(
      el("div", { class: "item-top" },
        el("h2", { id: "item-title" }, ...(item ? titleOf(data, item) : ["No such item"])),
        el("button", { type: "button", disabled: at <= 0, "aria-label": "Earlier item", onclick: () => move(-1) }, "←"),
        el("button", { type: "button", disabled: at < 0 || at + 1 >= left.length, "aria-label": "Next item", onclick: () => move(1) }, "→"),
        el("button", { type: "button", class: "close", onclick: close }, "Close")),
      item ? body(data, items, item) : el("p", { class: "item-body" }, `This report has no item “${state.item}”.`));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    dialog.querySelector(".close").focus({ preventScroll: true });
  };
}

function titleOf(data, item) {
  const { strings } = data, row = item.number;
  return [strings[data.items.task[row]], el("span", {}, ...visible(item.key))];
}

function body(data, items, item) {
  const { records } = data, row = item.number;
  const number = item.records.map((r) => records.picture[r]).find((p) => p >= 0) ?? -1;
  const boxes = item.records.map((r) => data.boxes[r]).find(Boolean);
  const view = pictureOf(data, number, row), file = picture(number);
  if (boxes?.size && file) view.append(overlay(boxes));
  const facts = [["data set", data.strings[data.items.dataset[row]]], ...metaOf(data, row),
    ...(file ? [["file", `${file[0]} (${file[1]} × ${file[2]})`]] : [])];
  const same = new Set(item.records.map((r) => records.messages[r])).size === 1;
  const found = [...item.runs].sort((a, b) => a[0] - b[0]).flatMap(([run, several]) => several.map((record) => [run, record]));
  return el("div", { class: "item-body" },
    el("div", { class: "item-side" },
      el("div", { class: "item-view" }, view),
      el("div", { class: "item-facts" },
        el("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, ...visible(value))])),
        el("p", { class: "note" }, el("a", { href: hashOf({ item: item.key }) }, "Link to this item")))),
    el("div", { class: "item-answers" },
      same ? el("details", { open: true }, el("summary", {}, "The prompt as it was sent"), ...prompt(data, item.records[0])) : "",
      ...found.map(([run, record]) => answer(data, item, run, record, same, number))));
}

function answer(data, item, run, record, told, number) {
  const { strings, records, runs } = data, status = data.statuses[records.status[record]];
  const right = records.right[record], boxes = data.boxes[record];
  const order = data.orders[records.order[record]];
  const words = boxes ? `GRIT ${boxes.score === null ? "–" : (100 * boxes.score).toFixed(1)} %`
    : status === "error" ? "error" : right === 1 ? "right" : records.choice[record] < 0 ? `unanswered: ${status.replaceAll("_", " ")}` : "wrong";
  const kind = boxes || status === "error" || records.choice[record] < 0 ? "open" : right ? "right" : "wrong";
  const mark = { right: "✓", wrong: "✗", open: status === "error" ? "!" : "–" }[kind];
  const how = [`prompt ${strings[records.prompt[record]]}`, `read-out ${strings[records.readout[record]]}`, `status ${status.replaceAll("_", " ")}`];
  if (records.rule[record] >= 0) how.push(`rule ${strings[records.rule[record]]}`);
  if (order.some((place, i) => place !== i)) how.push(`order ${order.map((i) => i + 1).join(" ")}`);
  if (records.repeat[record]) how.push(`repeat ${records.repeat[record] + 1}`);
  if (runs[run].control !== "none") how.push(`control ${runs[run].control}`);
  const other = records.picture[record] !== number && records.picture[record] >= 0
    ? el("div", {}, el("p", { class: "role" }, "This run was shown another image:"), el("span", { class: "other" }, pictureOf(data, records.picture[record], item.number)))
    : records.picture[record] < 0 && number >= 0 ? el("p", { class: "role" }, "This run was shown no image.") : "";
  return el("div", { class: "answer" },
    el("h3", {}, el("i", { class: `key c${runs[run].colour}` }), runs[run].label, " ",
      el("span", { class: `verdict is-${kind}` }, el("b", { "aria-hidden": "true" }, mark), " ", words)),
    el("p", { class: "how" }, how.join(" · ")),
    boxes ? "" : optionList(data, item, record),
    data.error[record] !== undefined ? el("div", {}, el("p", { class: "role" }, "Error"), el("div", { class: "reply" }, ...visible(strings[data.error[record]]))) : "",
    reply(data, record), other,
    told ? "" : el("details", {}, el("summary", {}, "The prompt as it was sent"), ...prompt(data, record)));
}

function optionList(data, item, record) {
  const { strings, records } = data, order = data.orders[records.order[record]];
  const labels = data.labels[records.labels[record]], options = data.options[data.items.options[item.number]];
  const gold = data.items.gold[item.number], scores = data.scores[record];
  return el("ol", { class: "options", "aria-label": "Options as shown" }, ...order.map((original, place) => el("li", { class: original === gold ? "gold" : null },
    el("span", { class: "label" }, strings[labels[place]] ?? ""), el("span", {}, ...visible(strings[options[original]])),
    el("span", { class: "tags" }, scores ? el("i", { title: "score of this option" }, scores[place] === null ? "−∞" : String(scores[place])) : "",
      original === gold ? el("span", { class: "tag-gold" }, "★ right option") : "",
      original === records.choice[record] ? el("span", { class: "tag-chosen" }, "● chosen") : ""))));
}

function reply(data, record) {
  const { strings, records } = data, code = records.reply[record];
  if (code < 0) return data.scores[record] ? el("p", { class: "role" }, "The options were scored; there is no reply.") : "";
  const text = strings[code], start = records.start[record], end = records.end[record];
  const parts = start < 0 ? visible(text)
    : [...visible(text.slice(0, start)), el("mark", { title: "what decided" }, ...visible(text.slice(start, end))), ...visible(text.slice(end))];
  const cut = data.cut[record];
  return el("div", {},
    el("p", { class: "role" }, cut ? `Reply, shortened by ${cut.toLocaleString("en")} characters; records.jsonl has all of it` : "Reply"),
    el("div", { class: "reply", tabindex: text.length > 600 ? "0" : null }, ...(text ? parts : [el("em", {}, "(empty)")])));
}

function prompt(data, record) {
  return data.messages[data.records.messages[record]].flatMap(([role, ...parts]) => [
    el("p", { class: "role" }, data.strings[role]),
    el("div", { class: "said" }, ...parts.flatMap((part, i) => [i ? "\n" : "", ...(part < 0 ? [el("em", {}, "[image]")] : visible(data.strings[part]))])),
  ]);
}

function overlay(boxes) {
  const [width, height] = boxes.size;
  const rectangles = (found, name) => (found ?? []).map(([x0, y0, x1, y1]) => svg("rect", { class: name, x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0) }));
  return svg("svg", { class: "overlay", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": "White: the right boxes; orange, dashed: the model's boxes" },
    ...rectangles(boxes.gold, "gold"), ...rectangles(boxes.found, "found"));
}
