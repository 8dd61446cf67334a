// One unit: label, probabilities, reason, pictures, evidence, metrics.

const unitView = (() => {
  const { byId, element, number, several, sentence } = elements;

  function parts(unit) {
    const hidden = session.hideModel(unit);
    const heading = element("h2", {}, elements.name(`Unit ${unit.id}`), " ");
    if (!hidden) heading.append(unit.label ? session.coloured(unit.label) : element("span", { class: "soft" }, "no label"));
    if (unit.person) heading.append(" ", session.coloured(unit.person, `${unit.person}, set by ${unit.author || "a person"}`, "chip"));
    const made = [heading];
    if (hidden) made.push(element("p", { class: "soft" }, "The model's label is hidden until you have answered."));
    else made.push(...labelWords(unit));
    made.push(element("p", { class: "soft" }, ...whereabouts(unit, hidden)));
    made.push(element("div", { class: "figures" }, ...placePictures.figures(unit), ...spikePictures.figures(unit)));
    if (!hidden) made.push(...unitEvidence.evidence(unit), ...unitEvidence.thresholds(unit));
    made.push(...unitEvidence.metrics(unit, hidden));
    return made;
  }

  function show(unit) {
    byId("unit").replaceChildren(...parts(unit));
    drawing.repaint();
  }

  function showNone(words) {
    byId("unit").replaceChildren(element("p", { class: "soft" }, words));
  }

  // Probabilities as bars, the scores that decided, and remarks.
  function labelWords(unit) {
    const words = [];
    const { classes } = session.data;
    if (unit.probabilities.some((one) => one !== null)) {
      words.push(element("p", { class: "probabilities" }, ...classes.map((name, i) => {
        const bar = element("i", { class: "bar" });
        bar.style.width = `${(unit.probabilities[i] || 0) * 7}rem`;
        const one = session.coloured(name, `${name} ${number(unit.probabilities[i])} `, "");
        one.append(bar);
        return one;
      })));
    }
    if (unit.decided) words.push(element("p", { class: "soft" }, unit.decided));
    if (unit.contamination) words.push(element("p", { class: "soft" }, `Spikes of other neurons, estimated from refractory violations (90 % interval): ${unit.contamination}.`));
    if (unit.uncertain) words.push(element("p", { class: "warn" }, `Uncertain: ${unit.remark}.`));
    else if (unit.remark) words.push(element("p", { class: "soft" }, `Fails: ${unit.remark}.`));
    if (unit.reason) words.push(element("p", {}, unit.reason, unit.telling ? ` ${sentence(unit.telling)}.` : ""));
    return words;
  }

  function whereabouts(unit, hidden) {
    const words = [several(unit.spikes, "spike")];
    if (unit.group) words.push(unit.group);
    if (unit.region) words.push(unit.region);
    if (unit.depth !== null) words.push(`${unit.depth} µm along the probe`);
    const others = hidden ? [] : session.data.agreement.filter((one) => one.who !== "people" && one.labels[unit.row]);
    for (const one of others) words.push(`${one.column}: ${one.labels[unit.row]} (${one.who})`);
    return words.flatMap((word, i) => [i ? " · " : "", elements.name(word)]);
  }

  return { parts, show, showNone };
})();
