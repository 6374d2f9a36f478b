// The chosen filters are in the address after "#", so that a link restores them.

const KEYS = ["task", "dataset", "model", "status", "verdict", "agree", "gold", "answer", "q", "page", "item"];

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
