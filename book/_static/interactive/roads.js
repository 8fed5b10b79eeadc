// Roads back through time: the direct one, and all with their detours: section 7.7.
(function () {
  const { html, svg, slider, choice, show } = Parts;
  const FAR = 200;
  const [WIDTH, HEIGHT, LEFT, DEEP] = [400, 250, 46, 40]; // DEEP: powers of ten shown
  const MEASURED = { none: "none", bias0: "bias 0", bias1: "bias 1", bias2: "bias 2" };
  const x = (d) => LEFT + ((WIDTH - LEFT - 8) * d) / FAR;
  const y = (power) => 10 + ((HEIGHT - 44) * -Math.max(power, -DEEP - 1)) / DEEP;
  const line = (points) => "M" + points.map(([d, power]) => `${x(d).toFixed(1)} ${y(power).toFixed(1)}`).join("L");

  function start(place) {
    const now = { F: 0.88, q: 0.11, d: 100 };
    let bias = "";
    const curves = {};
    for (const name of ["whole", "direct", "measured-whole", "measured-direct"])
      curves[name] = svg("path", { class: `curve ${name}` });
    const marks = [0, -10, -20, -30, -40].map((power) =>
      svg("g", { class: "scale" }, svg("line", { x1: LEFT, x2: WIDTH - 8, y1: y(power), y2: y(power) }), svg("text", { x: LEFT - 6, y: y(power) + 4, "text-anchor": "end" }, power ? `1e${show(power, 0)}` : "1")),
    );
    const steps = [0, 50, 100, 150, 200].map((d) =>
      svg("g", { class: "scale" }, svg("text", { x: x(d), y: HEIGHT - 18, "text-anchor": d === FAR ? "end" : "middle" }, String(d))),
    );
    const here = svg("line", { class: "here", y1: 10, y2: y(-DEEP) });
    const picture = svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "What arrives from so many steps back, on a logarithmic scale: by the direct road and by all roads" },
      ...marks,
      ...steps,
      svg("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 2, "text-anchor": "middle", class: "axis" }, "steps back"),
      here,
      ...Object.values(curves),
    );
    const said = html("p", { class: "said", "aria-live": "polite" });
    const range = (name, text, options) =>
      slider(text, { ...options, value: now[name], label: text }, (value) => {
        now[name] = value;
        update();
      }).whole;
    const sliders = html(
      "div",
      { class: "sliders" },
      range("F", "forget gate F", { min: 0, max: 1, step: 0.01 }),
      range("q", "a detour q, by the recurrent weights", { min: 0, max: 0.5, step: 0.01 }),
      range("d", "distance d", { min: 1, max: FAR, step: 1, digits: 0 }),
    );
    const beside = choice("measured, beside it", MEASURED, "none", (name) => {
      bias = name.slice(4);
      update();
    });
    const names = html("p", { class: "names" }, ...[["whole", "all roads, (F + q)ᵈ"], ["direct", "the direct road, Fᵈ"], ["measured", "dashes: measured, fresh LSTMs of 64 units"]].map(([name, words]) => html("span", { class: name }, words)));

    function update() {
      const { F, q, d } = now;
      const every = Array.from({ length: FAR + 1 }, (_, k) => k);
      const powers = (base) => every.map((k) => [k, k ? k * Math.log10(base) : 0]);
      curves.whole.setAttribute("d", line(powers(F + q)));
      curves.direct.setAttribute("d", line(powers(F)));
      const row = ROADS.rows[bias];
      for (const name of ["whole", "direct"])
        curves[`measured-${name}`].setAttribute("d", row ? line([[0, 0], ...ROADS.distances.map((k, n) => [k, Math.log10(row[name][n])])]) : "");
      here.setAttribute("x1", x(d));
      here.setAttribute("x2", x(d));
      const { whole, direct, share } = LSTM.roads(F, q, d);
      said.textContent = `From ${d} steps back: all roads ${power(whole)}, the direct one ${power(direct)}, ${power(share)} of it.`;
    }
    place.append(html("div", { class: "stages" }, html("div", { class: "forced" }, html("span", {}, "measured:"), beside.whole)), names, picture, said, sliders);
    update();
  }

  // A number that may be very small, in words for the eye
  function power(value) {
    if (value === 0) return "0";
    if (value >= 0.001 && value < 1000) return show(value, 3);
    const [digits, exponent] = value.toExponential(1).split("e");
    const raised = [...exponent.replace("+", "")].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]);
    return `${digits} · 10${raised.join("")}`;
  }

  Interactive.roads = start;
})();
