"use strict";
// The page of one session: a table of units, one unit in pictures, summaries, and how the labels were made.
// `unitPage` is what the review adds to.

const unitPage = (() => {
  const byId = (id) => document.getElementById(id);
  const TABLE_COLUMNS = ["unit", "spikes", "label", "probability", "margin", "person"];
  const REFRACTORY_MS = 1.5;
  let session = null;
  let units = []; // one object for each unit, in the order of the file
  let shown = []; // rows of the table, in its order
  let chosen = null;
  let order = { by: "margin", up: true };
  const listeners = { chosen: [], drawn: [], loaded: [] };

  // Reading the data ---------------------------------------------------------------------------------------------------

  function bytes(text, Kind) {
    const raw = atob(text);
    const array = new Kind(raw.length);
    for (let i = 0; i < raw.length; i += 1) array[i] = raw.charCodeAt(i);
    return array;
  }

  function load(data) {
    session = data;
    for (const name of ["autocorrelogram", "intervals", "rate"]) {
      const picture = session.spikes[name];
      picture.rows = bytes(picture.bytes, Uint8Array);
    }
    if (session.waveforms) session.waveforms.rows = bytes(session.waveforms.samples, Int8Array);
    units = session.units.id.map((id, row) => {
      const probabilities = session.units.probability.map((column) => column[row]);
      const label = session.units.label[row];
      return {
        id, row, label, probabilities,
        spikes: session.units.spikes[row],
        probability: label ? probabilities[session.classes.indexOf(label)] : null,
        margin: session.units.margin.length ? session.units.margin[row] : null,
        uncertain: Boolean(session.units.uncertain[row]),
        remark: session.units.remark[row],
        reason: session.units.reason[row] || "",
        telling: (session.units.telling || [])[row] || "",
        contamination: session.units.contamination ? session.units.contamination[row] : "",
        person: session.units.person[row],
        author: session.units.author[row],
        group: session.units.group[row] || "",
        region: session.units.region[row] || "",
        depth: session.units.depth_um.length ? session.units.depth_um[row] : null,
        x: session.units.x_um.length ? session.units.x_um[row] : null,
        asked: (session.asked || []).indexOf(id), // place among the units to ask about; -1 for the others
      };
    });
    chosen = null;
    if (session.asked && session.asked.length) {
      order = { by: "asked", up: true };
      byId("filter").value = "asked";
    }
    showFile();
    showTable();
    showSummary();
    showProvenance();
    listeners.loaded.forEach((listener) => listener());
    if (shown.length) choose(shown[0], { focus: false });
  }

  // Small helpers for elements -----------------------------------------------------------------------------------------

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

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function classColour(label) {
    if (["sua", "mua", "noise"].includes(label)) return colour(`--${label}`);
    const place = session.classes.indexOf(label);
    return place < 0 ? colour("--soft") : colour(`--class-${3 + (place % 3)}`);
  }

  // A colour would give a hidden label away.
  const unitColour = (unit) => (unitPage.hideModel(unit) ? colour("--soft") : classColour(unit.person || unit.label));

  function coloured(label, text = label, kind = "label") {
    const made = element("span", { class: kind }, text);
    made.style.color = classColour(label);
    return made;
  }

  const number = (value, digits = 2) => (value === null || value === undefined ? "" : value.toFixed(digits));
  const several = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

  function significant(value) {
    if (value === null || value === undefined) return "missing";
    if (value === 0) return "0";
    const size = Math.abs(value);
    return size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  }

  // Canvas -------------------------------------------------------------------------------------------------------------

  function canvas(height, description, draw) {
    const made = element("canvas", { role: "img", "aria-label": description });
    made.style.height = `${height}px`;
    const paint = () => {
      const width = made.clientWidth;
      if (!width) return;
      const scale = window.devicePixelRatio || 1;
      made.width = Math.round(width * scale);
      made.height = Math.round(height * scale);
      const context = made.getContext("2d");
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.font = "11px system-ui, sans-serif";
      draw(context, width, height);
    };
    made.paint = paint;
    drawn.push(made);
    return made;
  }

  let drawn = [];
  const repaint = () => drawn.filter((one) => one.isConnected).forEach((one) => one.paint());

  function figure(kind, caption, picture, ...more) {
    return element("figure", { class: kind }, element("figcaption", {}, caption), picture, ...more);
  }

  function axisText(context, text, x, y, align = "center") {
    context.fillStyle = colour("--soft");
    context.textAlign = align;
    context.fillText(text, x, y);
  }

  const AXIS = { left: 8, right: 8, top: 16, bottom: 18 };

  function histogram(context, width, height, values, { tint, ticks, most, band = null, gaps = [] }) {
    const inner = { width: width - AXIS.left - AXIS.right, height: height - AXIS.top - AXIS.bottom };
    const base = height - AXIS.bottom;
    const at = (part) => AXIS.left + part * inner.width;
    context.fillStyle = colour("--band");
    if (band) context.fillRect(at(band[0]), AXIS.top, (band[1] - band[0]) * inner.width, inner.height);
    for (const [start, stop] of gaps) context.fillRect(at(start), AXIS.top, Math.max(1, (stop - start) * inner.width), inner.height);
    context.fillStyle = tint;
    const step = inner.width / values.length;
    values.forEach((value, i) => {
      const tall = value * inner.height;
      context.fillRect(AXIS.left + i * step, base - tall, Math.max(step - (step > 3 ? 1 : 0), 0.7), tall);
    });
    context.strokeStyle = colour("--soft");
    context.beginPath();
    context.moveTo(AXIS.left, base + 0.5);
    context.lineTo(width - AXIS.right, base + 0.5);
    context.stroke();
    ticks.forEach(([part, text]) => axisText(context, text, at(part), height - 4, part === 0 ? "left" : part === 1 ? "right" : "center"));
    axisText(context, most, width - AXIS.right, 11, "right");
  }

  // Pictures of a unit -------------------------------------------------------------------------------------------------

  function picture(name, row) {
    const { rows, n, largest } = session.spikes[name];
    return { values: Array.from(rows.subarray(row * n, (row + 1) * n), (value) => value / 255), largest: largest[row] };
  }

  function autocorrelogram(unit) {
    const half = picture("autocorrelogram", unit.row);
    const reach = half.values.length;
    const text = `Autocorrelogram of unit ${unit.id}, up to ${reach} ms, at most ${half.largest} pairs in 1 ms`;
    return canvas(190, text, (context, width, height) =>
      histogram(context, width, height, [...half.values].reverse().concat(half.values), {
        tint: unitColour(unit), most: `${half.largest} in 1 ms`,
        ticks: [[0, `-${reach}`], [0.5, "0"], [1, `${reach} ms`]],
        band: [0.5 - REFRACTORY_MS / (2 * reach), 0.5 + REFRACTORY_MS / (2 * reach)],
      }));
  }

  function intervals(unit) {
    const { values, largest } = picture("intervals", unit.row);
    const reach = values.length / 2;
    return canvas(150, `Intervals between spikes of unit ${unit.id}, up to ${reach} ms`, (context, width, height) =>
      histogram(context, width, height, values, {
        tint: unitColour(unit), most: `${largest} in 0.5 ms`, band: [0, REFRACTORY_MS / reach],
        ticks: [[0, "0"], [0.5, `${reach / 2}`], [1, `${reach} ms`]],
      }));
  }

  function rate(unit) {
    const { values, largest } = picture("rate", unit.row);
    const [start, stop] = session.spikes.session_s;
    const minutes = (stop - start) / 60;
    const part = (time) => Math.min(Math.max((time - start) / (stop - start), 0), 1);
    const unitOfTime = minutes >= 3 ? [`${minutes.toFixed(0)} min`, `${(minutes / 2).toFixed(0)}`] : [`${(minutes * 60).toFixed(0)} s`, `${(minutes * 30).toFixed(0)}`];
    return canvas(150, `Firing rate of unit ${unit.id} over the session, at most ${significant(largest)} Hz`, (context, width, height) =>
      histogram(context, width, height, values, {
        tint: unitColour(unit), most: `${significant(largest)} Hz`,
        gaps: session.spikes.gaps_s.map((gap) => gap.map(part)),
        ticks: [[0, "0"], [0.5, unitOfTime[1]], [1, unitOfTime[0]]],
      }));
  }

  function waveforms(unit) {
    const about = session.waveforms;
    const [, nChannels, nSamples] = about.shape;
    const channels = about.channels[unit.row];
    const places = channelPlaces(channels);
    const largest = about.largest[unit.row];
    return canvas(300, `Mean waveforms of unit ${unit.id} on its nearest channels`, (context, width, height) => {
      const present = [...Array(nChannels).keys()].filter((k) => places[k]);
      const columns = 1 + Math.max(0, ...present.map((k) => places[k].column));
      const lines = 1 + Math.max(0, ...present.map((k) => places[k].line));
      const cell = { width: (width - 20) / columns, height: (height - 60) / lines };
      const tall = Math.min(cell.height * 0.62, 70);
      present.forEach((k) => {
        const left = 8 + places[k].column * cell.width;
        const middle = 16 + (places[k].line + 0.55) * cell.height;
        const samples = about.rows.subarray((unit.row * nChannels + k) * nSamples, (unit.row * nChannels + k + 1) * nSamples);
        context.strokeStyle = unitColour(unit);
        context.globalAlpha = k === 0 ? 1 : 0.75;
        context.lineWidth = k === 0 ? 2 : 1.1;
        context.beginPath();
        samples.forEach((sample, i) => context.lineTo(left + (i / (nSamples - 1)) * (cell.width - 18), middle - (sample / 127) * tall));
        context.stroke();
        context.globalAlpha = 1;
        if (channels[k] >= 0) axisText(context, String(about.electrodes.id[channels[k]]), left, middle - tall * 0.75 - 2, "left");
      });
      scaleBars(context, width, height, { tall, cell, largest, about });
    });
  }

  function channelPlaces(channels) {
    // Columns by position across the probe, lines by depth; without positions four in a row.
    const { x_um: x, y_um: y } = session.waveforms.electrodes;
    const known = channels.every((c) => c < 0 || (x.length && x[c] !== null && y[c] !== null));
    if (!known || channels.every((c) => c < 0)) {
      return channels.map((c, k) => (c < 0 && k > 0 ? null : { column: k % 4, line: Math.floor(k / 4) }));
    }
    const present = channels.filter((c) => c >= 0);
    const across = [...new Set(present.map((c) => x[c]))].sort((a, b) => a - b);
    const down = [...new Set(present.map((c) => y[c]))].sort((a, b) => b - a);
    return channels.map((c) => (c < 0 ? null : { column: across.indexOf(x[c]), line: down.indexOf(y[c]) }));
  }

  function scaleBars(context, width, height, { tall, cell, largest, about }) {
    const microvolts = about.to_microvolts && largest !== null ? largest * about.to_microvolts : null;
    context.strokeStyle = colour("--ink");
    context.lineWidth = 1.5;
    const x = width - 48;
    const y = height - 17;
    context.beginPath();
    if (microvolts) {
      const bar = roundNumber(microvolts / 2);
      const long = (bar / microvolts) * tall;
      context.moveTo(x, y - long);
      context.lineTo(x, y);
      axisText(context, `${bar} µV`, x + 4, y - long / 2 + 4, "left");
    }
    if (about.duration_ms) {
      const wide = cell.width - 18;
      const bar = roundNumber(about.duration_ms / 3);
      context.moveTo(x, y);
      context.lineTo(x - (bar / about.duration_ms) * wide, y);
      axisText(context, `${bar} ms`, x - (bar / about.duration_ms) * wide * 0.5, y + 13);
    }
    context.stroke();
  }

  function roundNumber(value) {
    const power = 10 ** Math.floor(Math.log10(value));
    return [5, 2, 1].map((step) => step * power).find((step) => step <= value) || power;
  }

  function probe(unit) {
    const placed = units.filter((one) => one.depth !== null && one.x !== null);
    const range = (values) => [Math.min(...values), Math.max(...values)];
    const [low, high] = range(placed.map((one) => one.depth));
    const [left, right] = range(placed.map((one) => one.x));
    return canvas(300, `Position of unit ${unit.id} on the probe, among all units`, (context, width, height) => {
      const at = (one) => [
        24 + ((one.x - left) / Math.max(right - left, 1)) * (width - 48),
        height - 22 - ((one.depth - low) / Math.max(high - low, 1)) * (height - 44),
      ];
      for (const one of placed) {
        const [x, y] = at(one);
        context.globalAlpha = one === unit ? 1 : 0.45;
        context.fillStyle = unitColour(one);
        context.beginPath();
        context.arc(x, y, one === unit ? 5 : 2.5, 0, 7);
        context.fill();
      }
      context.globalAlpha = 1;
      if (unit.depth !== null) {
        const [x, y] = at(unit);
        context.strokeStyle = colour("--ink");
        context.beginPath();
        context.arc(x, y, 8, 0, 7);
        context.stroke();
      }
      axisText(context, `${high.toFixed(0)} µm`, 4, 12, "left");
      axisText(context, `${low.toFixed(0)} µm`, 4, height - 4, "left");
    });
  }

  // The unit -----------------------------------------------------------------------------------------------------------

  function showUnit(unit) {
    drawn = drawn.filter((one) => !byId("unit").contains(one));
    const hidden = unitPage.hideModel(unit);
    const heading = element("h2", {}, `Unit ${unit.id} `);
    if (!hidden) heading.append(unit.label ? coloured(unit.label) : element("span", { class: "soft" }, "no label"));
    if (unit.person) heading.append(" ", coloured(unit.person, `${unit.person}, set by ${unit.author || "a person"}`, "chip"));
    const parts = [heading];
    if (hidden) parts.push(element("p", { class: "soft" }, "The model's label is hidden until you have answered."));
    else parts.push(...labelWords(unit));
    parts.push(element("p", { class: "soft" }, whereabouts(unit, hidden)));
    const figures = element("div", { class: "figures" });
    const hasPlace = units.some((one) => one.depth !== null);
    if (session.waveforms && session.waveforms.largest[unit.row] !== null) {
      figures.append(figure(hasPlace ? "wide" : "full", "Mean waveforms on the nearest channels, with the electrode's id", waveforms(unit)));
      if (hasPlace) figures.append(figure("narrow", "Position on the probe", probe(unit)));
    } else figures.append(figure("full", "The file has no mean waveform of this unit.", ""));
    figures.append(
      figure("narrow", `Autocorrelogram; grey: ${REFRACTORY_MS} ms`, autocorrelogram(unit)),
      figure("narrow", "Intervals between spikes", intervals(unit)),
      figure("narrow", "Rate over the session; grey: not observed", rate(unit)),
    );
    parts.push(figures);
    if (!hidden && session.evidence.names.length && unit.label) parts.push(...evidence(unit));
    parts.push(...metrics(unit, hidden));
    byId("unit").replaceChildren(...parts);
    repaint();
  }

  function labelWords(unit) {
    const bars = element("p", { class: "probabilities" });
    session.classes.forEach((name, i) => {
      const value = unit.probabilities[i];
      const bar = element("i", { class: "bar" });
      bar.style.width = `${(value || 0) * 7}rem`;
      const one = coloured(name, `${name} ${number(value)} `, "");
      one.append(bar);
      bars.append(one);
    });
    const words = [bars];
    if (unit.uncertain || unit.remark) words.push(element("p", { class: "warn" }, `Uncertain: ${unit.remark}.`));
    if (unit.contamination) words.push(element("p", {}, unit.contamination));
    if (unit.reason) words.push(element("p", {}, unit.reason, unit.telling ? ` ${unit.telling[0].toUpperCase()}${unit.telling.slice(1)}.` : ""));
    return words;
  }

  function whereabouts(unit, hidden) {
    const words = [several(unit.spikes, "spike")];
    if (unit.group) words.push(unit.group);
    if (unit.region) words.push(unit.region);
    if (unit.depth !== null) words.push(`${unit.depth} µm along the probe`);
    for (const one of hidden ? [] : session.agreement) if (one.labels[unit.row]) words.push(`${one.column}: ${one.labels[unit.row]} (${one.who})`);
    return words.join(" · ");
  }

  function evidence(unit) {
    const table = element("div", { class: "evidence" });
    const changes = session.evidence.changes.map((column) => column[unit.row]);
    const rows = session.evidence.names.map((name, i) => [name, changes[i]]).filter(([, change]) => change !== null);
    rows.sort((a, b) => b[1] - a[1]);
    for (const [name, change] of rows) {
      const bar = element("i");
      bar.style.background = colour(change >= 0 ? "--for" : "--against");
      bar.style.width = `${Math.min(Math.abs(change), 1) * 50}%`;
      bar.style[change >= 0 ? "left" : "right"] = "50%";
      table.append(
        element("span", {}, name),
        element("span", { class: "track" }, bar),
        element("span", { class: "number" }, `${change >= 0 ? "+" : "−"}${Math.abs(change).toFixed(2)}`),
      );
    }
    return [
      element("h3", {}, `Evidence for ${unit.label}`),
      element("p", { class: "soft" }, `Change of the probability of ${unit.label} when this evidence is there, against when it is hidden. ${session.evidence.note} Changes do not add up.`),
      table,
    ];
  }

  function metrics(unit, hidden) {
    const table = element("table", { class: "metrics" });
    const classes = session.classes.filter((name) => session.features.columns.some((feature) => feature.quantiles[name]));
    table.append(element("thead", {}, element("tr", {},
      element("th", {}, "metric"), element("th", { class: "number" }, "value"), element("th", {}, "unit"),
      element("th", { class: "strip" }, classes.length ? "among the training units of each class" : "among the units of this file"))));
    const body = element("tbody");
    for (const feature of session.features.columns) {
      const value = feature.values[unit.row];
      const name = element("td", { title: feature.about }, feature.name.split("@")[0].replaceAll("_", " "));
      body.append(element("tr", {}, name,
        element("td", { class: "number" }, value === null ? element("span", { class: "soft" }, "missing") : significant(value)),
        element("td", { class: "soft" }, feature.unit), element("td", { class: "strip" }, strip(feature, value, classes))));
    }
    table.append(body);
    const key = element("p", { class: "key" });
    for (const name of classes) {
      const mark = element("i");
      mark.style.background = classColour(name);
      key.append(element("span", {}, mark, `${name}: 5 to 95 %, thick 25 to 75 %, tick: median`));
    }
    return [element("h3", {}, "Metrics"), hidden ? "" : key, table];
  }

  function strip(feature, value, classes) {
    const known = feature.values.filter((one) => one !== null);
    const ends = classes.flatMap((name) => (feature.quantiles[name] ? [feature.quantiles[name][0], feature.quantiles[name].at(-1)] : []));
    const all = ends.length ? ends : known;
    if (!all.length) return "";
    const low = Math.min(...all, value ?? all[0]);
    const high = Math.max(...all, value ?? all[0]);
    const logarithmic = low >= 0 && high > 20 * Math.max(low, median(all));
    const shape = (one) => (logarithmic ? Math.log1p(one / Math.max(median(all), 1e-12)) : one);
    const at = (one, width) => 4 + ((shape(one) - shape(low)) / (shape(high) - shape(low) || 1)) * (width - 8);
    return canvas(26, `${feature.name}: ${significant(value)}`, (context, width, height) => {
      context.fillStyle = colour("--band");
      context.fillRect(0, height / 2 - 1, width, 2);
      classes.forEach((name, i) => {
        const q = feature.quantiles[name];
        if (!q) return;
        const y = 5 + i * 7;
        context.fillStyle = classColour(name);
        context.fillRect(at(q[0], width), y, Math.max(at(q[4], width) - at(q[0], width), 1), 1.5);
        context.fillRect(at(q[1], width), y - 1.5, Math.max(at(q[3], width) - at(q[1], width), 1), 4.5);
        context.fillStyle = colour("--paper");
        context.fillRect(at(q[2], width) - 0.75, y - 1.5, 1.5, 4.5);
      });
      if (!classes.length) {
        context.fillStyle = colour("--soft");
        context.globalAlpha = 0.35;
        known.forEach((one) => context.fillRect(at(one, width), height / 2 - 5, 1, 10));
        context.globalAlpha = 1;
      }
      if (value !== null) {
        context.fillStyle = colour("--ink");
        context.fillRect(at(value, width) - 1, 0, 2.5, height);
      }
    });
  }

  function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  }

  // The table ----------------------------------------------------------------------------------------------------------

  const sorters = {
    unit: (unit) => unit.id, spikes: (unit) => unit.spikes, label: (unit) => session.classes.indexOf(unit.label),
    probability: (unit) => unit.probability ?? -1, margin: (unit) => (unit.spikes < session.min_spikes ? 2 : 0) + (unit.margin ?? 1), // units with too few spikes apart
    asked: (unit) => (unit.asked < 0 ? Infinity : unit.asked),
    person: (unit) => unit.person || "~",
  };
  const headings = { unit: "unit", spikes: "spikes", label: "label", probability: "probability", margin: "margin", person: "person" };

  function showTable() {
    const head = document.querySelector("#units thead tr");
    const columns = TABLE_COLUMNS.filter((name) => name !== "person" || session.review || units.some((unit) => unit.person));
    head.replaceChildren(...columns.map((name) => {
      const number = name !== "label" && name !== "person";
      const button = element("button", { type: "button", title: `Sort by ${headings[name]}` }, headings[name]);
      button.addEventListener("click", () => {
        order = { by: name, up: order.by === name ? !order.up : name !== "spikes" && name !== "probability" };
        listUnits();
      });
      return element("th", { scope: "col", class: number ? "number" : "", "data-column": name }, button);
    }));
    listUnits();
  }

  function listUnits() {
    const key = sorters[order.by];
    const sign = order.up ? 1 : -1;
    const compare = (a, b) => (typeof a === "string" || typeof b === "string" ? String(a).localeCompare(String(b), "en", { numeric: true }) : a - b);
    shown = units.filter(matches(byId("filter").value)).sort((a, b) => sign * compare(key(a), key(b)) || a.row - b.row);
    for (const th of document.querySelectorAll("#units th")) {
      if (th.dataset.column === order.by) th.setAttribute("aria-sort", order.up ? "ascending" : "descending");
      else th.removeAttribute("aria-sort");
      const mark = th.dataset.column === order.by ? (order.up ? " ↑" : " ↓") : "";
      th.firstChild.textContent = headings[th.dataset.column] + mark;
    }
    const columns = [...document.querySelectorAll("#units th")].map((th) => th.dataset.column);
    const body = document.querySelector("#units tbody");
    body.replaceChildren(...shown.map((unit) => tableRow(unit, columns)));
    byId("count").textContent = shown.length === units.length ? several(units.length, "unit") : `${shown.length} of ${several(units.length, "unit")}`;
  }

  function tableRow(unit, columns) {
    const hidden = unitPage.hideModel(unit);
    const cells = {
      unit: () => element("td", { class: "number" }, String(unit.id)),
      spikes: () => element("td", { class: "number" }, unit.spikes.toLocaleString("en")),
      label: () => element("td", {}, hidden ? "·" : unit.label ? coloured(unit.label, unit.label, unit.uncertain ? "label uncertain" : "label") : "none"),
      probability: () => element("td", { class: "number" }, hidden ? "·" : number(unit.probability)),
      margin: () => element("td", { class: "number" }, hidden ? "·" : number(unit.margin)),
      person: () => element("td", {}, unit.person ? coloured(unit.person, unit.person, "chip") : ""),
    };
    const made = element("tr", { "aria-selected": String(unit === chosen), "data-unit": String(unit.id) }, ...columns.map((name) => cells[name]()));
    made.addEventListener("click", () => choose(unit, { focus: false }));
    return made;
  }

  function matches(text) {
    const words = text.trim().toLowerCase().split(/[\s,]+/).filter(Boolean);
    const tests = words.map((word) => {
      const compared = word.match(/^(spikes|probability|margin|depth)(>=|<=|>|<|=)(-?[\d.]+)$/);
      if (compared) {
        const [, name, sign, limit] = compared;
        const is = { ">": (a, b) => a > b, "<": (a, b) => a < b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, "=": (a, b) => a === b }[sign];
        return (unit) => unit[name] !== null && is(unit[name], Number(limit));
      }
      if (word === "uncertain") return (unit) => unit.uncertain;
      if (word === "certain") return (unit) => !unit.uncertain && unit.label !== "";
      if (word === "asked") return (unit) => unit.asked >= 0;
      if (word === "person") return (unit) => unit.person !== "";
      if (session.classes.includes(word)) return (unit) => (unit.person || unit.label) === word;
      return (unit) => String(unit.id).toLowerCase() === word || unit.region.toLowerCase() === word || unit.group.toLowerCase().includes(word);
    });
    return (unit) => tests.every((test) => test(unit));
  }

  function choose(unit, { focus = true } = {}) {
    chosen = unit;
    for (const row of document.querySelectorAll("#units tbody tr")) {
      const here = row.dataset.unit === String(unit.id);
      row.setAttribute("aria-selected", String(here));
      if (here) row.scrollIntoView({ block: "nearest" });
    }
    showUnit(unit);
    if (focus) byId("unit").scrollTop = 0;
    listeners.chosen.forEach((listener) => listener(unit));
  }

  function step(by) {
    const at = shown.indexOf(chosen);
    const next = shown[Math.min(Math.max(at + by, 0), shown.length - 1)];
    if (next && next !== chosen) choose(next);
  }

  // File, summary, provenance ------------------------------------------------------------------------------------------

  function showFile() {
    const { file } = session;
    byId("file-name").textContent = file.name;
    const words = [several(units.length, "unit"), several(file.n_spikes, "spike")];
    if (file.subject_id) words.push(`subject ${file.subject_id}`);
    if (file.session_id) words.push(`session ${file.session_id}`);
    const counts = session.classes.map((name) => `${units.filter((unit) => (unit.person || unit.label) === name).length} ${name}`);
    byId("file-about").textContent = session.blind ? words.join(" · ") : [...words, counts.join(", ")].join(" · ");
  }

  function showSummary() {
    const view = byId("view-summary");
    drawn = drawn.filter((one) => !view.contains(one));
    if (session.blind) {
      view.replaceChildren(element("p", {}, "Hidden while you review blind."));
      return;
    }
    const parts = [element("h2", {}, "Summary")];
    if (session.rests_on) parts.push(element("p", {}, `The labels rest on ${session.rests_on}.`));
    for (const sentence of session.about_file || []) parts.push(element("p", { class: "warn" }, sentence));
    parts.push(element("div", { class: "figures" }, ...summaryFigures()));
    const by = [["Electrode group", (unit) => unit.group], ["Region", (unit) => unit.region]];
    const tables = by.map(([name, of]) => countTable(name, of)).filter(Boolean);
    if (session.agreement.length) tables.push(...session.agreement.map(agreementTable));
    parts.push(element("div", { class: "columns" }, ...tables));
    if (session.problems.length) {
      parts.push(element("h3", {}, "What was noticed in the file"));
      parts.push(element("ul", {}, ...session.problems.map((problem) => element("li", {}, problem.what, problem.n ? ` (${several(problem.n, "unit")}: ${problem.units.slice(0, 12).join(", ")}${problem.n > 12 ? ", …" : ""})` : ""))));
    }
    view.replaceChildren(...parts);
  }

  function summaryFigures() {
    const figures = [figure("half", "Units by label; pale: uncertain", canvas(150, "Number of units with each label", (context, width, height) => {
      const counts = session.classes.map((name) => units.filter((unit) => unit.label === name));
      const most = Math.max(1, ...counts.map((list) => list.length));
      counts.forEach((list, i) => {
        const y = 14 + i * ((height - 14) / counts.length);
        const sure = list.filter((unit) => !unit.uncertain).length;
        const wide = (count) => (count / most) * (width - 150);
        context.fillStyle = classColour(session.classes[i]);
        context.fillRect(60, y, wide(sure), 22);
        context.globalAlpha = 0.4;
        context.fillRect(60 + wide(sure), y, wide(list.length - sure), 22);
        context.globalAlpha = 1;
        axisText(context, session.classes[i], 54, y + 15, "right");
        axisText(context, `${list.length} (${sure} certain)`, 66 + wide(list.length), y + 15, "left");
      });
    }))];
    figures.push(figure("half", "Probability of the label", canvas(150, "Histogram of the probability of the label", (context, width, height) => {
      const counts = Array(20).fill(0);
      units.forEach((unit) => { if (unit.probability !== null) counts[Math.min(19, Math.floor(unit.probability * 20))] += 1; });
      const most = Math.max(1, ...counts);
      histogram(context, width, height, counts.map((count) => count / most), { tint: colour("--accent"), most: several(most, "unit"), ticks: [[0, "0"], [0.5, "0.5"], [1, "1"]] });
    })));
    if (session.waveforms) {
      for (const name of session.classes) {
        const list = units.filter((unit) => unit.label === name && session.waveforms.largest[unit.row] !== null).slice(0, 400);
        figures.push(figure("narrow", `Main channels of ${several(list.length, `${name} unit`)}, each to its largest value`, canvas(160, `Overlaid waveforms of ${name} units`, (context, width, height) => overlay(context, width, height, list, name))));
      }
    }
    if (units.some((unit) => unit.depth !== null)) figures.push(figure("full", "Labels along the probe", canvas(170, "Number of units by depth and label", depths)));
    return figures;
  }

  function overlay(context, width, height, list, name) {
    const [, nChannels, nSamples] = session.waveforms.shape;
    context.strokeStyle = classColour(name);
    context.globalAlpha = Math.max(0.08, Math.min(0.8, 12 / (list.length || 1)));
    for (const unit of list) {
      const samples = session.waveforms.rows.subarray(unit.row * nChannels * nSamples, (unit.row * nChannels + 1) * nSamples);
      context.beginPath();
      samples.forEach((sample, i) => context.lineTo((i / (nSamples - 1)) * width, height / 2 - (sample / 127) * (height / 2 - 8)));
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  function depths(context, width, height) {
    const placed = units.filter((unit) => unit.depth !== null && unit.label);
    const low = Math.min(...placed.map((unit) => unit.depth));
    const high = Math.max(...placed.map((unit) => unit.depth));
    const n = 40;
    const counts = session.classes.map(() => Array(n).fill(0));
    for (const unit of placed) counts[session.classes.indexOf(unit.label)][Math.min(n - 1, Math.floor(((unit.depth - low) / (high - low || 1)) * n))] += 1;
    const most = Math.max(1, ...counts[0].map((_, i) => counts.reduce((sum, column) => sum + column[i], 0)));
    const step = (width - 16) / n;
    for (let i = 0; i < n; i += 1) {
      let base = height - 20;
      counts.forEach((column, c) => {
        const tall = (column[i] / most) * (height - 36);
        context.fillStyle = classColour(session.classes[c]);
        context.fillRect(8 + i * step, base - tall, step - 1, tall);
        base -= tall;
      });
    }
    axisText(context, `${low.toFixed(0)} µm`, 8, height - 5, "left");
    axisText(context, `${high.toFixed(0)} µm along the probe`, width - 8, height - 5, "right");
    axisText(context, `at most ${several(most, "unit")}`, width - 8, 11, "right");
  }

  function countTable(title, of) {
    const names = [...new Set(units.map(of))].filter(Boolean).sort();
    if (!names.length) return null;
    const rows = names.slice(0, 60).map((name) => {
      const here = units.filter((unit) => of(unit) === name);
      return element("tr", {}, element("td", {}, name), ...session.classes.map((label) => element("td", { class: "number" }, String(here.filter((unit) => (unit.person || unit.label) === label).length))));
    });
    const head = element("tr", {}, element("th", {}, title), ...session.classes.map((label) => element("th", { class: "number" }, label)));
    return element("div", {}, element("h3", {}, `By ${title.toLowerCase()}`), element("table", { class: "plain" }, element("thead", {}, head), element("tbody", {}, ...rows)));
  }

  function agreementTable(one) {
    const head = element("tr", {}, element("th", {}, one.column), ...one.classes.map((label) => element("th", { class: "number" }, label)));
    const rows = one.confusion.map((counts, i) => element("tr", {}, element("td", {}, one.classes[i]), ...counts.map((count) => element("td", { class: "number" }, String(count)))));
    const who = one.who === "curator" ? "a curator's" : "a program's";
    const words = one.n ? `${several(one.n, "unit")} with both labels: ${(100 * one.accuracy).toFixed(0)} % alike, kappa ${number(one.kappa)}` : "No unit has both labels.";
    return element("div", {}, element("h3", {}, `Agreement with ${one.column} (${who})`), element("p", { class: "soft" }, `${words}. Rows: ${one.column}; columns: these labels.`),
      element("table", { class: "plain" }, element("thead", {}, head), element("tbody", {}, ...rows)));
  }

  function showProvenance() {
    const view = byId("view-provenance");
    const { model, software } = session;
    const facts = [
      ["Model", [model.name, model.revision].filter(Boolean).join(" ")], ["Digest of the model", model.digest], ["Licence of the model", model.licence],
      ["Software", Object.entries(software).map(([name, version]) => `${name} ${version}`).join(", ")],
      ["Made", session.created], ["File", session.file.name], ["NWB version", session.file.nwb_version], ["Object id of the file", session.file.object_id],
      ...Object.entries(session.notes).map(([name, note]) => [name[0].toUpperCase() + name.slice(1), note]),
    ].filter(([, value]) => value);
    const parts = [
      element("h2", {}, "How the labels were made"),
      element("table", { class: "plain" }, element("tbody", {}, ...facts.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value))))),
    ];
    if (session.history.length) {
      const head = ["run", "kind", "by", "when", "units", "note"];
      parts.push(element("h3", {}, "History of the file"), element("table", { class: "plain" },
        element("thead", {}, element("tr", {}, ...head.map((name) => element("th", {}, name)))),
        element("tbody", {}, ...session.history.map((run) => element("tr", {}, ...[run.name, run.undoes ? `takes back ${run.undoes}` : run.kind, run.agent, run.created, String(run.n), run.note].map((text) => element("td", {}, text)))))));
    }
    for (const { title, text, code } of session.texts || []) {
      parts.push(element("h3", {}, title));
      if (text) parts.push(...text.split("\n").map((line) => element("p", {}, line)));
      if (code) parts.push(copyable(code));
    }
    view.replaceChildren(...parts);
  }

  function copyable(code) {
    const button = element("button", { type: "button", class: "copy" }, "copy");
    button.addEventListener("click", () => navigator.clipboard.writeText(code).then(() => { button.textContent = "copied"; }));
    return element("div", {}, element("pre", { tabIndex: 0 }, element("code", {}, code)), button);
  }

  // Tabs, keys ---------------------------------------------------------------------------------------------------------

  const tabs = ["units", "summary", "provenance"];

  function openTab(name) {
    for (const one of tabs) {
      byId(`tab-${one}`).setAttribute("aria-selected", String(one === name));
      byId(`tab-${one}`).tabIndex = one === name ? 0 : -1;
      byId(`view-${one}`).hidden = one !== name;
    }
    repaint();
  }

  function start() {
    for (const [i, name] of tabs.entries()) {
      const tab = byId(`tab-${name}`);
      tab.addEventListener("click", () => openTab(name));
      tab.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        const next = tabs[(i + by + tabs.length) % tabs.length];
        openTab(next);
        byId(`tab-${next}`).focus();
        event.stopPropagation();
      });
    }
    byId("filter").addEventListener("input", () => {
      listUnits();
      if (shown.length && !shown.includes(chosen)) choose(shown[0], { focus: false });
    });
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog, [role=tab]")) return;
      const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
      if (by && !byId("view-units").hidden) {
        step(by);
        event.preventDefault();
      } else if (event.key === "/") {
        byId("filter").focus();
        event.preventDefault();
      }
    });
    window.addEventListener("resize", repaint);
    window.addEventListener("beforeprint", repaint);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (session) { showTable(); showSummary(); if (chosen) showUnit(chosen); } });
    const embedded = byId("session").textContent;
    if (embedded.trim()) load(JSON.parse(embedded));
  }

  return {
    load, start, choose, step, element, coloured, several, listUnits, showTable, showFile, showSummary, showUnit, listeners,
    hideModel: () => false,
    get session() { return session; },
    get units() { return units; },
    get shown() { return shown; },
    get chosen() { return chosen; },
  };
})();

document.addEventListener("DOMContentLoaded", unitPage.start);
