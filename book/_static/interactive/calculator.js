// The shape of every tensor of a layer, from its arguments: chapter 5.
(function () {
  const { html, choice } = Parts;
  const FIRST = { kind: "LSTM", input_size: 28, hidden_size: 256, num_layers: 2, proj_size: 0, bias: true, batch_first: false, bidirectional: true, length: 35, batch: 32 };
  const NUMBERS = ["input_size", "hidden_size", "num_layers", "proj_size", "length", "batch"];
  const SWITCHES = ["bias", "batch_first", "bidirectional"];

  function start(place) {
    const given = { ...FIRST };
    const said = html("p", { class: "said", "aria-live": "polite" });
    const call = html("code", { class: "call" });
    const body = html("tbody");
    const head = ["tensor", "axes", "shape", "numbers"].map((name) => html("th", { scope: "col" }, name));
    const table = html("table", {}, html("thead", {}, html("tr", {}, ...head)), body);
    const fields = NUMBERS.map((name) => {
      const input = html("input", { type: "number", min: name === "proj_size" || name === "batch" ? 0 : 1, value: given[name] });
      input.addEventListener("input", () => {
        const empty = input.value === "";
        given[name] = empty ? (name === "batch" ? null : NaN) : Number(input.value);
        update();
      });
      return html("label", {}, html("span", {}, name), input);
    });
    const boxes = SWITCHES.map((name) => {
      const input = html("input", { type: "checkbox" });
      input.checked = given[name];
      input.addEventListener("input", () => {
        given[name] = input.checked;
        update();
      });
      return html("label", { class: "switch" }, input, html("span", {}, name));
    });
    const kinds = choice("layer", { LSTM: "LSTM", GRU: "GRU", RNN: "RNN" }, given.kind, (kind) => {
      given.kind = kind;
      update();
    });
    const count = (sizes) => sizes.reduce((product, size) => product * size, 1);
    const tuple = (items) => `(${items.join(", ")})`;

    function update() {
      const error = Shapes.wrong(given);
      table.hidden = Boolean(error);
      call.textContent = named(given);
      if (error) {
        said.textContent = `${error}.`;
        return;
      }
      const parameters = Shapes.parameters(given);
      const rows = [...Shapes.tensors(given), ...parameters];
      body.replaceChildren(
        ...rows.map(({ name, letters, sizes }) =>
          html("tr", {}, html("th", { scope: "row" }, name), html("td", {}, tuple(letters)), html("td", {}, tuple(sizes)), html("td", {}, count(sizes).toLocaleString("en")))),
      );
      const all = parameters.reduce((sum, { sizes }) => sum + count(sizes), 0);
      said.textContent = `${all.toLocaleString("en")} parameters.`;
    }
    place.append(html("div", { class: "stages" }, kinds.whole), html("div", { class: "fields" }, ...fields, ...boxes), call, said, html("div", { class: "wide", tabindex: 0 }, table));
    update();
  }

  // The call in Python
  function named(a) {
    const options = [];
    if (a.num_layers !== 1) options.push(`num_layers=${a.num_layers}`);
    if (!a.bias) options.push("bias=False");
    if (a.batch_first) options.push("batch_first=True");
    if (a.bidirectional) options.push("bidirectional=True");
    if (a.proj_size) options.push(`proj_size=${a.proj_size}`);
    return `nn.${a.kind}(${[a.input_size, a.hidden_size, ...options].join(", ")})`;
  }

  Interactive.shapes = start;
})();
