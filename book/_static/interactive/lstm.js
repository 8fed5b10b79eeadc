// One step of an LSTM, as `lstm_step` of lstm/steps.py has it, for one vector.
//
// x: D numbers   state: [h, c], H each   weights: w_ih (4H x D), w_hh (4H x H), b_ih and
// b_hh (4H), rows one behind the other, the gates in the order i, f, g, o
(function (root) {
  const sigmoid = (z) => 1 / (1 + Math.exp(-z));

  function sums(row, x, h, { w_ih, w_hh, b_ih, b_hh }) {
    let sum = b_ih[row] + b_hh[row];
    for (let k = 0; k < x.length; ++k) sum += w_ih[row * x.length + k] * x[k];
    for (let k = 0; k < h.length; ++k) sum += w_hh[row * h.length + k] * h[k];
    return sum;
  }

  // The gates and the new state: {i, f, g, o, h, c}, arrays of H
  function step(x, [h, c], weights) {
    const H = h.length;
    const found = { i: [], f: [], g: [], o: [], h: [], c: [] };
    for (let u = 0; u < H; ++u) {
      const [i, f, g, o] = [0, 1, 2, 3].map((k) => sums(k * H + u, x, h, weights));
      found.i[u] = sigmoid(i);
      found.f[u] = sigmoid(f);
      found.g[u] = Math.tanh(g);
      found.o[u] = sigmoid(o);
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

  const shared = { sigmoid, step, forced, roads };
  if (typeof module === "object") module.exports = shared;
  else root.LSTM = shared;
})(this);
