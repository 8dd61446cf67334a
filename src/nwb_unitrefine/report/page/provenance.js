// How the labels were made: model, software, history and rounds of the file, code and texts to copy.

const provenance = (() => {
  const { byId, element, moment, plainTable, sentence } = elements;

  function show() {
    const { model, software, file, notes, created, history, texts, classes } = session.data;
    const facts = [
      ["Model", [model.name, model.revision].filter(Boolean).join(" ")], ["Classes", classes.join(", ")], ["Digest of the model", model.digest],
      ["Licence of the model", model.licence], ["Software", Object.entries(software).map(([name, version]) => `${name} ${version}`).join(", ")],
      ["Made", moment(created)], ["File", file.name], ["NWB version", file.nwb_version], ["Object id of the file", file.object_id],
      ...Object.entries(notes).map(([name, note]) => [sentence(name), note]),
    ].filter(([, value]) => value);
    const table = element("table", { class: "plain" }, element("tbody", {}, ...facts.map(([name, value]) =>
      element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value)))));
    const parts = [element("h2", {}, "How the labels were made"), table, element("h3", {}, "History of the file")];
    if (history.length) {
      const rows = history.map((run) => [run.name, run.undoes ? `takes back ${run.undoes}` : run.kind, elements.name(run.agent), moment(run.created), run.n, elements.name(run.note)]);
      parts.push(plainTable(["run", "kind", "by", "when", "units", "note"], rows));
    } else parts.push(element("p", { class: "soft" }, "No labels have been written into the file yet."));
    parts.push(...rounds());
    for (const { title, text, code } of texts) {
      parts.push(element("h3", {}, title));
      if (text) parts.push(...text.split("\n").map((line) => element("p", {}, line)));
      if (code) parts.push(copyable(code));
    }
    byId("view-provenance").replaceChildren(...parts);
  }

  // What each round of answers was worth: the model adapted to the answers before it, and to these as well.
  function rounds() {
    const found = session.data.rounds || [];
    if (!found.length) return [];
    const rows = found.map((round) => [
      round.number, elements.name(round.by), moment(round.when), round.n_answers, round.n_scored,
      ...(round.scores ? [change(round.scores.balanced_accuracy), change(round.scores.accuracy), interval(round.scores.gain)] : [round.why, "", ""]),
    ]);
    return [
      element("h3", {}, "Rounds of answers"),
      element("p", { class: "soft" }, "Scores of the model adapted to the answers of earlier rounds, and to those of this round as well. Both are of the same units: all that people have labelled by then, each predicted without its own label."),
      plainTable(["round", "by", "when", "answers", "units scored", "balanced accuracy", "accuracy", "gain in accuracy, 95 % interval"], rows),
    ];
  }

  const change = ([before, after]) => `${before.toFixed(2)} → ${after.toFixed(2)}`;
  const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
  const interval = ([mean, low, high]) => `${signed(mean)} (${signed(low)} to ${signed(high)})`;

  function copyable(code) {
    const button = element("button", { type: "button", class: "copy" }, "copy");
    button.addEventListener("click", () => navigator.clipboard.writeText(code).then(() => { button.textContent = "copied"; }, () => { button.textContent = "select the text to copy it"; }));
    return element("div", { class: "code" }, element("pre", { tabIndex: 0 }, element("code", {}, code)), button);
  }

  return { show, change, interval };
})();
