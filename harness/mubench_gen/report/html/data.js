// Unpacks the items of the page: base64 of deflated JSON.

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

async function unpacked(base64) {
  if (!globalThis.DecompressionStream) throw new Error("this browser is older than 2023; open the page in a newer one.");
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).json();
}

// Pictures: [name, width, height, base64 of JPEG], null for a missing image.
let album = null;
function picture(number) {
  album ??= JSON.parse(document.getElementById("pictures").textContent);
  return number < 0 ? undefined : album[number];
}
