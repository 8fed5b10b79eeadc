// Search: which of the book's places (searchindex.js) hold all words that are asked for.
// Words are compared by their stems; of the last one, its beginning is enough.

const WORD = /[\p{L}\p{N}_]+/gu;
const SHOWN = 40; // hits
const AROUND = 14; // words before the place that an excerpt shows, and twice as many after
const WORTH = [8, 1, 0.3]; // of a word in the title, in the prose, in the code

const stemmer = new Stemmer(); // Sphinx's, with its list of stopwords
const known = new Map();

function stem(word) {
  const small = word.toLowerCase();
  if (!known.has(small)) known.set(small, stemmer.stemWord(small));
  return known.get(small);
}

const stems = (text) => (text.match(WORD) ?? []).map(stem);

function asked(query) {
  const all = query.match(WORD) ?? [];
  const telling = all.filter((word) => !stopwords.includes(word.toLowerCase()));
  return (telling.length ? telling : all).map(stem);
}

const places = PLACES.map(([address, page, title, prose, code]) => {
  const fields = [title, prose, code].map((part) => ` ${stems(part).join(" ")}`);
  return { address, page, title, text: `${prose} ${code}`, fields };
});

// How well a place answers: each word, and all of them in a row, count the more the
// more often they stand there, but never more than 1; a title that says nothing else
// counts most.
function score({ fields, text }, words) {
  const counts = (word) => fields.map((field) => field.split(` ${word}`).length - 1);
  const times = (word) => counts(word).reduce((sum, n, k) => sum + WORTH[k] * n, 0);
  if (!words.every(times)) return 0;
  const row = words.join(" ");
  const share = (word) => times(word) / (times(word) + 3 + text.length / 3000);
  const sum = [...words, row, row].reduce((total, word) => total + share(word), 0);
  const [title] = fields;
  return sum + (title.includes(` ${row}`) ? row.length / title.length : 0);
}

// The text around the first place where the words stand in a row, else where one does.
function excerpt(text, words) {
  const all = [...text.matchAll(WORD)];
  const is = (found, word) => found !== undefined && stem(found[0]).startsWith(word);
  const row = all.findIndex((_, n) => words.every((word, k) => is(all[n + k], word)));
  const one = all.findIndex((found) => words.some((word) => is(found, word)));
  const first = Math.max(0, (row < 0 ? one : row) - AROUND);
  const part = all.slice(first, first + 3 * AROUND);
  const line = document.createElement("p");
  let end = part[0]?.index ?? 0;
  line.append(first ? "… " : "");
  for (const found of part) {
    line.append(text.slice(end, found.index));
    end = found.index + found[0].length;
    if (words.some((word) => is(found, word))) {
      line.append(Object.assign(document.createElement("mark"), { textContent: found[0] }));
    } else line.append(found[0]);
  }
  line.append(end < text.length ? " …" : "");
  return line;
}

function item(place, words) {
  const link = document.createElement("a");
  link.href = place.address;
  link.textContent = place.title;
  const entry = document.createElement("li");
  entry.append(link);
  if (place.page !== place.title) {
    const page = Object.assign(document.createElement("span"), { textContent: place.page });
    entry.append(" ", page);
  }
  entry.append(excerpt(place.text, words));
  return entry;
}

function search(query) {
  const words = asked(query);
  const scored = words.length ? places.map((place) => [score(place, words), place]) : [];
  const found = scored.filter(([s]) => s).sort(([a], [b]) => b - a).map(([, p]) => p);
  const status = document.createElement("p");
  status.role = "status";
  const many = found.length === 1 ? "1 place" : `${found.length} places`;
  const best = found.length > SHOWN ? `; here are the best ${SHOWN}` : "";
  status.textContent = words.length ? `${many} in the book${best}.` : "";
  const list = document.createElement("ol");
  list.append(...found.slice(0, SHOWN).map((place) => item(place, words)));
  document.getElementById("search-results").replaceChildren(status, list);
}

const field = document.querySelector(".bd-search-container input[name=q]");
field.value = new URLSearchParams(location.search).get("q") ?? "";
field.addEventListener("input", () => search(field.value));
field.focus(); // the theme aims at the field of its dialog, which is hidden
search(field.value);
