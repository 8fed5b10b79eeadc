// A trained language model that writes: `lstm.models.stream`, letter by letter, and what
// `lstm.data.text` does with a text. Computed in 64-bit floats from 16-bit weights.
(function (root) {
  const { product, step } = typeof module === "object" ? require("./lstm.js") : root.LSTM;

  // 16-bit floats, little-endian, in base64   ->   a Float32Array, which holds them all
  function decode(packed) {
    const bytes = atob(packed);
    const numbers = new Float32Array(bytes.length / 2);
    for (let n = 0; n < numbers.length; ++n)
      numbers[n] = half(bytes.charCodeAt(2 * n) | (bytes.charCodeAt(2 * n + 1) << 8));
    return numbers;
  }

  // A sign, five bits of an exponent, ten of a fraction
  function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }

  // The model that a script of `lstm export` holds
  function open({ weights, symbols, settings }) {
    const unpacked = Object.entries(weights).map(([name, packed]) => [name, decode(packed)]);
    return { ...Object.fromEntries(unpacked), symbols, H: settings.hidden_size };
  }

  // Read one letter: its gates and states, and the scores of every letter that may come
  // next. Scores begin behind '<unk>', number 0, which is never written.
  function read(model, letter, before) {
    const { H, symbols, w_out, b_out } = model;
    const state = before ? [before.h, before.c] : [new Float64Array(H), new Float64Array(H)];
    const found = step(1 + symbols.indexOf(letter), state, model);
    const scores = symbols.map((_, n) => b_out[n + 1] + product(w_out, n + 1, H, found.h));
    return { letter, ...found, scores };
  }

  // Chances by scores divided by a temperature above 0
  function softmax(scores, temperature = 1) {
    const most = Math.max(...scores);
    const powers = scores.map((score) => Math.exp((score - most) / temperature));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => power / sum);
  }

  // A coin that always falls the same for a seed: numbers in [0, 1). A counter, whose
  // bits are mixed by shifts and products; 32-bit integers (mulberry32, T. Ettinger).
  function coin(seed) {
    let count = seed | 0;
    return () => {
      count = (count + 0x6d2b79f5) | 0;
      let mixed = Math.imul(count ^ (count >>> 15), 1 | count);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  // The place of the letter that is drawn; at temperature 0 the likeliest
  function draw(scores, temperature, toss) {
    if (temperature === 0) return scores.indexOf(Math.max(...scores));
    const chances = softmax(scores, temperature);
    let left = toss();
    for (let n = 0; n < chances.length; ++n) if ((left -= chances[n]) < 0) return n;
    return chances.length - 1;
  }

  // A prefix as the training text was cleaned, but that a space at its end stays; and
  // why it cannot be gone on from, in a sentence
  function prepare(prefix, { cleaned, symbols }) {
    const text = cleaned ? prefix.replace(/[^A-Za-z]+/g, " ").replace(/^ /, "").toLowerCase() : prefix;
    if (!text) return { text, wrong: "The beginning is empty: give at least one letter to go on from." };
    const unknown = [...text].find((letter) => !symbols.includes(letter));
    if (unknown) return { text, wrong: `“${unknown}” is not among the symbols that the network knows.` };
    return { text };
  }

  // A text as it grows: every letter with its gates, states and scores, and whether it
  // is recited: lies in a `piece` of letters that stands word for word in the source
  function author(model, { text: source, piece }) {
    const letters = [];
    function add(letter) {
      letters.push(read(model, letter, letters.at(-1)));
      const last = letters.slice(-piece);
      if (last.length === piece && source.includes(last.map((each) => each.letter).join("")))
        for (const each of last) each.recited = true;
    }
    const next = (temperature, toss) =>
      add(model.symbols[draw(letters.at(-1).scores, temperature, toss)]);
    return { letters, add, next };
  }

  // All at once: [the text, which of its letters are recited]
  function write(data, prefix, length, temperature, seed) {
    const { letters, add, next } = author(open(data), data);
    const toss = coin(seed);
    for (const letter of prefix) add(letter);
    for (let n = 0; n < length; ++n) next(temperature, toss);
    return [letters.map((each) => each.letter).join(""), letters.map((each) => Boolean(each.recited))];
  }

  const shared = { decode, half, open, read, softmax, coin, draw, prepare, author, write };
  if (typeof module === "object") module.exports = shared;
  else root.Writer = shared;
})(this);
