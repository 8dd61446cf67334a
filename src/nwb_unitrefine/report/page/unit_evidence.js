// Why a unit has its label: evidence that moves its probability, thresholds of rules, metrics among the training units.

const unitEvidence = (() => {
  const { element, extent, key, median, number, significant } = elements;
  const { canvas, colour } = drawing;

  function evidence(unit) {
    const { names, changes, note } = session.data.evidence;
    const rows = names.map((name, i) => [name, changes[i][unit.row]]).filter(([, change]) => change !== null);
    if (!unit.label || !rows.length) return [];
    rows.sort((a, b) => b[1] - a[1]);
    const table = element("table", { class: "evidence" }, element("caption", { class: "hidden" }, `Evidence for ${unit.label}`));
    for (const [name, change] of rows) {
      const bar = element("i");
      bar.style.background = change >= 0 ? "var(--for)" : "var(--against)";
      bar.style.width = `${Math.min(Math.abs(change), 1) * 50}%`;
      bar.style[change >= 0 ? "left" : "right"] = "50%";
      table.append(element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, element("span", { class: "track", "aria-hidden": "true" }, bar)),
        element("td", { class: "number" }, `${change >= 0 ? "+" : "−"}${number(Math.abs(change))}`)));
    }
    return [
      element("h3", {}, `Evidence for ${unit.label}`),
      element("p", { class: "soft" }, `Change of the probability of ${unit.label} when this evidence is there, against when it is hidden. ${note} Changes do not add up.`),
      table,
    ];
  }

  // Every threshold of a rule set, with this unit's value.
  function thresholds(unit) {
    const found = session.data.thresholds || [];
    if (!found.length) return [];
    const words = { f: "failed", p: "passed", n: "not checked" };
    const rows = found.map((one) => {
      const outcome = words[one.outcomes[unit.row]];
      return [one.threshold, one.class, significant(one.values[unit.row]), element("span", { class: outcome === "failed" ? "warn" : "soft" }, outcome)];
    });
    return [element("h3", {}, "Thresholds"), elements.plainTable(["threshold", "for", "value", "outcome"], rows, { rowHeadings: true })];
  }

  function metrics(unit, hidden) {
    const { columns } = session.data.features;
    if (!columns.length) return [];
    const classes = session.data.classes.filter((name) => columns.some((feature) => feature.quantiles[name]));
    const shown = hidden ? [] : classes;
    const among = shown.length ? "among the training units of each class" : "among the units of this file";
    const body = element("tbody");
    for (const feature of columns) {
      const value = feature.values[unit.row];
      body.append(element("tr", {},
        element("th", { scope: "row", title: feature.about }, feature.name.split("@")[0].replaceAll("_", " ")),
        element("td", { class: "number" }, value === null ? element("span", { class: "soft" }, "missing") : significant(value)),
        element("td", { class: "soft" }, feature.unit), element("td", { class: "strip" }, strip(feature, value, shown))));
    }
    const head = element("tr", {}, element("th", { scope: "col" }, "metric"), element("th", { scope: "col", class: "number" }, "value"),
      element("th", { scope: "col" }, "unit"), element("th", { scope: "col", class: "strip" }, among));
    const legend = [
      ...shown.map((name) => [session.classColour(name), name]),
      [colour("--ink"), shown.length ? "upright: this unit. Thin line: 5 to 95 % of the class, thick: 25 to 75 %, gap: median" : "upright: this unit"],
    ];
    return [element("h3", {}, "Metrics"), key(legend), element("table", { class: "metrics" }, element("thead", {}, head), body)];
  }

  // One metric on a line: the spread of each class in training, or else the units of the file; and this unit.
  function strip(feature, value, classes) {
    const known = feature.values.filter((one) => one !== null);
    const ends = classes.flatMap((name) => (feature.quantiles[name] ? [feature.quantiles[name][0], feature.quantiles[name].at(-1)] : []));
    const all = ends.length ? ends : known;
    if (!all.length) return "";
    const [low, high] = extent(value === null ? all : [...all, value]);
    const centre = median(all);
    const logarithmic = low >= 0 && high > 20 * Math.max(low, centre);
    const shape = (one) => (logarithmic ? Math.log1p(one / Math.max(centre, 1e-12)) : one);
    const at = (one, width) => 4 + ((shape(one) - shape(low)) / (shape(high) - shape(low) || 1)) * (width - 8);
    return canvas(26, `${feature.name}: ${significant(value)}`, (context, width, height) => {
      context.fillStyle = colour("--band");
      context.fillRect(0, height / 2 - 1, width, 2);
      const step = Math.min(7, (height - 5) / Math.max(classes.length, 1));
      classes.forEach((name, i) => {
        const q = feature.quantiles[name];
        if (!q) return;
        const y = 5 + i * step;
        context.fillStyle = session.classColour(name);
        context.fillRect(at(q[0], width), y, Math.max(at(q[4], width) - at(q[0], width), 1), 1.5);
        context.fillRect(at(q[1], width), y - 1.5, Math.max(at(q[3], width) - at(q[1], width), 1), 4.5);
        context.fillStyle = colour("--paper");
        context.fillRect(at(q[2], width) - 0.75, y - 1.5, 1.5, 4.5);
      });
      if (!ends.length) {
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

  return { evidence, thresholds, metrics };
})();
