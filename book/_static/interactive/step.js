// One step of the cell, with numbers on the wires: section 1.9.
(function () {
  const { html, svg, slider, choice, show } = Parts;
  // the pencil's: for each gate what weighs the input and the hidden state, and the bias
  const PENCIL = { i: [1, -2, 0], f: [1, 2, 0], g: [-1, 1, 0], o: [-1, -2, 1] };
  const STATE = { x: 1, h: 0.5, c: 2 };
  const ORDER = ["i", "f", "g", "o"];
  const NAMES = { i: "input gate I", f: "forget gate F", g: "candidate", o: "output gate O" };
  const SYMBOL = { i: "I", f: "F", g: "C̃", o: "O" };
  const STAGES = { all: "all", f: "F", i: "I", g: "C̃", c: "C", o: "O", h: "H" };

  function start(place) {
    const state = { ...STATE };
    const weights = structuredClone(PENCIL);
    let stage = "all";

    const said = html("p", { class: "said", "aria-live": "polite" });
    const picture = draw();
    const sliders = {};
    const inputs = Object.entries({ x: "input X", h: "hidden state H, before", c: "cell C, before" }).map(
      ([name, text]) => {
        const range = { min: name === "c" ? -4 : -2, max: name === "c" ? 4 : 2, step: 0.05 };
        sliders[name] = slider(text, { ...range, value: state[name], label: text }, (v) => {
          state[name] = v;
          update();
        });
        return sliders[name].whole;
      },
    );
    const rows = ORDER.map((gate) =>
      html(
        "fieldset",
        { class: `gate-${gate}` },
        html("legend", {}, NAMES[gate]),
        ...["X", "H", "bias"].map((what, k) => {
          const name = what === "bias" ? "bias" : `weight of ${what}`;
          const options = { min: -4, max: 4, step: 0.1, value: weights[gate][k], label: `${NAMES[gate]}, ${name}` };
          sliders[gate + k] = slider(name, options, (v) => {
            weights[gate][k] = v;
            update();
          });
          return sliders[gate + k].whole;
        }),
      ),
    );
    const stages = choice("What to look at", STAGES, stage, (name) => {
      stage = name;
      update();
    });
    const again = html(
      "button",
      {
        type: "button",
        onclick: () => {
          Object.assign(state, STATE);
          for (const gate of ORDER) weights[gate] = [...PENCIL[gate]];
          for (const name of Object.keys(STATE)) sliders[name].set(state[name]);
          for (const gate of ORDER) for (const k of [0, 1, 2]) sliders[gate + k].set(weights[gate][k]);
          stages.choose("all");
        },
      },
      "the pencil’s numbers",
    );

    function computed() {
      const by = (k) => ORDER.map((gate) => weights[gate][k]);
      const all = { w_ih: by(0), w_hh: by(1), b_ih: by(2), b_hh: [0, 0, 0, 0] };
      const found = LSTM.step([state.x], [[state.h], [state.c]], all);
      return Object.fromEntries(Object.entries(found).map(([name, [value]]) => [name, value]));
    }

    function update() {
      const now = computed();
      const values = { ...now, x: state.x, h_old: state.h, c_old: state.c };
      values.kept = now.f * state.c;
      values.added = now.i * now.g;
      values.shown = Math.tanh(now.c);
      picture.set(values, stage);
      said.textContent = sentence(stage, state, weights, values);
    }
    place.append(
      html("div", { class: "stages" }, stages.whole, again),
      picture.whole,
      said,
      html("div", { class: "sliders" }, ...inputs),
      html("details", {}, html("summary", {}, "weights and biases"), html("div", { class: "gates" }, ...rows)),
    );
    update();
  }

  // What is computed at a stage, with its numbers
  function sentence(stage, state, weights, v) {
    if (stage in weights) {
      const [w, u, b] = weights[stage];
      const squash = stage === "g" ? "tanh" : "σ";
      const sum = w * state.x + u * state.h + b;
      const terms = `${show(w, 1)} · ${show(state.x)} + ${show(u, 1)} · ${show(state.h)} + ${show(b, 1)}`;
      return `${SYMBOL[stage]} = ${squash}(${terms}) = ${squash}(${show(sum)}) = ${show(v[stage], 3)}`;
    }
    if (stage === "c")
      return `C = F · C before + I · C̃ = ${show(v.f, 3)} · ${show(state.c)} + ${show(v.i, 3)} · ${show(v.g, 3)} = ${show(v.c, 3)}`;
    if (stage === "h") return `H = O · tanh(C) = ${show(v.o, 3)} · tanh(${show(v.c, 3)}) = ${show(v.h, 3)}`;
    return `From C = ${show(state.c)} and H = ${show(state.h)}, with X = ${show(state.x)}: now C = ${show(v.c, 3)} and H = ${show(v.h, 3)}.`;
  }

  // The cell: {whole, set(values, stage)}
  function draw() {
    const text = (x, y, words, anchor = "middle", name = "") =>
      svg("text", { x, y, "text-anchor": anchor, class: name }, words);
    const numbers = {};
    const number = (name, x, y, anchor = "middle") => {
      numbers[name] = text(x, y, "", anchor, "number");
      return numbers[name];
    };
    const wire = (d, arrow = true) => svg("path", { d, "marker-end": arrow && "url(#step-arrow)" });
    const dot = (x, y, sign) => svg("g", { class: "sign" }, svg("circle", { cx: x, cy: y, r: 11 }), text(x, y + 5, sign));
    const box = (x, letter) =>
      svg("g", { class: "box" }, svg("rect", { x: x - 19, y: 200, width: 38, height: 28, rx: 4 }), text(x, 219, letter));
    const part = (name, ...children) => svg("g", { "data-part": name, class: `gate-${name}` }, ...children);
    const bus = part("in", wire("M 12 268 H 305", false), ...[84, 152, 218, 305].map((x) => wire(`M ${x} 268 V 231`)));
    const whole = svg(
      "svg",
      { viewBox: "0 0 400 300", role: "img", "aria-label": "One LSTM cell with the numbers on its wires" },
      svg("defs", {}, svg("marker", { id: "step-arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svg("path", { d: "M 0 0 L 8 4 L 0 8 z" }))),
      bus,
      part("c", wire("M 12 50 H 72"), wire("M 96 50 H 172"), wire("M 196 50 H 388"), dot(84, 50, "×"), dot(184, 50, "+"), number("kept", 134, 42), number("c", 386, 42, "end"), text(386, 70, "C", "end")),
      part("f", wire("M 84 200 V 64"), box(84, "F"), number("f", 92, 140, "start")),
      part("i", wire("M 152 200 V 120 H 171"), box(152, "I"), number("i", 146, 180, "end")),
      part("g", wire("M 218 200 V 120 H 197"), box(218, "C̃"), number("g", 225, 180, "start")),
      part("added", dot(184, 120, "×"), wire("M 184 108 V 64"), number("added", 191, 92, "start")),
      part("h", wire("M 305 50 V 84"), svg("rect", { x: 280, y: 86, width: 50, height: 24, rx: 12 }), text(305, 103, "tanh"), wire("M 305 110 V 138"), dot(305, 150, "×"), number("shown", 311, 129, "start"), wire("M 317 150 H 388"), number("h", 386, 142, "end"), text(386, 170, "H", "end")),
      part("o", wire("M 305 200 V 164"), box(305, "O"), number("o", 312, 187, "start")),
      text(12, 70, "C before", "start"),
      text(12, 290, "X, and H before", "start"),
      number("c_old", 12, 42, "start"),
      number("inputs", 136, 290, "start"),
    );
    const lit = { f: ["f", "in"], i: ["i", "in"], g: ["g", "in"], o: ["o", "in"], c: ["c", "added", "f", "i", "g"], h: ["h", "o", "c"] };
    return {
      whole,
      set(values, stage) {
        for (const [name, node] of Object.entries(numbers))
          node.textContent = name === "inputs" ? `${show(values.x)}, ${show(values.h_old)}` : show(values[name]);
        for (const node of whole.querySelectorAll("[data-part]"))
          node.classList.toggle("faded", stage !== "all" && !lit[stage].includes(node.dataset.part));
      },
    };
  }

  Interactive.step = start;
})();
