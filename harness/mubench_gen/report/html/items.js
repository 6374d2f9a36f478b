// The items with each run's answers, and the filters on them.

function makeItems(data) {
  const { strings, items, records, statuses } = data;
  const count = items.id.length;
  const of = Array.from({ length: count }, () => []);
  records.item.forEach((item, record) => of[item].push(record));
  const names = new Map();
  const all = of.map((found, number) => {
    const id = strings[items.id[number]];
    const times = (names.get(id) ?? 0) + 1;
    names.set(id, times);
    const runs = new Map();
    for (const record of found) {
      const run = records.run[record];
      if (!runs.has(run)) runs.set(run, []);
      runs.get(run).push(record);
    }
    return { number, key: times > 1 ? `${id}~${times}` : id, records: found, runs };
  });
  const byKey = new Map(all.map((item) => [item.key, item]));

  // A run's result on an item: how many of its answers are right, and the most frequent one.
  const verdict = (item, run) => {
    const found = item.runs.get(run);
    if (!found) return null;
    const sound = found.filter((r) => statuses[records.status[r]] !== "error");
    const boxes = sound.filter((r) => data.boxes[r]);
    if (boxes.length) {
      const mean = boxes.reduce((sum, r) => sum + (data.boxes[r].score ?? 0), 0) / boxes.length;
      return { kind: "open", mark: "▢", words: `GRIT ${(100 * mean).toFixed(0)} %`, answer: null };
    }
    if (!sound.length) return { kind: "error", mark: "!", words: "error", answer: null };
    const right = sound.filter((r) => records.right[r] === 1).length;
    const times = new Map();
    for (const r of sound) times.set(records.choice[r], (times.get(records.choice[r]) ?? 0) + 1);
    const answer = [...times].sort((a, b) => b[1] - a[1])[0][0];
    const kind = right === sound.length ? "right" : right ? "open" : answer < 0 ? "open" : "wrong";
    const mark = right === sound.length ? "✓" : right ? "±" : answer < 0 ? "–" : "✗";
    const words = sound.length > 1 ? `${right} of ${sound.length} right`
      : kind === "right" ? "right" : answer < 0 ? statuses[records.status[sound[0]]].replaceAll("_", " ") : "wrong";
    return { kind, mark, words, answer, right, n: sound.length };
  };

  // Models disagree among the runs that were shown their own image, where there are two.
  const plain = data.runs.map((run, i) => (run.control === "none" ? i : -1)).filter((i) => i >= 0);
  const compared = plain.length > 1 ? plain : data.runs.map((_, i) => i);
  const stand = all.map((item) => {
    const verdicts = compared.map((run) => verdict(item, run)).filter((v) => v && v.answer !== null);
    const answers = new Set(verdicts.map((v) => v.answer));
    const right = verdicts.filter((v) => v.right === v.n).length, wrong = verdicts.filter((v) => v.right === 0).length;
    const torn = [...item.runs.keys()].some((run) => {
      const choices = item.runs.get(run).filter((r) => statuses[records.status[r]] !== "error").map((r) => records.choice[r]);
      return new Set(choices).size > 1;
    });
    return {
      several: verdicts.length > 1, torn,
      disagree: verdicts.length > 1 && answers.size > 1,
      split: verdicts.length > 1 && right > 0 && wrong > 0,
      right: verdicts.length > 0 && right === verdicts.length,
      wrong: verdicts.length > 0 && wrong === verdicts.length,
    };
  });

  let lower = null;
  const textsWith = (words) => {
    lower ??= strings.map((text) => text.toLowerCase());
    const found = new Set();
    lower.forEach((text, i) => { if (text.includes(words)) found.add(i); });
    return found;
  };
  const holds = (item, found) => {
    const row = item.number;
    if ([items.id[row], items.task[row], ...data.options[items.options[row]], ...data.metas[items.meta[row]]].some((s) => found.has(s))) return true;
    return item.records.some((r) => found.has(records.reply[r]) || found.has(data.error[r])
      || data.messages[records.messages[r]].some((message) => message.some((part) => found.has(part))));
  };

  function chosen(state) {
    const task = state.task && strings.indexOf(state.task), dataset = state.dataset && strings.indexOf(state.dataset);
    const run = state.model === "" ? -1 : data.runs.findIndex((one) => one.label === state.model);
    const status = state.status ? statuses.indexOf(state.status) : -1;
    const gold = state.gold && strings.indexOf(state.gold);
    const answer = state.answer && strings.indexOf(state.answer);
    const texts = state.q ? textsWith(state.q.toLowerCase()) : null;
    const wantRight = { right: 1, wrong: 0 }[state.verdict];
    const anyRecord = run >= 0 || status >= 0 || state.verdict || state.answer || state.model;
    return all.filter((item) => {
      const row = item.number, stands = stand[row];
      if (state.task && items.task[row] !== task) return false;
      if (state.dataset && items.dataset[row] !== dataset) return false;
      const options = data.options[items.options[row]];
      if (state.gold && options[items.gold[row]] !== gold) return false;
      if (state.agree && !stands[state.agree]) return false;
      if (anyRecord && !item.records.some((r) => {
        if (state.model && records.run[r] !== run) return false;
        if (status >= 0 && records.status[r] !== status) return false;
        if (wantRight !== undefined && records.right[r] !== wantRight) return false;
        if (state.verdict === "unanswered" && !(records.choice[r] < 0 && records.right[r] === 0)) return false;
        if (state.verdict === "failed" && statuses[records.status[r]] !== "error") return false;
        if (state.answer === "-") return records.choice[r] < 0 && statuses[records.status[r]] !== "error";
        if (state.answer) return records.choice[r] >= 0 && options[records.choice[r]] === answer;
        return true;
      })) return false;
      return !texts || holds(item, texts);
    });
  }
  return {
    all, byKey, verdict, stand, chosen, compared,
    several: stand.some((one) => one.several), torn: stand.some((one) => one.torn),
  };
}
