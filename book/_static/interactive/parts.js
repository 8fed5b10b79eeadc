// Small parts of which the interactive figures are made.
(function (root) {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== undefined));
    return element;
  }

  const html = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  // A slider with its name and its value; changed(value) is called as it moves
  function slider(name, { min, max, step, value, label, digits = 2 }, changed) {
    const shown = html("output", {}, show(value, digits));
    const input = html("input", { type: "range", min, max, step, value, "aria-label": label });
    const set = (number) => {
      input.value = number;
      shown.textContent = show(Number(input.value), digits);
    };
    input.addEventListener("input", () => {
      set(input.value);
      changed(Number(input.value));
    });
    const whole = html("label", { class: "slider" }, html("span", {}, name), input, shown);
    return { whole, set };
  }

  // Buttons of which one is chosen; chosen(name) is called
  function choice(label, names, first, chosen) {
    const buttons = Object.entries(names).map(([name, text]) =>
      html("button", { type: "button", "data-name": name, onclick: () => choose(name) }, text),
    );
    function choose(name) {
      for (const b of buttons) b.setAttribute("aria-pressed", b.dataset.name === name);
      chosen(name);
    }
    const whole = html("div", { class: "choice", role: "group", "aria-label": label }, ...buttons);
    for (const b of buttons) b.setAttribute("aria-pressed", b.dataset.name === first);
    return { whole, choose };
  }

  // Two digits, a true minus
  const show = (number, digits = 2) => number.toFixed(digits).replace("-", "−");

  root.Parts = { html, svg, slider, choice, show };
})(this);
