// A trained LSTM that writes, and what its units hold at every letter: chapter 10.
(function () {
  const { html, slider, choice, show } = Parts;
  const { percent } = Letters;
  const LENGTH = 400; // letters that are written
  const BETWEEN = 28; // milliseconds from one to the next
  const LIKELIEST = 5;
  const PREFIX = "the time traveller ";
  const WHAT = { c: "cell c", h: "hidden h", i: "gate i", f: "gate f", g: "candidate g", o: "gate o" };
  const ORDER = ["i", "f", "g", "o", "c", "h"];
  const MOST = 0.95; // the share of cells that have a colour of their own

  // The network comes when it is first wanted
  let network;
  const fetched = () => (network ??= Interactive.load("writes_data").then(
    () => Writer.open(WRITES),
    () => undefined,
  ));

  function start(place) {
    let temperature = 0.6;
    let seed = 1;
    let what = "c";
    let unit = 0;
    let limit = 1; // of the colours
    let now = { letters: [] }; // what is being written, or was
    let at = -1; // the chosen letter

    const button = (words, onclick, more) => html("button", { type: "button", onclick, ...more }, words);
    const about = html("p", { class: "about" }, "A network of one LSTM layer writes on, letter by letter, from what you begin.");
    const said = html("p", { class: "said", "aria-live": "polite" });
    const heard = html("p", { class: "heard", "aria-live": "polite" });
    const prefix = html("input", { type: "text", value: PREFIX, maxlength: 120, spellcheck: "false", autocomplete: "off", autocapitalize: "off", enterkeyhint: "go" });
    const go = button("Write", () => (now.goes ? pause() : now.paused ? goOn() : write()), { class: "go" });
    const stop = button("Stop", () => end(), { hidden: true });
    const another = button("Another seed", () => {
      seed += 1;
      write();
    });
    const heat = slider("temperature", { min: 0, max: 1.5, step: 0.05, value: temperature, label: "temperature" }, (value) => {
      temperature = value;
    });
    const paper = Letters.paper("The text, letter by letter; arrow keys choose a letter", (chosen) => {
      tell(chosen);
      heard.textContent = spoken();
    });
    const colors = Letters.scale();
    const key = html("span", { class: "key" });
    const kinds = choice("What the colours show", WHAT, what, (name) => {
      what = name;
      paint();
    });
    const [number, range] = ["number", "range"].map((type) => {
      const input = html("input", { type, min: 0, max: 0, value: 0, "aria-label": type === "number" ? "unit" : "unit, by sliding" });
      input.addEventListener("input", () => setUnit(input.valueAsNumber));
      return input;
    });
    const hints = html("div", { class: "hints" });
    const details = html("div", { class: "details", hidden: true });

    // Writing

    async function write(first = false) {
      clearTimeout(now.timer);
      if (!network) said.textContent = "The network is on its way …";
      const model = await introduced();
      if (!model) return refuse("The network could not be loaded.");
      const { text, wrong } = Writer.prepare(prefix.value, WRITES);
      if (wrong) return refuse(wrong);
      clearTimeout(now.timer); // a second press while the network was on its way
      const author = Writer.author(model, WRITES);
      now = { ...author, toss: Writer.coin(seed), seed, temperature, begun: text.length, first };
      now.note = text === prefix.value ? "" : `Read as “${text}”: small letters, and a space for what is none, as in the training text. `;
      at = -1;
      paper.clear();
      for (const letter of text) {
        now.add(letter);
        added(true);
      }
      goOn();
    }
    function refuse(wrong) {
      end();
      said.textContent = wrong;
    }
    function goOn() {
      Object.assign(now, { goes: true, paused: false });
      said.textContent = now.note;
      name();
      tick();
    }
    // One letter after another; for whom asked for less motion, and at first, at once
    function tick() {
      const still = now.first || matchMedia("(prefers-reduced-motion: reduce)").matches;
      do {
        if (now.letters.length - now.begun >= LENGTH) return end();
        now.next(now.temperature, now.toss);
        added();
      } while (still);
      now.timer = setTimeout(tick, BETWEEN);
    }
    function added(given) {
      const { length } = now.letters;
      paper.add(now.letters.at(-1).letter, given);
      if (now.letters.at(-1).recited)
        for (let n = length - WRITES.piece; n < length; ++n) paper.recited(n);
      if (full(what) !== limit) paint();
      else paper.color(length - 1, value(length - 1) / limit);
      tell(length - 1);
    }
    function pause() {
      clearTimeout(now.timer);
      Object.assign(now, { goes: false, paused: true });
      name();
      sum();
    }
    function end() {
      clearTimeout(now.timer);
      Object.assign(now, { goes: false, paused: false });
      name();
      if (now.letters.length) sum();
    }
    function name() {
      go.textContent = now.goes ? "Pause" : now.paused ? "Go on" : "Write";
      stop.hidden = !now.goes && !now.paused;
    }
    function sum() {
      const written = now.letters.slice(now.begun);
      const recited = written.filter((each) => each.recited).length / Math.max(1, written.length);
      const manner = now.temperature ? `drawn at temperature ${show(now.temperature)} with seed ${now.seed}` : "the likeliest each time";
      said.textContent = `${now.note}${written.length} letters, ${manner}; ${percent(recited)} of them recited. Of the author’s own next pages it is ${percent(WRITES.held_out.recited)}.`;
    }

    // Looking

    const value = (n) => now.letters[n][what][unit];
    // What has the full colour: 1; of the cell, which may be any number, what few exceed
    function full(name) {
      if (name !== "c") return 1;
      const sizes = now.letters.map(({ c }) => Math.abs(c[unit])).sort((a, b) => a - b);
      return Math.max(0.5, Math.ceil(2 * (sizes[Math.floor(MOST * sizes.length)] ?? 0)) / 2);
    }
    function paint() {
      limit = full(what);
      colors.set(["i", "f", "o"].includes(what) ? 0 : -limit, limit, what === "c");
      now.letters.forEach((_, n) => paper.color(n, value(n) / limit));
      if (at >= 0) tell(at);
    }
    function setUnit(wanted) {
      if (!(wanted >= 0 && wanted < WRITES.settings.hidden_size)) return;
      unit = Math.floor(wanted);
      if (number.valueAsNumber !== unit) number.value = unit;
      range.value = unit;
      for (const hint of hints.children) hint.setAttribute("aria-pressed", hint.dataset.unit === String(unit));
      paint();
    }
    function tell(place) {
      at = place;
      paper.choose(at);
      const letter = now.letters[at];
      const last = now.letters.slice(Math.max(0, at - 12), at + 1).map((each) => each.letter);
      const values = ORDER.map((name) => [WHAT[name], letter[name][unit], full(name)]);
      details.hidden = false;
      details.replaceChildren(Letters.held(unit, last, values), Letters.likely(ranked(), now.letters[at + 1]?.letter));
    }
    // The likeliest letters, and the one that came
    function ranked() {
      const chances = Writer.softmax(now.letters[at].scores);
      const pairs = chances.map((chance, n) => [WRITES.symbols[n], chance]);
      const came = now.letters[at + 1]?.letter;
      return pairs.sort((a, b) => b[1] - a[1]).filter(([sign], n) => n < LIKELIEST || sign === came);
    }
    function spoken() {
      const letter = now.letters[at];
      const word = (sign) => (sign === " " ? "space" : sign);
      const numbers = ORDER.map((name) => `${name} ${show(letter[name][unit])}`).join(", ");
      const next = ranked().map(([sign, chance]) => `${word(sign)} ${percent(chance)}`).join(", ");
      return `Letter ${at + 1}, ${word(letter.letter)}. Unit ${unit}: ${numbers}. Next: ${next}.`;
    }

    // What is known of the network once it is there
    async function introduced() {
      const model = await fetched();
      if (model && !key.childNodes.length) {
        const { settings, held_out, piece, units } = WRITES;
        number.max = range.max = settings.hidden_size - 1;
        about.replaceChildren(`One LSTM layer of ${settings.hidden_size} units, trained letter by letter on the first eight tenths of `, html("em", {}, "The Time Machine"), `; perplexity ${show(held_out.perplexity)} on the last tenth. It computes here, in your browser.`);
        key.append(html("u", {}, "recited"), `: ${piece} letters or more that stand so in the training text`);
        hints.append(...Object.entries(units).map(([feature, { unit, r }]) =>
          button(`${unit}: ${feature}`, () => setUnit(unit), { "data-unit": unit, title: `correlation of the cell with it: ${show(r)}` })));
        setUnit(Object.values(units)[0].unit);
      }
      return model;
    }
    prefix.addEventListener("keydown", (event) => event.key === "Enter" && write());
    place.append(
      about,
      html("div", { class: "begin" }, html("label", {}, html("span", {}, "begin with"), prefix), go, stop, another),
      html("div", { class: "sliders" }, heat.whole),
      kinds.whole,
      html("div", { class: "unit" }, html("span", {}, "unit"), number, range, hints),
      paper.whole,
      html("p", { class: "legend" }, colors.whole, key),
      said,
      details,
      heard,
    );
    colors.set(-1, 1);
    const inView = new IntersectionObserver((entries) => {
      if (navigator.connection?.saveData || !entries.some((entry) => entry.isIntersecting)) return;
      inView.disconnect();
      if (!network) write(true);
    });
    inView.observe(paper.whole);
  }

  Interactive.writes = start;
})();
