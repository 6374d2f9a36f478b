// Where items come from in `mubench-gen view`: its server, a page at a time.

function served(context) {
  async function asked(path, given = {}) {
    const answer = await fetch(`/${path}?${new URLSearchParams(given)}`);
    if (answer.status === 404) return null;
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }
  const whole = ({ data, keys }) => {
    const full = { ...data, runs: context.runs };
    return { data: full, items: makeItems(full, keys) };
  };
  return {
    async page(state, begin, count) {
      const chosen = Object.fromEntries(KEYS.filter((key) => state[key] && key !== "item" && key !== "page").map((key) => [key, state[key]]));
      const found = await asked("items", { ...chosen, begin, count });
      const { data, items } = whole(found), left = [...items.all];
      const groups = found.sizes.map((size) => left.splice(0, size));
      return { data, items, facets: found.facets, groups, many: found.groups, found: found.found, all: found.all };
    },
    async item(key) {
      const found = await asked("item", { key });
      if (!found) return undefined;
      const { data, items } = whole(found);
      return { data, items, item: items.all[0] };
    },
    thumbnail: (data, number) => (number < 0 ? undefined : `/thumbnails/${data.pictures[number]}`),
    original: (data, number) => (number < 0 ? undefined : `/images/${data.pictures[number]}`),
    about: (data, number) => (number < 0 ? null : asked(`about/${data.pictures[number]}`)),
    isCopy: false,
  };
}

// Ask now and then whether there is more; take up what is new, and leave what is being read.
function stayCurrent(context, renew) {
  const note = document.getElementById("live");
  let failed = 0;
  const look = async () => {
    try {
      const { version, going } = await (await fetch("/version")).json();
      failed = 0;
      note.textContent = going ? "Live: a run is not finished; new answers appear here." : "";
      if (version !== context.version) await renew();
    } catch {
      failed += 1;
      if (failed > 2) note.textContent = "mubench-gen view was stopped: what is shown is as it was then.";
    }
    setTimeout(look, document.hidden ? 10_000 : 2_000);
  };
  setTimeout(look, 1_000);
}
