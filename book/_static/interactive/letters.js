// A text letter by letter, each on the colour of a number, as lstm/figures/letters.py
// draws it, and what belongs to one of them.
(function (root) {
  const { html, show } = Parts;
  const shown = (letter) => (letter === " " ? "␣" : letter);
  const percent = (share) => `${Math.round(100 * share)} %`;

  // Letters of which one is chosen by mouse, finger or arrow keys: chosen(place)
  function paper(label, chosen) {
    const letters = [];
    let at = -1;
    const whole = html("div", { class: "letters", tabindex: 0, role: "group", "aria-label": label });

    function choose(place) {
      letters[at]?.classList.remove("chosen");
      at = place;
      letters[at]?.classList.add("chosen");
    }
    function pick(place) {
      choose(Math.max(0, Math.min(letters.length - 1, place)));
      chosen(at);
    }
    // The nearest letter of the line above or below
    function across(down) {
      const here = letters[at];
      const beyond = letters.filter((each) => (each.offsetTop - here.offsetTop) * down > 0);
      if (!beyond.length) return at;
      const top = beyond.at(down > 0 ? 0 : -1).offsetTop;
      const apart = (each) => Math.abs(each.offsetLeft - here.offsetLeft);
      const line = beyond.filter((each) => each.offsetTop === top);
      return letters.indexOf(line.reduce((a, b) => (apart(b) < apart(a) ? b : a)));
    }
    const moves = {
      ArrowLeft: () => at - 1,
      ArrowRight: () => at + 1,
      ArrowUp: () => across(-1),
      ArrowDown: () => across(1),
      Home: () => 0,
      End: () => letters.length - 1,
    };
    whole.addEventListener("keydown", (event) => {
      if (!(event.key in moves) || !letters.length) return;
      event.preventDefault();
      pick(moves[event.key]());
    });
    whole.addEventListener("click", (event) => {
      const place = letters.indexOf(event.target);
      if (place >= 0) pick(place);
    });
    return {
      whole,
      choose,
      // given: whether the reader wrote it
      add(letter, given) {
        letters.push(html("span", { class: given ? "given" : "" }, letter));
        whole.append(letters.at(-1));
      },
      clear() {
        letters.length = 0;
        at = -1;
        whole.replaceChildren();
      },
      color: (place, share) => tint(letters[place], share),
      recited: (place) => letters[place].classList.add("recited"),
    };
  }

  // From -1, blue, through 0, white, to 1, orange
  function tint(element, share) {
    element.classList.toggle("negative", share < 0);
    element.style.setProperty("--share", `${Math.round(100 * Math.min(1, Math.abs(share)))}%`);
  }

  // The colours and their numbers: {whole, set(least, most, beyond)}; `least` is 0 or
  // -most, and what lies beyond them may share their colours
  function scale() {
    const ends = [html("span"), html("span")];
    const bar = html("span", { class: "bar" });
    const whole = html("span", { class: "colors" }, ends[0], bar, ends[1]);
    function set(least, most, beyond) {
      bar.classList.toggle("one-sided", least === 0);
      const [low, high] = [least, most].map((end) => show(end, end % 1 ? 1 : 0));
      ends[0].textContent = beyond ? `≤ ${low}` : low;
      ends[1].textContent = beyond ? `≥ ${high}` : high;
    }
    return { whole, set };
  }

  // What a unit holds at the last of some letters, values: [name, number, its limit]
  function held(unit, letters, values) {
    const before = letters.slice(0, -1).join("");
    const tiles = values.map(([name, number, limit]) => {
      const tile = html("span", { class: "tile" }, show(number));
      tint(tile, number / limit);
      return html("div", {}, tile, html("span", {}, name));
    });
    const context = html("span", { class: "context" }, before, html("b", {}, shown(letters.at(-1))));
    return html("div", { class: "held" }, html("p", {}, `unit ${unit} at `, context), html("div", { class: "tiles" }, ...tiles));
  }

  // Chances as bars, [letter, chance] each; came: the letter that did come
  function likely(chances, came) {
    const rows = chances.map(([letter, chance]) => {
      const beam = html("span", { class: "beam" }, html("span", { style: `width: ${100 * chance}%` }));
      return html("div", { class: letter === came ? "chance came" : "chance" }, html("b", {}, shown(letter)), beam, html("span", {}, percent(chance)));
    });
    return html("div", { class: "likely" }, html("p", {}, "expected next", came && html("span", { class: "key-came" }, " and what came")), ...rows);
  }

  root.Letters = { paper, tint, scale, held, likely, percent };
})(this);
