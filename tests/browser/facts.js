// What the checks want to know of a page, as plain data.
(() => {
  const main = document.querySelector("main") ?? document.body;
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  const text = (element) => element.textContent.trim();
  const name = (element) => element.outerHTML.replace(/\s+/g, " ").slice(0, 90);

  function headings() {
    const found = main.querySelectorAll("h1, h2, h3, h4, h5, h6, [role=heading]");
    const level = (heading) => Number(heading.ariaLevel ?? heading.tagName[1]);
    return [...found].filter(seen).map((h) => ({ level: level(h), text: text(h) }));
  }

  function images() {
    return [...document.images].map((image) => ({
      address: image.src,
      alt: image.getAttribute("alt"),
      width: image.complete ? image.naturalWidth : 0,
    }));
  }

  // How pictures come, before any is asked for.
  function pictures() {
    return [...document.images].map((image) => ({
      address: image.src,
      sized: image.hasAttribute("width") && image.hasAttribute("height"),
      lazy: image.loading === "lazy",
    }));
  }

  function maths() {
    const written = /\\[([a-zA-Z]|\$\$|\$[^$\n]+\$|:::|\{[a-z-]+\}`|```/;
    const raw = [];
    const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { data, parentElement } = walker.currentNode;
      if (parentElement.closest("pre, code, script, style")) continue;
      if (written.test(data)) raw.push(data.trim().slice(0, 90));
    }
    const count = (selector) => document.querySelectorAll(selector).length;
    const [marked, typeset] = [count(".math"), count(".math mjx-container")];
    return { marked, typeset, errors: count("mjx-merror"), raw };
  }

  // Icons are letters of a font: those that show nothing.
  function emptyIcons() {
    const loaded = (icon) =>
      document.fonts.check(`900 16px ${getComputedStyle(icon).fontFamily}`);
    const sign = (icon) => getComputedStyle(icon, "::before").content; // in quotes
    const drawn = (icon) => loaded(icon) && sign(icon).length === 3;
    const icons = [...document.querySelectorAll("[class*='fa-']")].filter(seen);
    return icons.filter((icon) => !drawn(icon)).map(name);
  }

  // The longest line of every block of code, folded or not, and how much of the block
  // lies outside its box.
  function code() {
    const folds = [...document.querySelectorAll("details:not([open])")];
    for (const fold of folds) fold.open = true;
    const blocks = [...main.querySelectorAll("pre")].filter(seen).map((pre) => {
      const lines = pre.textContent.split("\n");
      const longest = lines.reduce((a, b) => (b.length > a.length ? b : a));
      const hidden = pre.scrollWidth - pre.clientWidth;
      return { letters: longest.length, hidden, text: longest.trim().slice(0, 70) };
    });
    for (const fold of folds) fold.open = false;
    return blocks;
  }

  // What the first paint waits for; scripts within the page's head are waited for, too.
  function blocking() {
    const all = performance.getEntriesByType("resource");
    return all.filter((e) => e.renderBlockingStatus === "blocking").map((e) => e.name);
  }

  function inlineScripts() {
    const scripts = [...document.head.querySelectorAll("script:not([src])")];
    return scripts.map((script) => script.text.trim());
  }

  // What leaves the page at its sides, or is wider than a box that shows only a part of
  // it; on paper none can be scrolled.
  function stickingOut() {
    const paper = matchMedia("print").matches;
    const width = document.documentElement.clientWidth;
    const style = (element) => getComputedStyle(element);
    const scrolls = (element) => !paper && /auto|scroll/.test(style(element).overflowX);
    const cuts = (element) => {
      const { overflowX, display } = style(element);
      const cut = paper ? /hidden|clip|auto|scroll/ : /hidden|clip/;
      return cut.test(overflowX) && display !== "inline";
    };
    const scrolled = (element) => {
      let box = element.parentElement;
      while (box && !scrolls(box) && !cuts(box)) box = box.parentElement;
      return box && scrolls(box);
    };
    const isOut = (element) => {
      const { left, right } = element.getBoundingClientRect();
      if ((right > width + 1 || left < -1) && !scrolled(element)) return true;
      return cuts(element) && element.scrollWidth > element.clientWidth + 1;
    };
    const exempt = "mjx-container > *, .sbt-scroll-pixel-helper";
    const shown = [...main.querySelectorAll("*")].filter(seen);
    const out = shown.filter((element) => !element.closest(exempt) && isOut(element));
    return { page: document.documentElement.scrollWidth - width, out: out.map(name) };
  }

  // Boxes that are wider than is shown and do not show it by a shadow at their edges, or
  // have something before the shadow that lets nothing through.
  function unmarkedCuts() {
    const style = (element) => getComputedStyle(element);
    const isCut = (box) =>
      /auto|scroll/.test(style(box).overflowX) && box.scrollWidth > box.clientWidth + 1;
    const covers = (part, edge) => {
      const { left, right } = part.getBoundingClientRect();
      const opaque = !/^rgba|\/|transparent/.test(style(part).backgroundColor);
      return opaque && left < edge && right > edge;
    };
    const isMarked = (box) => {
      const edge = box.getBoundingClientRect().right - 3;
      const parts = [...box.querySelectorAll("table, thead, tbody, tr, th, td")];
      const shadows = style(box).backgroundImage.split("linear-gradient").length - 1;
      return shadows >= 4 && !parts.some((part) => covers(part, edge));
    };
    const boxes = [...main.querySelectorAll("*")].filter(seen).filter(isCut);
    return boxes.filter((box) => !isMarked(box)).map(name);
  }

  // Formulas that are a stop though they cannot be scrolled, or can be and are no stop.
  function wrongStops() {
    const scrolls = (math) => {
      math.scrollLeft = 99;
      const moved = math.scrollLeft;
      math.scrollLeft = 0;
      return moved > 1; // more than a rounded pixel
    };
    const formulas = [...main.querySelectorAll(".math")];
    const wrong = formulas.filter((math) => scrolls(math) !== (math.tabIndex === 0));
    return wrong.map((math) => `tabindex ${math.tabIndex}: ${text(math).slice(0, 60)}`);
  }

  function luminance(rgb) {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((value) => linear(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  // What lies behind an element: the nearest colour that lets nothing through.
  function ground(element) {
    const colour = getComputedStyle(element).backgroundColor;
    const opaque = (colour.match(/[\d.]+/g)[3] ?? "1") === "1";
    if (opaque) return colour;
    return element.parentElement ? ground(element.parentElement) : "white";
  }

  // The dots of a picture as it is shown: on its own colour, filtered, on its ground.
  function dots(image, own, filter, behind) {
    const { naturalWidth: width, naturalHeight: height } = image;
    const fill = (context, colour) => {
      context.fillStyle = colour;
      context.fillRect(0, 0, width, height);
    };
    const [inner, outer] = [0, 1].map(() =>
      new OffscreenCanvas(width, height).getContext("2d"));
    fill(inner, own);
    inner.drawImage(image, 0, 0, width, height);
    fill(outer, behind);
    outer.filter = filter;
    outer.drawImage(inner.canvas, 0, 0);
    return outer.getImageData(0, 0, width, height).data;
  }

  // How light its corner is, and how much the colour that stands out most does so.
  function contrast(data) {
    const shares = new Map();
    for (let i = 0; i < data.length; i += 4) {
      const colour = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
      shares.set(colour, (shares.get(colour) ?? 0) + 1);
    }
    const corner = luminance([...data.slice(0, 3)]);
    let strongest = 1;
    for (const [colour, share] of shares) {
      if (share < 20) continue; // specks
      const ink = luminance([colour >> 16, (colour >> 8) & 255, colour & 255]);
      const [light, dark] = [Math.max(ink, corner), Math.min(ink, corner)];
      strongest = Math.max(strongest, (light + 0.05) / (dark + 0.05));
    }
    return { ground: corner, contrast: strongest };
  }

  // Every figure as it is shown; what was measured before, in another size, is known.
  function figures() {
    const known = (window.measuredFigures ??= new Map());
    const all = [...main.querySelectorAll("img")].filter(seen);
    return all.filter((image) => image.naturalWidth).map((image) => {
      const { backgroundColor: own, filter } = getComputedStyle(image);
      const behind = ground(image.parentElement);
      const look = [image.src, own, filter, behind].join();
      if (!known.has(look)) known.set(look, contrast(dots(image, own, filter, behind)));
      const page = luminance(behind.match(/[\d.]+/g)?.map(Number) ?? [255, 255, 255]);
      return { address: image.src, page, ...known.get(look) };
    });
  }

  // Blocks of code, and letters of a coloured text, in which every letter looks like one
  // in those before: of 5,000 words it is enough to judge the contrast of each colour.
  function alikeInColour() {
    const opacity = (element) => {
      const above = element.parentElement ? opacity(element.parentElement) : 1;
      return above * getComputedStyle(element).opacity;
    };
    const look = (element) => {
      const { color, fontSize, fontWeight } = getComputedStyle(element);
      return [color, fontSize, fontWeight, ground(element), opacity(element)].join();
    };
    const looks = new Set();
    return [...document.querySelectorAll("pre, .letters > span")].filter(seen).filter((pre) => {
      const before = looks.size;
      for (const part of [pre, ...pre.querySelectorAll("*")]) looks.add(look(part));
      return looks.size === before;
    });
  }

  // The rules of axe that the page breaks: those of colour, or all.
  async function barriers(all) {
    const only = { resultTypes: ["violations"], preload: false };
    const contrast = "color-contrast"; // takes most of the time
    const others = all
      ? { ...only, rules: { [contrast]: { enabled: false } } }
      : { ...only, runOnly: "link-in-text-block" };
    const runs = [
      await axe.run(document, others),
      await axe.run({ exclude: alikeInColour() }, { ...only, runOnly: contrast }),
    ];
    const places = (nodes) => nodes.map((node) => node.target.join(" "));
    return runs.flatMap(({ violations }) => violations).map((rule) => ({
      id: rule.id, impact: rule.impact, nodes: places(rule.nodes),
    }));
  }

  return {
    pictures,
    content: () => ({
      ids: [...document.querySelectorAll("[id], a[name]")].map((e) => e.id || e.name),
      links: [...document.querySelectorAll("a[href], link[href]")].map((e) => e.href),
      headings: headings(),
      images: images(),
      maths: maths(),
      emptyIcons: emptyIcons(),
      code: code(),
      blocking: blocking(),
      inlineScripts: inlineScripts(),
    }),
    view: () => ({
      stickingOut: stickingOut(),
      unmarkedCuts: unmarkedCuts(),
      figures: figures(),
      wrongStops: wrongStops(),
    }),
    barriers,
  };
})()
