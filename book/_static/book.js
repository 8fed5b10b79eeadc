// What the theme leaves undone for readers by keyboard, by ear, on a phone, on paper.

// A folded cell says what a click does; the theme's label hides these words.
function nameFolds() {
  const folds = document.querySelectorAll("details.hide > summary");
  for (const summary of folds) summary.removeAttribute("aria-label");
}

// The bibliography is a list; its entries are marked as what lists do not hold.
function listEntries() {
  const entries = document.querySelectorAll(".citation-list > .citation");
  for (const entry of entries) entry.role = "listitem";
}

// An equation that is wider than the page is scrolled by keyboard, too; one that is
// wider only by a rounded pixel is no stop.
function reachWideEquations() {
  for (const math of document.querySelectorAll(".math")) {
    math.tabIndex = math.scrollWidth > math.clientWidth + 1 ? 0 : -1;
  }
}

// A line does not begin with the full stop or comma after a formula, nor end with the
// bracket before one.
function keepPunctuation() {
  const letters = (node) => (node?.nodeType === Node.TEXT_NODE ? node.data : "");
  for (const math of document.querySelectorAll("span.math")) {
    const [before, after] = [math.previousSibling, math.nextSibling];
    const opening = letters(before).match(/[(“‘]+$/)?.[0];
    const closing = letters(after).match(/^[.,;:!?)”’]+/)?.[0];
    if (!opening && !closing) continue;
    const whole = document.createElement("span");
    whole.className = "kept-whole";
    math.replaceWith(whole);
    if (opening) before.data = before.data.slice(0, -opening.length);
    if (closing) after.data = after.data.slice(closing.length);
    whole.append(opening || "", math, closing || "");
  }
}

// On a phone the sidebars are dialogs: a button and every link close them, and the
// focus goes back to what opened them.
function closeSidebars(side) {
  const sidebar = document.getElementById(`pst-${side}-sidebar`);
  const dialog = document.getElementById(`pst-${side}-sidebar-modal`);
  const toggle = document.querySelector(`.${side}-toggle`);
  if (!sidebar || !dialog || !toggle) return;
  const button = document.createElement("button");
  button.className = "close-sidebar";
  button.textContent = "Close";
  sidebar.prepend(button);
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("a, .close-sidebar")) dialog.close();
  });
  dialog.addEventListener("close", () => toggle.focus());
}

// Paper is light.
const paper = matchMedia("print");
paper.addEventListener("change", () => {
  const { dataset } = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const chosen = { auto: dark ? "dark" : "light" }[dataset.mode] ?? dataset.mode;
  dataset.theme = paper.matches ? "light" : chosen;
});

// Interactive figures: a page with a place for one loads what that needs when all else is
// there, before a reader comes to it. These are classic scripts, which a page that was
// opened as a file may load.
window.Interactive = { load };
const STATIC = document.currentScript.src.replace(/book\.js.*$/, "interactive/");
const FIGURES = {
  step: { title: "One step of the cell, by hand", scripts: ["parts", "lstm", "step"] },
  gates: { title: "Stuck gates, on a wave of your own", scripts: ["parts", "lstm", "gates"] },
  roads: { title: "Roads back through time", scripts: ["parts", "lstm", "roads_data", "roads"] },
  writes: { title: "A trained LSTM writes", scripts: ["parts", "lstm", "writer", "letters", "writes"] },
  shapes: { title: "The shape of every tensor", scripts: ["parts", "shapes", "calculator"] },
};
const loaded = {};

function load(name) {
  loaded[name] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${STATIC}${name}.js`;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${script.src} is missing`));
    document.head.append(script);
  });
  return loaded[name];
}

function placeFigures() {
  const places = document.querySelectorAll(".interactive[data-figure]");
  if (!places.length) return;
  const look = document.createElement("link");
  Object.assign(look, { rel: "stylesheet", href: `${STATIC}interactive.css` });
  document.head.append(look);
  for (const place of places) {
    const heading = document.createElement("p");
    heading.className = "title";
    heading.textContent = FIGURES[place.dataset.figure].title;
    place.append(heading);
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", heading.textContent);
  }
  addEventListener("load", () => places.forEach(startFigure));
}

async function startFigure(place) {
  for (const name of FIGURES[place.dataset.figure].scripts) await load(name);
  Interactive[place.dataset.figure](place);
  place.dataset.ready = "";
}

document.addEventListener("DOMContentLoaded", () => {
  placeFigures();
  nameFolds();
  listEntries();
  keepPunctuation();
  closeSidebars("primary");
  closeSidebars("secondary");
  // widths are known when the letters have come, too
  const typeset = window.MathJax?.startup?.promise;
  const drawn = typeset?.then(() => new Promise(requestAnimationFrame));
  drawn?.then(() => document.fonts.ready).then(reachWideEquations);
  addEventListener("resize", reachWideEquations);
});
