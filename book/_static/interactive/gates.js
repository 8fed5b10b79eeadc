// Gates that are stuck, on a wave of the reader's own drawing: section 1.11.
(function () {
  const { html, svg, choice } = Parts;
  const STEPS = 40;
  const [WIDTH, HEIGHT, TOP] = [400, 220, 5]; // TOP: the scale's end, both ways
  const x = (t) => 30 + ((WIDTH - 40) * t) / (STEPS - 1);
  const y = (value) => HEIGHT / 2 - (Math.max(-TOP, Math.min(TOP, value)) / TOP) * (HEIGHT / 2 - 8);
  const WAVE = () => Array.from({ length: STEPS }, (_, t) => Math.sin(0.4 * t));

  function start(place) {
    let wave = WAVE();
    const force = {};
    let drawing = null;
    const path = (name) => svg("path", { class: `curve ${name}` });
    const curves = { X: path("input"), C: path("cell"), H: path("hidden") };
    const lines = [-5, 0, 1, 5].map((value) =>
      svg("g", { class: "scale" }, svg("line", { x1: 30, x2: WIDTH - 10, y1: y(value), y2: y(value) }), svg("text", { x: 24, y: y(value) + 4, "text-anchor": "end" }, String(value).replace("-", "−"))),
    );
    const picture = svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", tabindex: 0, "aria-label": "The input, the cell and the hidden state at 40 steps; draw to change the input" },
      ...lines,
      ...Object.values(curves),
    );
    const said = html("p", { class: "said", "aria-live": "polite" });
    const gates = ["F", "I", "O"].map((gate) =>
      html("div", { class: "forced" }, html("span", {}, gate), choice(`gate ${gate}`, { free: "works", zero: "0", one: "1" }, "free", (name) => {
        if (name === "free") delete force[gate];
        else force[gate] = name === "one" ? 1 : 0;
        update();
      }).whole),
    );
    const again = html("button", { type: "button", onclick: () => { wave = WAVE(); update(); } }, "the wave");
    const pulse = html("button", { type: "button", onclick: () => { wave = wave.map((_, t) => (t === 5 ? 2 : 0)); update(); } }, "one pulse");

    function update() {
      const found = { X: wave, ...LSTM.forced(wave, force) };
      for (const [name, values] of Object.entries(found))
        curves[name].setAttribute("d", "M" + values.map((v, t) => `${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join("L"));
      const [C, H] = [found.C.at(-1), found.H.at(-1)].map((v) => Parts.show(v));
      const beyond = found.C.some((v) => Math.abs(v) > TOP) ? " The cell left the picture." : "";
      said.textContent = `After 40 steps: C = ${C}, H = ${H}.${beyond}`;
    }
    function at(event) {
      const box = picture.getBoundingClientRect();
      const t = Math.round((((event.clientX - box.left) / box.width) * WIDTH - 30) / ((WIDTH - 40) / (STEPS - 1)));
      const value = ((HEIGHT / 2 - ((event.clientY - box.top) / box.height) * HEIGHT) / (HEIGHT / 2 - 8)) * TOP;
      return [Math.max(0, Math.min(STEPS - 1, t)), Math.max(-2, Math.min(2, value))];
    }
    function drawTo(event) {
      const [t, value] = at(event);
      const [from, before] = drawing ?? [t, value];
      const count = Math.abs(t - from);
      for (let k = 0; k <= count; ++k)
        wave[from + Math.sign(t - from) * k] = count ? before + ((value - before) * k) / count : value;
      drawing = [t, value];
      update();
    }
    picture.addEventListener("pointerdown", (event) => {
      picture.setPointerCapture(event.pointerId);
      drawTo(event);
    });
    picture.addEventListener("pointermove", (event) => drawing && drawTo(event));
    for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => (drawing = null));
    let marked = 0; // by keyboard: left and right choose a step, up and down move it
    picture.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 0.25], ArrowDown: [0, -0.25] };
      if (!(event.key in moves)) return;
      event.preventDefault();
      const [along, up] = moves[event.key];
      marked = Math.max(0, Math.min(STEPS - 1, marked + along));
      wave[marked] = Math.max(-2, Math.min(2, wave[marked] + up));
      update();
      said.textContent = `Step ${marked + 1}: X = ${Parts.show(wave[marked])}. ${said.textContent}`;
    });
    const names = html("p", { class: "names" }, ...[["input", "X, yours to draw"], ["cell", "cell C"], ["hidden", "hidden state H"]].map(([name, words]) => html("span", { class: name }, words)));
    place.append(html("div", { class: "stages" }, ...gates, again, pulse), names, picture, said);
    update();
  }

  Interactive.gates = start;
})();
