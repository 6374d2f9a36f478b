// An image as large as one likes: to its own pixels and beyond, moved by pointer or keys.

function openZoom({ url, alt, size, note }) {
  const dialog = document.getElementById("zoom");
  const image = el("img", { src: url, alt, draggable: "false" });
  const stage = el("div", { class: "stage", tabindex: "0", role: "group", "aria-label": "The image: drag or arrow keys move it, + and − zoom" }, image);
  const said = el("span", { class: "note", role: "status" });
  const at = { scale: 1, x: 0, y: 0 };

  const fitting = () => Math.min(stage.clientWidth / image.naturalWidth, stage.clientHeight / image.naturalHeight);
  function draw() {
    image.style.transform = `translate(${at.x}px, ${at.y}px) scale(${at.scale})`;
    image.classList.toggle("large", at.scale * devicePixelRatio >= 2);
    said.textContent = `${Math.round(100 * at.scale)} % of ${size ?? `${image.naturalWidth} × ${image.naturalHeight} pixels`}${note ? `; ${note}` : ""}`;
  }
  // `x`, `y`: the point of the stage that stays where it is.
  function zoom(scale, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const next = Math.min(32, Math.max(Math.min(0.1, fitting()), scale)), ratio = next / at.scale;
    at.x = x - (x - at.x) * ratio;
    at.y = y - (y - at.y) * ratio;
    at.scale = next;
    draw();
  }
  function show(scale) {
    at.scale = scale;
    at.x = (stage.clientWidth - image.naturalWidth * scale) / 2;
    at.y = (stage.clientHeight - image.naturalHeight * scale) / 2;
    draw();
  }
  const fit = () => show(fitting());

  image.addEventListener("load", fit);
  image.addEventListener("error", () => { said.textContent = "The image is missing from the data, or has changed."; });
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(at.scale * Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => stage.setPointerCapture(event.pointerId));
  stage.addEventListener("pointermove", (event) => {
    if (!stage.hasPointerCapture(event.pointerId)) return;
    at.x += event.movementX;
    at.y += event.movementY;
    draw();
  });
  dialog.onkeydown = (event) => {
    const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    event.stopPropagation();
    if (moves) { at.x += moves[0]; at.y += moves[1]; draw(); }
    else if (event.key === "+" || event.key === "=") zoom(at.scale * 1.5);
    else if (event.key === "-") zoom(at.scale / 1.5);
    else if (event.key === "1") show(1);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  };
  const button = (words, name, act) => el("button", { type: "button", "aria-label": name, onclick: act }, words);
  dialog.replaceChildren(
    el("div", { class: "zoom-top" }, said, button("−", "Smaller", () => zoom(at.scale / 1.5)), button("+", "Larger", () => zoom(at.scale * 1.5)),
      button("1 : 1", "One pixel of the image a pixel of the page", () => show(1)), button("Fit", "The whole image", fit),
      el("button", { type: "button", class: "close", onclick: () => dialog.close() }, "Close")),
    stage);
  dialog.showModal();
  stage.focus({ preventScroll: true });
}
