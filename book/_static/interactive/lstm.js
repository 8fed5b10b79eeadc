// One step of an LSTM, as `lstm_step` of lstm/steps.py has it, for one vector.
//
// x: D numbers, or the place of the 1 in a one-hot vector   state: [h, c], H each
// weights: w_ih (4H x D), w_hh (4H x H), b_ih and b_hh (4H), rows one behind the other,
// the gates in the order i, f, g, o; arrays of any type
(function (root) {
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));

  // A row of a matrix times a vector; of a one-hot vector a look-up
  function product(matrix, row, columns, x) {
    const start = row * columns;
    if (typeof x === "number") return matrix[start + x];
    let sum = 0;
    for (let k = 0; k < columns; ++k) sum += matrix[start + k] * x[k];
    return sum;
  }

  // The gates and the new state: {i, f, g, o, h, c}, arrays of H
  function step(x, [h, c], { w_ih, w_hh, b_ih, b_hh }) {
    const H = h.length;
    const D = w_ih.length / (4 * H);
    const found = {};
    for (const name of ["i", "f", "g", "o", "h", "c"]) found[name] = new Float64Array(H);
    const sum = (row) =>
      b_ih[row] + b_hh[row] + product(w_ih, row, D, x) + product(w_hh, row, H, h);
    for (let u = 0; u < H; ++u) {
      found.i[u] = sigmoid(sum(u));
      found.f[u] = sigmoid(sum(H + u));
      found.g[u] = Math.tanh(sum(2 * H + u));
      found.o[u] = sigmoid(sum(3 * H + u));
      found.c[u] = found.f[u] * c[u] + found.i[u] * found.g[u];
      found.h[u] = found.o[u] * Math.tanh(found.c[u]);
    }
    return found;
  }

  // One unit on a wave, gates sigmoid(x + h) unless they are forced: section 1.11
  function forced(wave, force, c = 1, h = 0) {
    const cells = [];
    const hidden = [];
    for (const x of wave) {
      const gate = sigmoid(x + h);
      c = (force.F ?? gate) * c + (force.I ?? gate) * Math.tanh(2 * x + h);
      h = (force.O ?? gate) * Math.tanh(c);
      cells.push(c);
      hidden.push(h);
    }
    return { C: cells, H: hidden };
  }

  // What comes back from d steps ago: by all roads, by the direct one, and its share of
  // it, (7.7)
  function roads(F, q, d) {
    const whole = (F + q) ** d;
    return { whole, direct: F ** d, share: F + q > 0 ? (F / (F + q)) ** d : 1 };
  }

  const shared = { sigmoid, product, step, forced, roads };
  if (typeof module === "object") module.exports = shared;
  else root.LSTM = shared;
})(this);
