// Every tensor of a recurrent layer, as `lstm.shapes` works them out.
(function (root) {
  const GATES = { RNN: 1, GRU: 3, LSTM: 4 };

  // What a layer refuses, in a sentence; undefined for what it takes
  function wrong(a) {
    const sizes = { input_size: 1, hidden_size: 1, num_layers: 1, length: 1, batch: 0 };
    for (const [name, least] of Object.entries(sizes)) {
      if (name === "batch" && a.batch === null) continue;
      if (!Number.isInteger(a[name]) || a[name] < least)
        return `${name} should be a whole number of at least ${least}`;
    }
    const P = a.proj_size;
    if (!Number.isInteger(P) || P < 0) return "proj_size should be 0 or a whole number";
    if (P && a.kind !== "LSTM") return "only an LSTM takes a proj_size";
    if (P >= a.hidden_size) return "proj_size has to be smaller than hidden_size";
    return undefined;
  }

  const shape = (name, ...axes) => ({
    name,
    letters: axes.map(([letter]) => letter),
    sizes: axes.map(([, size]) => size),
  });
  const recurrent = (a) => (a.proj_size ? ["P", a.proj_size] : ["H", a.hidden_size]);
  const both = ([letter, size], a) =>
    a.bidirectional ? [`2${letter}`, 2 * size] : [letter, size];

  function parameters(a) {
    const gates = GATES[a.kind];
    const rows = [gates > 1 ? `${gates}H` : "H", gates * a.hidden_size];
    const shapes = [];
    for (let layer = 0; layer < a.num_layers; ++layer) {
      const columns = layer ? both(recurrent(a), a) : ["D", a.input_size];
      for (const suffix of a.bidirectional ? ["", "_reverse"] : [""]) {
        const end = `_l${layer}${suffix}`;
        shapes.push(shape(`weight_ih${end}`, rows, columns));
        shapes.push(shape(`weight_hh${end}`, rows, recurrent(a)));
        if (a.bias) shapes.push(shape(`bias_ih${end}`, rows), shape(`bias_hh${end}`, rows));
        if (a.proj_size)
          shapes.push(shape(`weight_hr${end}`, recurrent(a), ["H", a.hidden_size]));
      }
    }
    return shapes;
  }

  function tensors(a) {
    const stack = ["K", a.num_layers * (a.bidirectional ? 2 : 1)];
    const middle = a.batch === null ? [] : [["N", a.batch]];
    const outer = [["L", a.length], ...middle];
    if (a.batch_first) outer.reverse();
    const h = [stack, ...middle, recurrent(a)];
    const c = [stack, ...middle, ["H", a.hidden_size]];
    const shapes = [
      shape("input", ...outer, ["D", a.input_size]),
      shape("h_0", ...h),
      shape("c_0", ...c),
      shape("output", ...outer, both(recurrent(a), a)),
      shape("h_n", ...h),
      shape("c_n", ...c),
    ];
    return shapes.filter((s) => a.kind === "LSTM" || !s.name.startsWith("c_"));
  }

  const shared = { wrong, parameters, tensors };
  if (typeof module === "object") module.exports = shared;
  else root.Shapes = shared;
})(this);
