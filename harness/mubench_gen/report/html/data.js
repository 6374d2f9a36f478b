// The items as the page holds them: base64 of deflated JSON, read with or without the
// browser's own decompression.

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

async function unpacked(base64) {
  const bytes = bytesOf(base64);
  let json;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    json = await new Response(stream).text();
  } catch {
    json = new TextDecoder().decode(inflate(bytes)); // an older browser
  }
  return JSON.parse(json);
}

// RFC 1951: blocks that are stored, of fixed codes, of codes of their own.
function inflate(source) {
  const LENGTH = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
  const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
  const BACK = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
  const BACK_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
  const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
  let out = new Uint8Array(source.length * 6), size = 0, at = 0, held = 0, have = 0;

  const bits = (count) => {
    while (have < count) { held |= source[at++] << have; have += 8; }
    const value = held & ((1 << count) - 1);
    held >>>= count; have -= count;
    return value;
  };
  const room = (more) => {
    if (size + more <= out.length) return;
    const larger = new Uint8Array(Math.max(out.length * 2, size + more));
    larger.set(out); out = larger;
  };
  const codes = (lengths) => {
    const counts = new Uint16Array(16), starts = new Uint16Array(16), symbols = new Uint16Array(lengths.length);
    for (const length of lengths) counts[length]++;
    counts[0] = 0;
    for (let i = 1; i < 16; i++) starts[i] = starts[i - 1] + counts[i - 1];
    lengths.forEach((length, symbol) => { if (length) symbols[starts[length]++] = symbol; });
    return { counts, symbols };
  };
  const symbol = ({ counts, symbols }) => {
    let code = 0, first = 0, index = 0;
    for (let length = 1; length < 16; length++) {
      code |= bits(1);
      if (code - counts[length] < first) return symbols[index + code - first];
      index += counts[length]; first = (first + counts[length]) << 1; code <<= 1;
    }
    throw new Error("the items are damaged");
  };
  const fixed = () => {
    const lengths = Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8));
    return [codes(lengths), codes(Array(30).fill(5))];
  };
  const own = () => {
    const many = bits(5) + 257, backs = bits(5) + 1, given = bits(4) + 4;
    const short = Array(19).fill(0), lengths = [];
    for (let i = 0; i < given; i++) short[ORDER[i]] = bits(3);
    const code = codes(short);
    while (lengths.length < many + backs) {
      const one = symbol(code);
      if (one < 16) lengths.push(one);
      else {
        const value = one === 16 ? lengths[lengths.length - 1] : 0;
        const times = one === 16 ? 3 + bits(2) : one === 17 ? 3 + bits(3) : 11 + bits(7);
        for (let i = 0; i < times; i++) lengths.push(value);
      }
    }
    return [codes(lengths.slice(0, many)), codes(lengths.slice(many))];
  };

  for (let last = 0; !last;) {
    last = bits(1);
    const kind = bits(2);
    if (kind === 0) {
      held = have = 0;
      const length = source[at] | (source[at + 1] << 8);
      at += 4; room(length);
      out.set(source.subarray(at, at + length), size);
      at += length; size += length;
      continue;
    }
    const [literals, distances] = kind === 1 ? fixed() : own();
    for (let one = symbol(literals); one !== 256; one = symbol(literals)) {
      room(258);
      if (one < 256) { out[size++] = one; continue; }
      const length = LENGTH[one - 257] + bits(LENGTH_BITS[one - 257]);
      const code = symbol(distances), back = BACK[code] + bits(BACK_BITS[code]);
      for (let i = 0; i < length; i++, size++) out[size] = out[size - back];
    }
  }
  return out.subarray(0, size);
}

// Pictures: [name, width, height, base64 of JPEG], null where the image is not at hand.
let album = null;
function picture(number) {
  album ??= JSON.parse(document.getElementById("pictures").textContent);
  return number < 0 ? undefined : album[number];
}
