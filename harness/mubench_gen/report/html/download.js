// The items that are shown, all pages of them, as a file: a row for each answer.

const A_BATCH = 250; // groups of items that are asked for at once

async function saveItems(source, state, form) {
  const rows = [];
  for (let begin = 0, many = 1; begin < many; begin += A_BATCH) {
    const page = await source.page(state, begin, A_BATCH);
    many = page.many;
    const off = switchedOff(state);
    for (const item of page.groups.flat()) {
      for (const record of item.records) if (!off.has(page.data.records.run[record])) rows.push(rowOf(page.data, item, record));
    }
  }
  if (form === "json") save("items.json", "application/json", JSON.stringify(rows, null, 1));
  else if (rows.length) save("items.csv", "text/csv", csvOf([Object.keys(rows[0]), ...rows.map(Object.values)]));
}

function rowOf(data, item, record) {
  const { strings, records, items } = data, row = item.number, meta = metaOf(data, row);
  const options = data.options[items.options[row]].map((code) => strings[code]);
  const text = (code) => (code < 0 || code === undefined ? null : strings[code]);
  const right = records.right[record], said = answerOf(data, record);
  return {
    run: data.runs[records.run[record]].label, item: item.key, task: strings[items.task[row]], dataset: strings[items.dataset[row]],
    modality: meta.get("modality") ?? null, image_id: meta.get("image_id") ?? null, prompt: text(records.prompt[record]),
    readout: text(records.readout[record]), repeat: records.repeat[record], right_option: text(rightOf(data, item)),
    answer: said < 0 ? null : data.open[record] ? strings[said] : options[said], status: data.statuses[records.status[record]],
    correct: right < 0 ? null : right === 1, confidence: data.sure[record] ?? null, reply: text(records.reply[record]),
    error: text(data.error[record] ?? -1),
  };
}
