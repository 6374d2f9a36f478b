// Makes elements; text is always inserted as text nodes, never parsed as HTML.

function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";
function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Shows control characters and those that reverse the text direction as escapes.
const UNSEEN = /([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+)/u;
function visible(text) {
  return text.split(UNSEEN).map((part, i) => {
    if (i % 2 === 0) return part;
    const escapes = Array.from(part, (c) => {
      const code = c.codePointAt(0);
      return code < 32 ? String.fromCharCode(0x2400 + code) : "\\u" + code.toString(16).padStart(4, "0");
    });
    return el("span", { class: "ctl", title: "characters that cannot be seen" }, escapes.join(""));
  });
}
