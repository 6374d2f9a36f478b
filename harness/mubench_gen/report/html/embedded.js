// Where items come from on a page of its own: all of them are in the page.

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

// base64 of deflated JSON
async function unpacked(base64) {
  if (!globalThis.DecompressionStream) throw new Error("this browser is older than 2023; open the page in a newer one.");
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).json();
}

function embedded(data) {
  const items = makeItems(data);
  const distinct = (values) => [...new Set(values)].filter(Boolean).sort();
  const named = (column) => distinct(data.items[column].map((code) => data.strings[code]));
  const seen = new Set(data.records.status);
  const facets = {
    task: named("task"), dataset: named("dataset"),
    modality: distinct(items.all.map((item) => metaOf(data, item.number).get("modality"))),
    status: data.statuses.filter((_, i) => seen.has(i)),
  };
  const results = items.all.map((item) => [...item.runs.keys()].map((run) => [run, items.result(item, run)]).filter(([, one]) => one));
  const plain = data.runs.filter((run) => run.control === "none").length > 1;
  facets.several = results.some((all) => all.filter(([run]) => !plain || data.runs[run].control === "none").length > 1);
  facets.torn = results.some((all) => all.some(([, one]) => one.kinds > 1));
  facets.flips = facets.torn || results.some((all) => new Set(all.map(([run]) => data.runs[run].family)).size < all.length);
  let last = { hash: null };

  function choose(state) {
    const hash = hashOf({ ...state, item: "", page: "" });
    if (last.hash !== hash) {
      const chosen = chooseItems(data, items, state);
      const of = (item) => (pictureNumber(data, item) < 0 ? item : pictureNumber(data, item));
      const groups = state.group === "image" ? [...Map.groupBy(chosen, of).values()] : chosen.map((item) => [item]);
      last = { hash, chosen, groups };
    }
    return last;
  }

  // Pictures: [name, width, height, base64 of JPEG], null for a missing image.
  let album = null;
  const entry = (number) => {
    album ??= JSON.parse(document.getElementById("pictures").textContent);
    return number < 0 ? undefined : album[number];
  };
  const url = (number) => entry(number) && `data:image/jpeg;base64,${entry(number)[3]}`;

  return {
    async page(state, begin, count) {
      const { chosen, groups } = choose(state);
      return { data, items, facets, groups: groups.slice(begin, begin + count), many: groups.length, found: chosen.length, all: items.all.length };
    },
    async item(key) {
      const item = items.byKey.get(key);
      return item && { data, items, item };
    },
    thumbnail: (_, number) => url(number),
    original: (_, number) => url(number),
    async about(_, number) {
      const found = entry(number);
      return found ? { name: found[0], width: found[1], height: found[2] } : null;
    },
    isCopy: true, // what `original` gives is a small copy
  };
}
