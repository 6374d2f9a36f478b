// The items that fit what was chosen, in order: what view/query.py asks its index, on a page that
// holds all items itself.

function chooseItems(data, items, state) {
  const { strings, records, statuses } = data;
  const off = switchedOff(state), runs = data.runs.map((_, i) => i).filter((i) => !off.has(i));
  const plain = runs.filter((i) => data.runs[i].control === "none"), compared = plain.length > 1 ? plain : runs;
  const numberOf = (label) => data.runs.findIndex((one) => one.label === label);
  const model = state.model ? numberOf(state.model) : null, beside = state.beside ? numberOf(state.beside) : null;
  const code = Object.fromEntries(["task", "dataset", "gold", "answer"].map((key) => [key, state[key] && strings.indexOf(state[key])]));
  const texts = state.q ? textsWith(strings, state.q.trim().toLowerCase()) : null;
  const results = (item, of) => of.map((run) => items.result(item, run)).filter(Boolean);

  const ofItem = (item) => {
    const row = item.number;
    return (!state.task || data.items.task[row] === code.task) && (!state.dataset || data.items.dataset[row] === code.dataset)
      && (!state.modality || metaOf(data, row).get("modality") === state.modality)
      && (!state.gold || rightOf(data, item) === code.gold) && (!texts || holds(data, item, texts, off));
  };
  const wanted = model === null ? new Set(runs) : new Set([model]);
  const ofRecord = (item) => {
    const options = data.options[data.items.options[item.number]];
    return item.records.some((r) => {
      const status = statuses[records.status[r]], said = answerOf(data, r), answered = said >= 0;
      return wanted.has(records.run[r]) && (!state.status || status === state.status) && verdictFits(state.verdict, data, r)
        && (!state.answer || (state.answer === "-" ? !answered && status !== "error" : answered && (data.open[r] ? said : options[said]) === code.answer));
    });
  };
  const agreement = {
    disagree: (all) => all.length > 1 && new Set(all.map((one) => one.answer)).size > 1,
    split: (all) => all.length > 1 && all.some((one) => one.right === one.n) && all.some((one) => one.right === 0),
    right: (all) => all.length > 0 && all.every((one) => one.right === one.n),
    wrong: (all) => all.length > 0 && all.every((one) => one.right === 0),
  };
  const families = Map.groupBy(runs, (run) => data.runs[run].family);
  const ofAgreement = (item) => {
    if (agreement[state.agree]) return agreement[state.agree](results(item, compared));
    if (state.agree === "torn") return results(item, runs).some((one) => one.kinds > 1);
    if (state.agree !== "flips") return true;
    return [...families.values()].some((several) => {
      const found = results(item, several), right = sum(found, "right");
      return right > 0 && right < sum(found, "n");
    });
  };
  const outcomes = {
    gained: (a, b) => a.right < a.n && b.right === b.n, lost: (a, b) => a.right === a.n && b.right < b.n,
    differ: (a, b) => a.answer !== b.answer, same: (a, b) => a.answer === b.answer,
  };
  const ofPair = (item) => {
    if (model === null || beside === null || !outcomes[state.outcome]) return true;
    const a = items.result(item, model), b = items.result(item, beside);
    return a !== null && b !== null && outcomes[state.outcome](a, b);
  };
  const found = items.all.filter((item) => ofItem(item) && ofRecord(item) && ofAgreement(item) && ofPair(item));
  return sorted(found, state.sort, (item) => results(item, model === null ? runs : [model]));
}

const sum = (all, name) => all.reduce((total, one) => total + one[name], 0);

function verdictFits(verdict, data, r) {
  const right = data.records.right[r], failed = data.statuses[data.records.status[r]] === "error";
  if (verdict === "right" || verdict === "wrong") return right === (verdict === "right" ? 1 : 0) && !data.boxes[r];
  if (verdict === "unanswered") return right === 0 && answerOf(data, r) < 0 && !failed && !data.boxes[r];
  return verdict !== "failed" || failed;
}

function textsWith(strings, words) {
  const found = new Set();
  strings.forEach((text, i) => { if (text.toLowerCase().includes(words)) found.add(i); });
  return found;
}

function holds(data, item, found, off) {
  const { records } = data, row = item.number;
  if ([data.items.id[row], data.items.task[row], ...data.options[data.items.options[row]], ...data.metas[data.items.meta[row]].filter((_, i) => i % 2)].some((s) => found.has(s))) return true;
  return item.records.some((r) => !off.has(records.run[r]) && (found.has(records.reply[r]) || found.has(data.error[r])
    || data.messages[records.messages[r]].some((message) => message.slice(1).some((part) => found.has(part)))));
}

// Numbers to sort by, the largest first; null last.
const ORDERS = {
  sure: (all) => {
    const known = all.map((one) => one.sure).filter((one) => one !== null);
    return [known.length ? Math.max(...known) : null, faulty(all)];
  },
  hard: (all) => [all.length ? -sum(all, "right") / sum(all, "n") : null],
  differ: (all) => [new Set(all.map((one) => one.answer)).size, faulty(all)],
};
const faulty = (all) => (all.length ? all.filter((one) => one.right < one.n).length / all.length : null);

function sorted(items, order, results) {
  if (!ORDERS[order]) return items;
  const ranks = new Map(items.map((item) => {
    const all = results(item);
    return [item, [all.length ? 1 : 0, ...ORDERS[order](all)]];
  }));
  const least = (value) => value ?? -Infinity;
  return items.toSorted((one, other) => {
    const a = ranks.get(one), b = ranks.get(other), at = a.findIndex((value, i) => least(value) !== least(b[i]));
    return at < 0 ? 0 : least(b[at]) > least(a[at]) ? 1 : -1;
  });
}
