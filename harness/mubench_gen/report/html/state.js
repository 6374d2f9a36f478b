// What was chosen stands in the address after "#", so that a link restores it.

const KEYS = [
  "task", "dataset", "modality", "model", "beside", "outcome", "status", "verdict", "agree", "gold", "answer", "q",
  "sort", "group", "off", "page", "item",
];

let lastRead = {};
function readState() {
  const hash = location.hash.slice(1);
  if (hash && hash !== "gallery" && !hash.includes("=")) return { ...lastRead }; // a section's name
  const given = new URLSearchParams(hash.includes("=") ? hash : "");
  return lastRead = Object.fromEntries(KEYS.map((key) => [key, given.get(key) ?? ""]));
}

function hashOf(state) {
  const given = new URLSearchParams();
  for (const key of KEYS) if (state[key] && !(key === "page" && state[key] === "1")) given.set(key, state[key]);
  return "#" + (given.toString() || "gallery");
}

// `keep`: add a history entry, so that the browser's Back undoes it.
function goTo(state, keep = false) {
  const hash = hashOf(state);
  if (hash === location.hash) return;
  history[keep ? "pushState" : "replaceState"](null, "", hash); // at once, unlike location.replace
  dispatchEvent(new Event("hashchange"));
}

// The numbers of the runs that are switched off.
const switchedOff = (state) => new Set(state.off ? state.off.split(",").map(Number) : []);
