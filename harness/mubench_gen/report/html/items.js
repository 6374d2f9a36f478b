// The items of a page or of all pages, with each run's answers.

function makeItems(data, keys) {
  const { strings, items, records, statuses } = data;
  const of = Array.from({ length: items.id.length }, () => []);
  records.item.forEach((item, record) => of[item].push(record));
  const names = new Map();
  const all = of.map((found, number) => {
    const id = strings[items.id[number]], times = (names.get(id) ?? 0) + 1;
    names.set(id, times);
    const runs = new Map();
    for (const record of found) {
      const run = records.run[record];
      if (!runs.has(run)) runs.set(run, []);
      runs.get(run).push(record);
    }
    return { number, key: keys ? keys[number] : times > 1 ? `${id}~${times}` : id, records: found, runs };
  });

  // A run's result on an item, of all its prompts, orders and repeats; null without an answer that
  // counts: how many answers are right, the most frequent one, how many different ones, and how
  // sure the surest wrong one is (without probabilities: the share of the answers that agree).
  const result = (item, run) => {
    const counted = (item.runs.get(run) ?? []).filter((r) => statuses[records.status[r]] !== "error" && !data.boxes[r]);
    if (!counted.length) return null;
    const times = new Map(), wrong = new Map();
    let sure = null;
    for (const r of counted) {
      const answer = answerOf(data, r);
      times.set(answer, (times.get(answer) ?? 0) + 1);
      if (answer < 0 || records.right[r] === 1) continue;
      wrong.set(answer, (wrong.get(answer) ?? 0) + 1);
      if (data.sure[r] !== undefined) sure = Math.max(sure ?? 0, data.sure[r]);
    }
    if (sure === null && counted.length > 1 && wrong.size) sure = Math.max(...wrong.values()) / counted.length;
    return {
      n: counted.length, right: counted.filter((r) => records.right[r] === 1).length, sure, kinds: times.size,
      answer: [...times].sort((a, b) => b[1] - a[1])[0][0],
    };
  };

  // The same in words, with a mark.
  const verdict = (item, run) => {
    const found = item.runs.get(run);
    if (!found) return null;
    const boxes = found.filter((r) => data.boxes[r] && statuses[records.status[r]] !== "error");
    if (boxes.length) {
      const mean = boxes.reduce((sum, r) => sum + (data.boxes[r].score ?? 0), 0) / boxes.length;
      return { kind: "open", mark: "▢", words: `GRIT ${(100 * mean).toFixed(0)} %` };
    }
    const one = result(item, run);
    if (!one) return { kind: "error", mark: "!", words: "error" };
    const { n, right, answer } = one;
    const kind = right === n ? "right" : right || answer < 0 ? "open" : "wrong";
    const mark = right === n ? "✓" : right ? "±" : answer < 0 ? "–" : "✗";
    const words = n > 1 ? `${right} of ${n} right`
      : kind === "right" ? "right" : answer < 0 ? statuses[records.status[found[0]]].replaceAll("_", " ") : "wrong";
    return { kind, mark, words, right, n };
  };
  return { all, byKey: new Map(all.map((item) => [item.key, item])), result, verdict };
}

function metaOf(data, row) {
  const pairs = data.metas[data.items.meta[row]], meta = new Map();
  for (let i = 0; i < pairs.length; i += 2) meta.set(data.strings[pairs[i]], data.strings[pairs[i + 1]]);
  return meta;
}

// The numbers of all images of a record: of one image none but its own.
const setOf = (data, record) => data.sets[record] ?? [data.records.picture[record]];

// Those of an item: of the record that its picture is of.
function picturesOf(data, item) {
  const number = pictureNumber(data, item);
  const record = item.records.find((r) => data.records.picture[r] === number);
  return record === undefined ? [number] : setOf(data, record);
}

const pictureNumber = (data, item) => item.records.map((r) => data.records.picture[r]).find((p) => p >= 0) ?? -1;

// The number of what a record answers: an option's place, or the text of an open answer; -1 for none.
function answerOf(data, record) {
  const open = data.open[record];
  return open ? (data.statuses[data.records.status[record]] === "answered" ? open[1] : -1) : data.records.choice[record];
}

// The number of the text that is right.
function rightOf(data, item) {
  const open = data.open[item.records[0]];
  return open ? open[0] : data.options[data.items.options[item.number]][data.items.gold[item.number]];
}
