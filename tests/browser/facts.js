// What the checks want to know of a page, as plain data.
(() => {
  const main = document.querySelector("main") ?? document.body;
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  const overflow = (element) => getComputedStyle(element).overflowX;
  const scrolls = (element) => /auto|scroll/.test(overflow(element));
  const cuts = (element) => /hidden|clip/.test(overflow(element)) && getComputedStyle(element).display !== "inline";
  const name = (element) => element.outerHTML.replace(/\s+/g, " ").slice(0, 90);

  function headings() {
    const found = main.querySelectorAll("h1, h2, h3, h4, h5, h6, [role=heading]");
    return [...found].filter(seen).map((h) => ({ level: Number(h.ariaLevel ?? h.tagName[1]), text: h.textContent.trim() }));
  }

  function images() {
    return [...document.images].map((image) => ({
      address: image.src, alt: image.getAttribute("alt"), width: image.complete ? image.naturalWidth : 0,
    }));
  }

  function maths() {
    const raw = [];
    const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { data, parentElement } = walker.currentNode;
      if (parentElement.closest("pre, code, script, style")) continue;
      if (/\\[([a-zA-Z]|\$\$|\$[^$\n]+\$|:::|\{[a-z-]+\}`|```/.test(data)) raw.push(data.trim().slice(0, 90));
    }
    const count = (selector) => document.querySelectorAll(selector).length;
    return { marked: count(".math"), typeset: count(".math mjx-container"), errors: count("mjx-merror"), raw };
  }

  // Icons are letters of a font: those that show nothing.
  function emptyIcons() {
    const icons = [...document.querySelectorAll("[class*='fa-']")].filter(seen);
    const drawn = (icon) => document.fonts.check(`900 16px ${getComputedStyle(icon).fontFamily}`) &&
      getComputedStyle(icon, "::before").content.length === 3; // one sign in quotes
    return icons.filter((icon) => !drawn(icon)).map(name);
  }

  // The longest line of every block of code, and how much of it lies outside its box.
  function code() {
    const longest = (pre) => Math.max(...pre.textContent.split("\n").map((line) => line.length));
    return [...main.querySelectorAll("pre")].filter(seen).map((pre) => ({
      letters: longest(pre), hidden: pre.scrollWidth - pre.clientWidth, text: name(pre),
    }));
  }

  // What leaves the page at its sides, or is wider than a box that shows only a part of it; on paper none can be scrolled.
  function stickingOut() {
    const paper = matchMedia("print").matches;
    const width = document.documentElement.clientWidth;
    const out = [];
    for (const element of main.querySelectorAll("*")) {
      if (!seen(element) || element.closest("mjx-container > *, .sbt-scroll-pixel-helper")) continue;
      const { left, right } = element.getBoundingClientRect();
      let box = element.parentElement;
      while (box && !scrolls(box) && !cuts(box)) box = box.parentElement;
      const hides = cuts(element) || (paper && scrolls(element));
      if ((right > width + 1 || left < -1) && !(box && scrolls(box) && !paper)) out.push(name(element));
      else if (hides && element.scrollWidth > element.clientWidth + 1) out.push(name(element));
    }
    return { page: document.documentElement.scrollWidth - width, out };
  }

  // The colours of a picture as it is shown, on what lies behind it: its corner, and what stands out most from it.
  async function figures() {
    const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
    const opaque = (element) => (parse(getComputedStyle(element).backgroundColor)[3] ?? 1) === 1;
    const luminance = (rgb) => {
      const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = [];
    for (const image of main.querySelectorAll("img")) {
      if (!seen(image) || !image.naturalWidth) continue;
      const [width, height] = [image.naturalWidth, image.naturalHeight];
      const [own, shown] = [new OffscreenCanvas(width, height), new OffscreenCanvas(width, height)].map((c) => c.getContext("2d"));
      own.drawImage(image, 0, 0, width, height);
      const transparent = own.getImageData(0, 0, width, height).data.some((value, i) => i % 4 === 3 && value < 255);
      own.globalCompositeOperation = "destination-over";
      own.fillStyle = getComputedStyle(image).backgroundColor;
      own.fillRect(0, 0, width, height);
      let behind = image.parentElement;
      while (behind.parentElement && !opaque(behind)) behind = behind.parentElement;
      shown.fillStyle = opaque(behind) ? getComputedStyle(behind).backgroundColor : "white";
      shown.fillRect(0, 0, width, height);
      shown.filter = getComputedStyle(image).filter;
      shown.drawImage(own.canvas, 0, 0);
      const { data } = shown.getImageData(0, 0, width, height);
      const shares = new Map();
      for (let i = 0; i < data.length; i += 4) {
        const colour = (data[i] << 16) | (data[i + 1] << 8) | data[i + 2];
        shares.set(colour, (shares.get(colour) ?? 0) + 1);
      }
      const ground = luminance([...data.slice(0, 3)]);
      let contrast = 1;
      for (const [colour, share] of shares) {
        if (share < 20) continue; // specks
        const ink = luminance([colour >> 16, (colour >> 8) & 255, colour & 255]);
        contrast = Math.max(contrast, (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05));
      }
      found.push({ address: image.src, transparent, ground, contrast });
    }
    return found;
  }

  return {
    content: () => ({
      ids: [...document.querySelectorAll("[id], a[name]")].map((e) => e.id || e.name),
      links: [...document.querySelectorAll("a[href], link[href]")].map((e) => e.href),
      headings: headings(), images: images(), maths: maths(), emptyIcons: emptyIcons(), code: code(),
    }),
    view: async () => ({ stickingOut: stickingOut(), figures: await figures() }),
  };
})()
