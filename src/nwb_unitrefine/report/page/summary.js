// The whole session: units by label, region, shank and depth, waveforms by label, agreement with other labels.

const summary = (() => {
  const { byId, element, extent, key, number, several } = elements;
  const { canvas, colour, figure, histogram, line, text } = drawing;
  const MOST_ROWS = 60;
  const MOST_GROUPS = 8;

  function show() {
    const view = byId("view-summary");
    const { data, units } = session;
    if (data.blind) {
      view.replaceChildren(element("p", {}, "Hidden while you review blind."));
      return;
    }
    const parts = [element("h2", {}, "Summary")];
    if (data.rests_on) parts.push(element("p", {}, `The labels rest on ${data.rests_on}.`));
    const aboutFile = data.problems.filter((problem) => problem.code.startsWith("model."));
    parts.push(...aboutFile.map((problem) => element("p", { class: "warn" }, problemWords(problem))));
    if (!units.length) parts.push(element("p", { class: "soft" }, "The file has no units."));
    else if (!units.some(session.inEffect)) parts.push(element("p", { class: "soft" }, "No unit has a label."));
    if (units.length) parts.push(element("div", { class: "figures" }, ...figures()));
    const tables = [
      countTable("Electrode group", "probe or shank", (unit) => unit.group), countTable("Region", "region", (unit) => unit.region),
      thresholdTable(), ...data.agreement.map(agreementTable),
    ];
    parts.push(element("div", { class: "columns" }, ...tables.filter(Boolean)));
    const noticed = data.problems.filter((problem) => !aboutFile.includes(problem));
    if (noticed.length) {
      parts.push(element("h3", {}, "What was noticed in the file"), element("ul", {}, ...noticed.map((problem) => element("li", {}, problemWords(problem)))));
    }
    view.replaceChildren(...parts);
  }

  function problemWords({ what, units, n }) {
    if (!n || what.includes(String(units[0]))) return what;
    return `${what} (${several(n, "unit")}: ${units.slice(0, 12).join(", ")}${n > 12 ? ", …" : ""})`;
  }

  function figures() {
    const { data, units } = session;
    const made = [figure("half", "Units by label; pale: uncertain", canvas(34 * data.classes.length + 20, "Number of units with each label", labelBars))];
    if (session.hasProbabilities()) {
      made.push(figure("half", "Probability of the label", canvas(150, "Number of units by the probability of their label", probabilities)));
    }
    if (data.waveforms) {
      for (const name of data.classes) {
        const list = units.filter((unit) => unit.label === name && placePictures.hasWaveform(unit)).slice(0, 400);
        if (!list.length) continue;
        const words = `${several(list.length, `${name} unit`)} on their main channels, each scaled to its largest value`;
        made.push(figure("narrow", words, canvas(170, `Overlaid mean waveforms of ${name} units`, (context, width, height) => overlay(context, width, height, list, name))));
      }
    }
    return [...made, ...depthFigures()];
  }

  function labelBars(context, width) {
    const counts = session.data.classes.map((name) => session.units.filter((unit) => session.inEffect(unit) === name));
    const most = Math.max(1, ...counts.map((list) => list.length));
    const left = Math.min(140, 16 + Math.max(...session.data.classes.map((name) => context.measureText(name).width)));
    counts.forEach((list, i) => {
      const y = 12 + i * 34;
      const sure = list.filter((unit) => unit.person || !unit.uncertain).length;
      const wide = (count) => (count / most) * Math.max(width - left - 120, 10);
      context.fillStyle = session.classColour(session.data.classes[i]);
      context.fillRect(left, y, wide(sure), 20);
      context.globalAlpha = 0.4;
      context.fillRect(left + wide(sure), y, wide(list.length - sure), 20);
      context.globalAlpha = 1;
      text(context, session.data.classes[i], left - 6, y + 14, "right");
      text(context, list.length === sure ? String(sure) : `${list.length} (${sure} certain)`, left + 6 + wide(list.length), y + 14, "left");
    });
  }

  function probabilities(context, width, height) {
    const counts = Array(20).fill(0);
    for (const { probability } of session.units) if (probability !== null) counts[Math.min(19, Math.floor(probability * 20))] += 1;
    const most = Math.max(1, ...counts);
    histogram(context, width, height, counts.map((count) => count / most), {
      tint: colour("--accent"), most: `most: ${several(most, "unit")}`, ticks: [[0, "0"], [0.5, "0.5"], [1, "1"]],
    });
  }

  function overlay(context, width, height, list, name) {
    const { duration_ms: duration } = session.data.waveforms;
    const room = height - 22;
    context.strokeStyle = session.classColour(name);
    context.globalAlpha = Math.max(0.08, Math.min(0.8, 12 / list.length));
    for (const unit of list) {
      const samples = placePictures.samplesOf(unit, 0);
      line(context, (i) => (i / Math.max(samples.length - 1, 1)) * width, samples.map((sample) => room / 2 - sample * (room / 2 - 8)));
    }
    context.globalAlpha = 1;
    if (!duration) return;
    const bar = drawing.roundNumber(duration / 3);
    context.strokeStyle = colour("--ink");
    context.lineWidth = 1.5;
    line(context, (i) => 4 + i * (bar / duration) * width, [height - 6, height - 6]);
    text(context, `${bar} ms`, 10 + (bar / duration) * width, height - 3, "left");
  }

  // One figure for each probe or shank: depths of several are not one axis.
  function depthFigures() {
    const placed = session.units.filter((unit) => unit.depth !== null && session.data.classes.includes(session.inEffect(unit)));
    const groups = [...new Set(placed.map((unit) => unit.group))].sort();
    const legend = () => key(session.data.classes.map((name) => [session.classColour(name), name]));
    return groups.slice(0, MOST_GROUPS).map((group) => {
      const here = placed.filter((unit) => unit.group === group);
      const named = groups.length > 1 ? `Labels along ${group || "no named group"}` : "Labels along the probe";
      return figure("full", named, canvas(170, `${named}: number of units by depth`, (context, width, height) => depths(context, width, height, here)), legend());
    });
  }

  function depths(context, width, height, placed) {
    const [low, high] = extent(placed.map((unit) => unit.depth));
    const n = 40;
    const counts = session.data.classes.map(() => Array(n).fill(0));
    for (const unit of placed) {
      const bin = Math.min(n - 1, Math.floor(((unit.depth - low) / (high - low || 1)) * n));
      counts[session.data.classes.indexOf(session.inEffect(unit))][bin] += 1;
    }
    const most = Math.max(1, ...counts[0].map((_, i) => counts.reduce((sum, column) => sum + column[i], 0)));
    const step = (width - 16) / n;
    for (let i = 0; i < n; i += 1) {
      let base = height - 20;
      counts.forEach((column, c) => {
        const tall = (column[i] / most) * (height - 38);
        context.fillStyle = session.classColour(session.data.classes[c]);
        context.fillRect(8 + i * step, base - tall, step - 1, tall);
        base -= tall;
      });
    }
    context.strokeStyle = colour("--soft");
    line(context, (i) => 8 + i * (width - 16), [height - 19.5, height - 19.5]);
    text(context, `${low.toFixed(0)} µm`, 8, height - 5, "left");
    if (high > low) text(context, `${high.toFixed(0)} µm along the probe`, width - 8, height - 5, "right");
    text(context, `most: ${several(most, "unit")}`, width - 8, 11, "right");
  }

  const percent = (share) => (100 * share).toFixed(0);

  function section(title, about, ...content) {
    return element("div", {}, element("h3", {}, title), about ? element("p", { class: "soft" }, about) : "", ...content);
  }

  function countTable(title, heading, of) {
    const names = [...new Set(session.units.map(of))].filter(Boolean).sort();
    if (!names.length) return null;
    const rows = names.slice(0, MOST_ROWS).map((name) => {
      const here = session.units.filter((unit) => of(unit) === name);
      const labelled = session.data.classes.map((label) => here.filter((unit) => session.inEffect(unit) === label).length);
      return [elements.name(name), ...labelled, here.filter((unit) => unit.uncertain && !unit.person).length];
    });
    const more = names.length > MOST_ROWS ? `The first ${MOST_ROWS} of ${names.length}.` : "";
    return section(`By ${title.toLowerCase()}`, more, elements.plainTable([heading, ...session.data.classes, "uncertain"], rows, { rowHeadings: true }));
  }

  // How many units fail each threshold of a rule set.
  function thresholdTable() {
    const found = session.data.thresholds || [];
    if (!found.length) return null;
    const count = (outcomes, letter) => outcomes.split(letter).length - 1;
    const rows = found.map((one) => [one.threshold, one.class, count(one.outcomes, "f"), count(one.outcomes, "n")]);
    return section("Thresholds", `How many of ${several(session.units.length, "unit")} fail each; a missing value is not checked, or fails where the rules state so.`,
      elements.plainTable(["threshold", "for", "fail", "not checked"], rows, { rowHeadings: true }));
  }

  function agreementTable(one) {
    const who = one.who === "curator" ? "a curator's" : "a program's";
    const title = one.who === "people" ? "Agreement with people's answers" : `Agreement with ${one.column} (${who})`;
    if (!one.n) return section(title, "No unit has both labels.");
    const seen = one.who === "people" ? " A model that was adapted to these answers has seen them; for scores on held-out units see the rounds of answers." : "";
    const kappa = one.kappa === null ? "" : `, kappa ${number(one.kappa)}`;
    const rows = one.confusion.map((counts, i) => [one.classes[i], ...counts]);
    return section(title, `${several(one.n, "unit")} with both labels: ${percent(one.accuracy)} % alike (95 % interval ${one.interval.map(percent).join(" to ")} %)${kappa}. Rows: ${one.column}; columns: these labels.${seen}`,
      elements.plainTable([one.column, ...one.classes], rows, { rowHeadings: true }));
  }

  return { show };
})();
