// What a model learns from the answers, shown before anything is written: adapt, evaluate, train.

const reviewLearning = (() => {
  const { element, number, plainTable, several } = elements;
  const SCORES = { balanced_accuracy: "balanced accuracy", accuracy: "accuracy", macro_f1: "macro F1", calibration_error: "calibration error", brier: "Brier score" };
  const POLL_MS = 700;
  const dialog = element("dialog", { "aria-labelledby": "learning-title" });
  document.body.append(dialog);

  // A dialog with a way out, and further acts before it.
  function open(title, parts, acts = []) {
    const leave = element("button", { type: "button" }, acts.length ? "Leave it" : "Close");
    leave.addEventListener("click", () => dialog.close());
    const buttons = acts.map(([text, act]) => {
      const button = element("button", { type: "button" }, text);
      button.addEventListener("click", () => { dialog.close(); reviewServer.inTurn(act); });
      return button;
    });
    dialog.replaceChildren(element("h2", { id: "learning-title" }, title), ...parts, element("p", { class: "acts" }, ...buttons, leave));
    if (!dialog.open) dialog.showModal();
    leave.focus(); // a key pressed twice writes nothing
  }

  const soft = (text) => element("p", { class: "soft" }, text);

  function showAdaptation({ remark, changed, scores, why }, write) {
    const rows = session.data.blind ? [] : changed.map(([unit, now, then]) => [elements.name(unit), session.coloured(now), session.coloured(then)]);
    const gained = scores
      ? plainTable(["", "before", "after"], ["balanced_accuracy", "accuracy"].map((name) => [SCORES[name], ...scores[name].map((one) => number(one))]), { rowHeadings: true })
      : soft(`Held-out scores: ${why}.`);
    const about = scores
      ? soft(`On the ${several(scores.n_units, "unit")} that people have labelled, each predicted without its own label. Gain in accuracy ${provenance.interval(scores.gain)}, 95 % interval. Before: adapted to the labels in the file. After: to these answers as well.`)
      : "";
    open("Adapt the model to your answers", [
      element("p", {}, remark), gained, about,
      soft(`${several(changed.length, "unit")} that nobody has labelled would get another label. Nothing is written yet.`),
      rows.length ? element("div", { class: "changes", tabIndex: 0 }, plainTable(["unit", "label now", "label then"], rows)) : "",
    ], [["Write the answers and these labels", write]]);
  }

  // Jobs that take long are done by the server while the person goes on; the newest one's outcome is asked for.
  async function run(what, title, show) {
    await reviewServer.ask("api/learning", { do: what });
    wait(title, show);
  }

  async function wait(title, show) {
    const closed = () => !dialog.open;
    open(title, [element("p", { role: "status" }, "Working … You can close this and go on.")]);
    for (;;) {
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
      if (closed()) return;
      let found;
      try {
        found = await reviewServer.ask("api/learning");
      } catch (error) {
        open(title, [element("p", { class: "warn" }, error.message)]);
        return;
      }
      if (found.running) {
        dialog.querySelector("[role=status]").textContent = `Working: ${found.running} … You can close this and go on.`;
        continue;
      }
      if (found.error) open(title, [element("p", { class: "warn" }, found.error)]);
      else show(found.done);
      return;
    }
  }

  const evaluate = () => run("evaluate", "The model against people's labels", showEvaluation);

  function showEvaluation({ model, n_units: nUnits, files, scores, accuracy_interval: interval, classes, confusion }) {
    const title = "The model against people's labels";
    const rows = Object.entries(SCORES).filter(([name]) => name in scores).map(([name, words]) => [
      words, number(scores[name], 3), name === "accuracy" ? `${number(interval[0])} to ${number(interval[1])}` : ""]);
    open(title, [
      element("p", {}, `${model}, as it was trained, on ${several(nUnits, "unit")} that people labelled in ${several(files, "file")}. Answers that are not yet written do not count.`),
      plainTable(["score", "value", "95 % interval"], rows, { rowHeadings: true }),
      element("h3", {}, "Units by people's label (rows) and the model's (columns)"),
      plainTable(["", ...classes], confusion.map((counts, i) => [session.coloured(classes[i]), ...counts]), { rowHeadings: true }),
    ]);
  }

  const train = () => run("train", "Train the model further", showTraining);

  function showTraining({ model, output, added, corrected, unchanged, scored_units: nUnits, before, after }) {
    const rows = Object.entries(SCORES).filter(([name]) => name in before && name in after).map(([name, words]) => [words, number(before[name], 3), number(after[name], 3)]);
    const write = () => run("write", "Write the trained model", ({ path }) => open("Write the trained model", [element("p", {}, `Written: ${path}. Review with it: --model ${path}`)]));
    open("Train the model further", [
      element("p", {}, `${model} with ${several(added, "unit")} added and ${corrected} corrected; ${unchanged} were in its training table with the same label.`),
      plainTable(["score", "before", "after"], rows, { rowHeadings: true }),
      soft(`Both on the same ${several(nUnits, "unit")}: each predicted by a model that was trained without its subject. Nothing is written yet.`),
    ], [[`Write the model to ${output}`, write]]);
  }

  return { showAdaptation, evaluate, train };
})();
