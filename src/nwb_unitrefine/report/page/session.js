// What the page shows: the data of one session, its units, and which of them are listed and chosen.

const session = (() => {
  const { element } = elements;
  const { colour } = drawing;
  const now = {
    data: null,
    units: [], // one object for each unit, in the order of the file
    listed: [], // units of the table, in its order
    chosen: null,
    hideModel: () => false, // whether the model's label of a unit is hidden: in a blind review
  };

  function bytes(encoded, Kind) {
    const raw = atob(encoded);
    const array = new Kind(raw.length);
    for (let i = 0; i < raw.length; i += 1) array[i] = raw.charCodeAt(i);
    return array;
  }

  function read(data) {
    now.data = data;
    for (const name of ["autocorrelogram", "intervals", "rate"]) data.spikes[name].rows = bytes(data.spikes[name].bytes, Uint8Array);
    if (data.waveforms) data.waveforms.rows = bytes(data.waveforms.samples, Int8Array);
    const asked = new Map((data.asked || []).map((id, place) => [id, place]));
    const columns = data.units;
    now.units = columns.id.map((id, row) => {
      const label = columns.label[row];
      const probabilities = columns.probability.map((column) => column[row]);
      return {
        id, row, label, probabilities,
        spikes: columns.spikes[row],
        probability: label ? probabilities[data.classes.indexOf(label)] ?? null : null,
        margin: columns.margin.length ? columns.margin[row] : null,
        uncertain: Boolean(columns.uncertain[row]),
        remark: columns.remark[row],
        reason: columns.reason[row] || "",
        telling: columns.telling[row] || "",
        decided: columns.decided[row] || "", // the scores that decided, where the label is not the most probable class
        contamination: columns.contamination[row] || "",
        person: columns.person[row],
        author: columns.author[row],
        group: columns.group[row] || "",
        region: columns.region[row] || "",
        depth: columns.depth_um.length ? columns.depth_um[row] : null,
        x: columns.x_um.length ? columns.x_um[row] : null,
        asked: asked.has(id) ? asked.get(id) : -1, // place among the units to ask about; -1 for the others
      };
    });
    now.listed = [];
    now.chosen = null;
  }

  // Name of the colour in the style sheet, which differs between schemes.
  function colourName(label) {
    if (["sua", "mua", "noise"].includes(label)) return `--${label}`;
    const place = now.data.classes.indexOf(label);
    return place < 0 ? "--soft" : `--class-${3 + (place % 3)}`;
  }

  const classColour = (label) => colour(colourName(label));

  // A colour would give a hidden label away.
  const unitColour = (unit) => (now.hideModel(unit) ? colour("--soft") : classColour(unit.person || unit.label));

  function coloured(label, text = label, kind = "label") {
    const made = element("span", { class: kind }, text);
    made.style.color = `var(${colourName(label)})`;
    return made;
  }

  // A label that is hidden cannot be filtered or counted by.
  const inEffect = (unit) => unit.person || (now.hideModel(unit) ? "" : unit.label);
  const hasProbabilities = () => now.units.some((unit) => unit.probabilities.some((one) => one !== null));

  return Object.assign(now, { read, classColour, unitColour, coloured, inEffect, hasProbabilities });
})();
