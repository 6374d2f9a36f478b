// One run's answer to an item: how it was asked, the options, the reply, what decided.

function answer(source, data, item, run, record, told, number) {
  const { strings, records, runs } = data, status = data.statuses[records.status[record]];
  const right = records.right[record], boxes = data.boxes[record], open = data.open[record], answered = answerOf(data, record) >= 0;
  const order = data.orders[records.order[record]];
  const words = boxes ? `GRIT ${boxes.score === null ? "–" : (100 * boxes.score).toFixed(1)} %`
    : status === "error" ? "error" : right === 1 ? "right" : !answered ? `unanswered: ${status.replaceAll("_", " ")}` : "wrong";
  const kind = boxes || status === "error" || !answered ? "open" : right ? "right" : "wrong";
  const mark = { right: "✓", wrong: "✗", open: status === "error" ? "!" : "–" }[kind];
  const how = [`prompt ${strings[records.prompt[record]]}`, `read-out ${strings[records.readout[record]]}`, `status ${status.replaceAll("_", " ")}`];
  if (records.rule[record] >= 0) how.push(`rule ${strings[records.rule[record]]}`);
  if (order.some((place, i) => place !== i)) how.push(`order ${order.map((i) => i + 1).join(" ")}`);
  if (data.sure[record] !== undefined) how.push(`confidence ${(100 * data.sure[record]).toFixed(0)} %`);
  if (records.repeat[record]) how.push(`repeat ${records.repeat[record] + 1}`);
  if (runs[run].control !== "none") how.push(`control ${runs[run].control}`);
  const mine = setOf(data, record), usual = picturesOf(data, item), differs = mine.join() !== usual.join();
  const other = differs && mine[0] >= 0
    ? el("div", {}, el("p", { class: "role" }, mine.length > 1 ? "This run was shown other images:" : "This run was shown another image:"),
      ...mine.map((one) => el("span", { class: "other" }, pictureOf(source, data, item, one))))
    : records.picture[record] < 0 && number >= 0 ? el("p", { class: "role" }, "This run was shown no image.") : "";
  return el("div", { class: "answer" },
    el("h3", {}, el("i", { class: `key c${run + 1}` }), runs[run].label, " ",
      el("span", { class: `verdict is-${kind}` }, el("b", { "aria-hidden": "true" }, mark), " ", words)),
    el("p", { class: "how" }, how.join(" · ")),
    boxes ? "" : optionList(data, item, record),
    open ? el("p", { class: "role" }, "Right: ", ...visible(strings[open[0]]), answered ? " · read as: " : "", ...(answered ? visible(strings[open[1]]) : [])) : "",
    data.error[record] !== undefined ? el("div", {}, el("p", { class: "role" }, "Error"), el("div", { class: "reply" }, ...visible(strings[data.error[record]]))) : "",
    steps(source, data, item, record), reply(data, record), other,
    told ? "" : el("details", {}, el("summary", {}, "The prompt as it was sent"), ...prompt(data, record)));
}

function optionList(data, item, record) {
  const { strings, records } = data, order = data.orders[records.order[record]];
  const labels = data.labels[records.labels[record]], options = data.options[data.items.options[item.number]];
  const gold = data.items.gold[item.number], scores = data.scores[record], open = data.open[record];
  const golds = open ? open[2] ?? [] : [gold], chosen = open ? open[3] ?? [] : [records.choice[record]];
  if (!order.length) return "";
  return el("ol", { class: "options", "aria-label": "Options as shown" }, ...order.map((original, place) => el("li", { class: golds.includes(original) ? "gold" : null },
    el("span", { class: "label" }, strings[labels[place]] ?? ""), el("span", {}, ...visible(strings[options[original]])),
    el("span", { class: "tags" }, scores ? el("i", { title: "score of this option" }, scores[place] === null ? "−∞" : String(scores[place])) : "",
      golds.includes(original) ? el("span", { class: "tag-gold" }, "★ right option") : "",
      chosen.includes(original) ? el("span", { class: "tag-chosen" }, "● chosen") : ""))));
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

// What came before the reply: what the model thought, and each turn with the part that it looked at.
function steps(source, data, item, record) {
  const found = data.steps[record];
  if (!found) return "";
  return el("details", {}, el("summary", {}, found.length === 1 ? "Before the reply" : `Before the reply: ${found.length} steps`),
    ...found.map(([who, text, boxes, place, size]) => el("div", {},
      el("p", { class: "role" }, who), data.strings[text] ? el("div", { class: "said" }, ...visible(data.strings[text])) : "",
      boxes ? lookedAt(source, data, item, setOf(data, record)[place], boxes, size) : "")));
}

function lookedAt(source, data, item, number, boxes, size) {
  const shown = pictureOf(source, data, item, number), words = boxes.map((box) => box.map(Math.round).join(", ")).join("; ");
  shown.append(overlay({ size, gold: [], found: boxes }));
  return el("figure", { class: "looked" }, shown, el("figcaption", {}, `looked at ${words}`));
}

function prompt(data, record) {
  return data.messages[data.records.messages[record]].flatMap(([role, ...parts]) => [
    el("p", { class: "role" }, data.strings[role]),
    el("div", { class: "said" }, ...parts.flatMap((part, i) => [i ? "\n" : "", ...(part < 0 ? [el("em", {}, part === -1 ? "[image]" : `[image ${-1 - part}]`)] : visible(data.strings[part]))])),
  ]);
}

function overlay(boxes) {
  const [width, height] = boxes.size;
  const rectangles = (found, name) => (found ?? []).map(([x0, y0, x1, y1]) => svg("rect", { class: name, x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0) }));
  return svg("svg", { class: "overlay", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": "White: the right boxes; orange, dashed: the model's boxes" },
    ...rectangles(boxes.gold, "gold"), ...rectangles(boxes.found, "found"));
}
