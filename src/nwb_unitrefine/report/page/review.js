// What a review adds to the page: answers by keys, kept by the server at the key press, written as one run.

const review = (() => {
  const { element, several } = elements;
  const { ask, inTurn } = reviewServer;
  const WORTH_ADAPTING = 20; // answers; from five on it is possible, from twenty on it was measured to help
  let files = [];
  let current = 0;
  let state = { by: "", answers: {}, runs: 0 };
  let keys = {};
  const parts = {};

  const base = () => `api/files/${current}`;
  const change = (body) => ask(`${base()}/change`, body);

  function tell(text, bad = false) {
    parts.state.textContent = text;
    parts.state.className = bad ? "bad" : "";
  }

  function takeOver(found) {
    state = found;
    for (const unit of session.units) {
      const answer = state.answers[String(unit.id)];
      unit.answered = Boolean(answer);
      unit.note = answer ? answer.note : "";
      unit.person = answer ? answer.label : unit.inFile.person;
      unit.author = answer ? `${state.by}, not yet written` : unit.inFile.author;
    }
    const count = Object.keys(state.answers).length;
    const labelled = session.units.filter((unit) => unit.person).length;
    const enough = labelled >= WORTH_ADAPTING;
    parts.adapt.setAttribute("aria-disabled", String(!enough));
    parts.adapt.title = enough ? "Show what the model would change" : `After ${WORTH_ADAPTING} answers the model can learn where you draw the line; ${labelled} so far.`;
    parts.write.disabled = count === 0;
    parts.write.firstChild.textContent = count ? `Write ${several(count, "answer")}` : "Write";
    files[current].pending = count;
    showFiles();
  }

  async function answer(label, note) {
    const unit = session.chosen;
    if (!unit) return;
    const wasReady = parts.adapt.getAttribute("aria-disabled") === "false";
    takeOver(await change({ do: "answer", unit: unit.id, label, note: note === undefined ? unit.note || "" : note }));
    const at = session.listed.indexOf(unit);
    const next = label !== null && note === undefined ? session.listed[at + 1] || unit : unit;
    unitTable.list();
    page.showFile();
    page.choose(next, { focus: true });
    const ready = parts.adapt.getAttribute("aria-disabled") === "false" && !wasReady;
    tell((label === null ? `Unit ${unit.id}: cleared.` : `Unit ${unit.id}: ${label}. Saved.`) + (ready ? " Enough answers to adapt the model: press a." : ""));
  }

  async function undo() {
    const found = await change({ do: "undo" });
    takeOver(found);
    const unit = session.units.find((one) => String(one.id) === String(found.undone));
    unitTable.list();
    if (unit) page.choose(unit, { focus: true });
    tell(unit ? `Unit ${unit.id}: the last answer is taken back.` : "There is nothing to take back.");
  }

  async function write(how = "write") {
    tell("Writing …");
    const { run, n } = (await change({ do: how })).written;
    await open(current);
    tell(run ? `Written as ${run}: ${several(n, "unit")} with another label than before.` : "The file had these labels before.");
  }

  // The model's boundary moved to the answers: first what would change, then, if the person agrees, the labels.
  async function adapt() {
    if (parts.adapt.getAttribute("aria-disabled") === "true") {
      tell(parts.adapt.title, true);
      return;
    }
    tell("Fitting …");
    reviewLearning.showAdaptation((await change({ do: "preview" })).preview, () => write("adapt"));
    tell("Nothing is written yet.");
  }

  // The next units that are worth an answer, of all files.
  async function suggest() {
    tell("Choosing units …");
    files = await ask("api/suggest", { do: "suggest" });
    await open(current);
    const n = session.units.filter((unit) => unit.asked >= 0).length;
    tell(n ? `${several(n, "unit")} to answer next in this file.` : "No more units are worth an answer in this file.");
  }

  function note() {
    const unit = session.chosen;
    if (!unit || !unit.answered) {
      tell("Answer first, then add a note.", true);
      return;
    }
    parts.note.hidden = false;
    parts.note.value = unit.note || "";
    parts.note.focus();
  }

  function keepNote(event) {
    if (event.key === "Escape" || event.key === "Enter") {
      const unit = session.chosen;
      const text = parts.note.value.trim();
      if (event.key === "Enter" && unit) inTurn(() => answer(unit.person, text));
      parts.note.hidden = true;
      event.preventDefault();
    }
    event.stopPropagation();
  }

  async function open(number) {
    current = number;
    tell("Reading the file …");
    const data = await ask(`api/files/${number}`);
    page.load(data);
    for (const unit of session.units) unit.inFile = { person: unit.person, author: unit.author };
    keys = reviewKeys.forWords(data.review.words);
    showButtons(data.review.trains);
    takeOver(data.review);
    unitTable.show();
    page.showFile();
    if (session.listed.length) page.choose(session.listed[0], { focus: true });
    tell(`${several(Object.keys(state.answers).length, "answer")} not yet written.`);
  }

  function showButtons(trains) {
    const button = (text, key, act) => {
      const made = element("button", { type: "button" }, text, key.length === 1 ? element("kbd", {}, key) : "");
      made.addEventListener("click", () => inTurn(act));
      return made;
    };
    parts.labels.replaceChildren(...Object.entries(keys).map(([key, label]) => {
      const made = button("", key, () => answer(label));
      made.prepend(session.coloured(label));
      return made;
    }));
    parts.write = button("Write", "w", () => write());
    parts.adapt = button("Adapt", "a", adapt);
    const train = trains ? button("Train", "r", reviewLearning.train) : "";
    parts.acts.replaceChildren(button("Clear", "c", () => answer(null)), button("Undo", "z", undo), button("Note", "t", note), parts.write, parts.adapt,
      button("Suggest", "g", suggest), button("Evaluate", "e", reviewLearning.evaluate), train,
      element("span", { class: "soft" }, "next", element("kbd", {}, "j"), " previous", element("kbd", {}, "k")));
    parts.trains = trains;
  }

  function showFiles() {
    parts.files.hidden = files.length < 2;
    parts.files.replaceChildren(...files.map((file, i) => element("option", { value: String(i), selected: i === current }, file.pending ? `${file.name} (${file.pending} not written)` : file.name)));
    parts.download.href = `${base()}/answers.csv`;
  }

  function onKey(event) {
    if (page.isTaken(event)) return;
    const key = event.key.toLowerCase();
    const acts = {
      a: adapt, c: () => answer(null), g: suggest, e: reviewLearning.evaluate, z: undo, w: () => write(), t: note,
      r: () => parts.trains && reviewLearning.train(), f: () => files.length > 1 && open((current + 1) % files.length),
      j: () => page.step(1), arrowdown: () => page.step(1), k: () => page.step(-1), arrowup: () => page.step(-1),
    };
    const act = keys[key] ? () => answer(keys[key]) : acts[key];
    if (!act) return;
    inTurn(act);
    event.preventDefault();
    event.stopPropagation();
  }

  // Another tab may have answered, or have written.
  async function lookAgain() {
    if (!session.data) return;
    const found = await ask(`${base()}/state`);
    if (found.runs !== state.runs) {
      await open(current);
      return;
    }
    takeOver(found);
    unitTable.list();
    if (session.chosen) page.choose(session.chosen);
  }

  function start() {
    const bar = document.getElementById("review-bar");
    parts.files = element("select", { "aria-label": "File" });
    parts.labels = element("span", { role: "group", "aria-label": "Labels" });
    parts.acts = element("span", { role: "group", "aria-label": "Acts" });
    parts.note = element("input", { type: "text", placeholder: "Note, then Enter", "aria-label": "Note", maxLength: 2000, hidden: true });
    parts.download = element("a", { download: "answers.csv" }, "export answers");
    parts.state = element("span", { id: "state", role: "status", "aria-live": "polite" });
    bar.replaceChildren(parts.files, parts.labels, parts.acts, parts.note, parts.download, parts.state);
    bar.hidden = false;
    reviewServer.onRefusal(tell);
    parts.files.addEventListener("change", () => inTurn(() => open(Number(parts.files.value))));
    parts.note.addEventListener("keydown", keepNote);
    document.addEventListener("keydown", onKey, { capture: true });
    window.addEventListener("focus", () => inTurn(lookAgain));
    session.hideModel = (unit) => Boolean(session.data.blind) && !unit.answered;
    inTurn(async () => {
      files = await ask("api/files");
      await open(0);
    });
  }

  return { start };
})();

document.addEventListener("DOMContentLoaded", review.start);
