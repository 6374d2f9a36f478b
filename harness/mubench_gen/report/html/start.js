// What happens when the page of runs opens.

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (document.getElementById("item").open) return;
  event.preventDefault();
  document.forms.filters.elements.q.focus();
});

// Links to a section keep the address, which holds what was chosen.
document.querySelector(".bar nav").addEventListener("click", (event) => {
  const section = event.target.hash && document.getElementById(event.target.hash.slice(1));
  if (!section || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  section.scrollIntoView();
  section.tabIndex = -1;
  section.focus({ preventScroll: true });
});

function ready(data, root) {
  readyTables(root);
  readyFigures(root);
  readyRuns(root, data.runs);
  if (document.getElementById("confusion")) showConfusion(data);
}

// The page as the server has it now, but for the gallery, which asks for its items itself.
async function renewed(context) {
  const fresh = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
  const data = await unpacked(fresh.getElementById("items").textContent.trim());
  Object.assign(context, data);
  const main = document.getElementById("main"), gallery = document.getElementById("gallery");
  const parts = [...fresh.getElementById("main").children], at = parts.findIndex((part) => part.id === "gallery");
  for (const part of [...main.children]) if (part !== gallery) part.remove();
  gallery.before(...parts.slice(0, at));
  gallery.after(...parts.slice(at + 1));
  document.querySelector(".bar nav").replaceChildren(...fresh.querySelector(".bar nav").childNodes);
  document.title = fresh.title;
  ready(context, main);
}

unpacked(document.getElementById("items").textContent.trim()).then(async (data) => {
  ready(data, document);
  const source = data.served ? served(data) : embedded(data);
  const again = await showGallery(data, source, itemDialog(data, source));
  if (data.served) {
    stayCurrent(data, async () => {
      await renewed(data);
      await again();
    });
  }
  document.documentElement.dataset.ready = "true";
}).catch((problem) => {
  document.getElementById("found").textContent = `The items cannot be read: ${problem.message}`;
});
