// A figure as a file, with the colours that are seen. Lengths in per cent become pixels.
function saveFigure(figure, name) {
  const drawn = figure.querySelector("svg"), copy = drawn.cloneNode(true), box = drawn.getBoundingClientRect();
  const own = [drawn, ...drawn.querySelectorAll("*")], copies = [copy, ...copy.querySelectorAll("*")];
  const kept = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "font-size", "font-family", "display", "color"];
  own.forEach((one, i) => {
    const style = getComputedStyle(one);
    for (const key of kept) copies[i].style.setProperty(key, style.getPropertyValue(key));
  });
  copy.style.background = getComputedStyle(document.body).backgroundColor;
  copy.setAttribute("width", Math.round(box.width));
  copy.setAttribute("height", Math.round(box.height));
  save(`${fileName(name)}.svg`, "image/svg+xml", new XMLSerializer().serializeToString(copy));
}

function readyFigures(root) {
  for (const figure of root.querySelectorAll("[data-figure]")) {
    if (!figure.querySelector("svg") || figure.querySelector(".save")) continue;
    const name = figure.dataset.figure;
    figure.append(el("button", { type: "button", class: "save", "aria-label": `Save as SVG: ${name}`, onclick: () => saveFigure(figure, name) }, "SVG"));
  }
}
