"use strict";
// Elements, and numbers in words. The files of this page are one script, in the order that `html.py` lists.

const elements = (() => {
  const byId = (id) => document.getElementById(id);

  // Text is always added as text: nothing that a file names can become markup.
  function element(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key === "class") made.className = value;
      else if (key in made) made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  }

  // A word of the file's own, such as a region: in its own direction, cut where it is too long, whole as a tooltip.
  const name = (text) => element("bdi", { class: "name", title: String(text).slice(0, 400) }, String(text));

  // A table with headings; a column is numeric where its first cell is a number.
  function plainTable(headings, rows, { rowHeadings = false } = {}) {
    const numeric = headings.map((_, i) => rows.length > 0 && typeof rows[0][i] === "number");
    const align = (i) => (numeric[i] ? "number" : "");
    const cell = (content, i) => (i === 0 && rowHeadings
      ? element("th", { scope: "row" }, content)
      : element("td", { class: align(i) }, typeof content === "number" ? String(content) : content));
    return element("table", { class: "plain" },
      element("thead", {}, element("tr", {}, ...headings.map((text, i) => element("th", { scope: "col", class: align(i) }, text)))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell)))));
  }

  // What the colours of a figure mean: pairs of colour and text.
  function key(entries) {
    return element("p", { class: "key" }, ...entries.map(([tint, text]) => {
      const mark = element("i");
      mark.style.background = tint;
      return element("span", {}, mark, text);
    }));
  }

  const number = (value, digits = 2) => (value === null || value === undefined ? "" : value.toFixed(digits));
  const several = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
  const moment = (iso) => iso.replace("T", " ").replace(/:\d\d(\.\d+)?(\+00:00|Z)$/, " UTC");
  const sentence = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

  function significant(value) {
    if (value === null || value === undefined) return "missing";
    if (value === 0) return "0";
    const size = Math.abs(value);
    return size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  }

  // Smallest and largest; of any number of values, which Math.min(...values) is not made for.
  const extent = (values) => values.reduce(([low, high], one) => [Math.min(low, one), Math.max(high, one)], [Infinity, -Infinity]);

  function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }

  return { byId, element, name, plainTable, key, number, several, moment, sentence, significant, extent, median };
})();
