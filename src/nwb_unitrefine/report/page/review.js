"use strict";
// What a review adds to the page: answers by keys, kept by the server at the key press, written as one run.

const review = (() => {
  const { element, coloured, several } = unitPage;
  const WORTH_ADAPTING = 20; // answers; from five on it is possible, from twenty on it was measured to help
  const KEYS = { s: "sua", m: "mua", n: "noise" };
  let files = [];
  let current = 0;
  let busy = Promise.resolve();
  let state = { by: "", answers: {} };
  let keys = {};
  const parts = {};

  const base = () => `api/files/${current}`;

  async function ask(path, body) {
    const options = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Error("The server does not answer: this was not saved. Start the review again; earlier answers are kept.");
    }
    const found = await response.json().catch(() => ({ error: "The server refused: open the address that it printed." }));
    if (!response.ok) throw new Error(found.error || `The server answered ${response.status}.`);
    return found;
  }

  // One act after the other, each on the unit that the one before led to, however quickly keys are pressed.
  function inTurn(job) {
    busy = busy.then(job).catch((error) => tell(error.message, true));
    return busy;
  }

  function tell(text, bad = false) {
    parts.state.textContent = text;
    parts.state.className = bad ? "bad" : "";
  }

  function takeOver(found) {
    state = { by: found.by, answers: found.answers };
    for (const unit of unitPage.units) {
      const answer = state.answers[String(unit.id)];
      unit.answered = Boolean(answer);
      unit.note = answer ? answer.note : "";
      unit.person = answer ? answer.label : unit.inFile.person;
      unit.author = answer ? `${state.by}, not yet written` : unit.inFile.author;
    }
    const count = Object.keys(state.answers).length;
    const labelled = unitPage.units.filter((unit) => unit.person).length;
    parts.adapt.disabled = labelled < WORTH_ADAPTING;
    parts.adapt.title = labelled < WORTH_ADAPTING ? `After ${WORTH_ADAPTING} answers the model can learn where you draw the line; ${labelled} so far.` : "Show what the model would change";
    parts.write.disabled = count === 0;
    parts.write.firstChild.textContent = count ? `Write ${several(count, "answer")}` : "Write";
    files[current].pending = count;
    showFiles();
  }

  function refresh() {
    const { chosen } = unitPage;
    unitPage.listUnits();
    unitPage.showFile();
    if (chosen) unitPage.choose(chosen, { focus: false });
  }

  async function answer(label, note) {
    const unit = unitPage.chosen;
    if (!unit) return;
    const kept = note === undefined ? unit.note || "" : note;
    takeOver(await ask(`${base()}/change`, { do: "answer", unit: unit.id, label, note: kept }));
    const at = unitPage.shown.indexOf(unit);
    const next = label !== null && note === undefined ? unitPage.shown[at + 1] || unit : unit;
    unitPage.listUnits();
    unitPage.showFile();
    unitPage.choose(next, { focus: false });
    tell(label === null ? `Unit ${unit.id}: cleared.` : `Unit ${unit.id}: ${label}. Saved.`);
  }

  async function undo() {
    const found = await ask(`${base()}/change`, { do: "undo" });
    takeOver(found);
    const unit = unitPage.units.find((one) => one.id === found.undone);
    unitPage.listUnits();
    if (unit) unitPage.choose(unit, { focus: false });
    tell(unit ? `Unit ${unit.id}: the last answer is taken back.` : "There is nothing to take back.");
  }

  async function write() {
    tell("Writing …");
    const { run, n } = (await ask(`${base()}/change`, { do: "write" })).written;
    await open(current);
    tell(run ? `Written as ${run}: ${several(n, "unit")} with another label than before.` : "The file had these labels from you before.");
  }

  // The model's boundary moved to the answers: first what would change, then, if the person agrees, the labels.
  async function preview() {
    tell("Fitting …");
    const { remark, changed } = (await ask(`${base()}/change`, { do: "preview" })).preview;
    const rows = changed.map(([unit, now, then]) => element("tr", {}, element("td", { class: "number" }, String(unit)), element("td", {}, coloured(now)), element("td", {}, coloured(then))));
    const head = element("tr", {}, ...["unit", "label now", "label then"].map((name) => element("th", { scope: "col" }, name)));
    const agree = element("button", { type: "button" }, "Write the answers and these labels");
    const leave = element("button", { type: "button" }, "Leave it");
    agree.addEventListener("click", () => { parts.dialog.close(); inTurn(adapt); });
    leave.addEventListener("click", () => parts.dialog.close());
    parts.dialog.replaceChildren(element("h2", {}, "Adapt the model to your answers"), element("p", {}, remark),
      element("p", { class: "soft" }, `${several(changed.length, "unit")} that nobody has labelled would get another label. Nothing is written yet.`),
      element("div", { class: "changes" }, element("table", { class: "plain" }, element("thead", {}, head), element("tbody", {}, ...rows))),
      element("p", {}, agree, " ", leave));
    parts.dialog.showModal();
    tell("Nothing is written yet.");
  }

  async function adapt() {
    tell("Writing …");
    const { run, n } = (await ask(`${base()}/change`, { do: "adapt" })).written;
    await open(current);
    tell(`Written as ${run}: ${several(n, "unit")} with another label than before.`);
  }

  function note() {
    const unit = unitPage.chosen;
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
      const unit = unitPage.chosen;
      const text = parts.note.value.trim();
      if (event.key === "Enter" && unit) inTurn(() => answer(unit.person, text));
      parts.note.hidden = true;
      parts.note.blur();
      event.preventDefault();
    }
    event.stopPropagation();
  }

  async function open(number) {
    current = number;
    tell("Reading the file …");
    const data = await ask(`api/files/${number}`);
    unitPage.load(data);
    for (const unit of unitPage.units) unit.inFile = { person: unit.person, author: unit.author };
    keys = keysFor(data.review.words);
    showButtons();
    takeOver(data.review);
    refresh();
    if (unitPage.shown.length) unitPage.choose(unitPage.shown[0], { focus: false });
    tell(`${several(Object.keys(state.answers).length, "answer")} not yet written.`);
  }

  function keysFor(classes) {
    // The usual letters, then the first free letter of each word.
    const taken = new Set(["a", "c", "z", "w", "j", "k", "t", "f"]);
    const found = {};
    for (const [key, label] of Object.entries(KEYS)) if (classes.includes(label)) { found[key] = label; taken.add(key); }
    for (const label of classes.filter((one) => !Object.values(found).includes(one))) {
      const key = [...label.toLowerCase(), ..."123456789"].find((letter) => /[a-z0-9]/.test(letter) && !taken.has(letter));
      found[key] = label;
      taken.add(key);
    }
    return found;
  }

  function showButtons() {
    const button = (text, key, act) => {
      const made = element("button", { type: "button" }, text, element("kbd", {}, key));
      made.addEventListener("click", () => inTurn(act));
      return made;
    };
    parts.labels.replaceChildren(...Object.entries(keys).map(([key, label]) => {
      const made = button("", key, () => answer(label));
      made.prepend(coloured(label));
      return made;
    }));
    parts.write = button("Write", "w", write);
    parts.adapt = button("Adapt", "a", preview);
    parts.acts.replaceChildren(button("Clear", "c", () => answer(null)), button("Undo", "z", undo), button("Note", "t", note), parts.write, parts.adapt,
      element("span", { class: "soft" }, "next", element("kbd", {}, "j"), " previous", element("kbd", {}, "k")));
  }

  function showFiles() {
    parts.files.hidden = files.length < 2;
    parts.files.replaceChildren(...files.map((file, i) => element("option", { value: String(i), selected: i === current }, file.pending ? `${file.name} (${file.pending} not written)` : file.name)));
    parts.download.href = `${base()}/answers.csv`;
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    const key = event.key.toLowerCase();
    const acts = {
      a: () => (parts.adapt.disabled ? tell(parts.adapt.title, true) : preview()), c: () => answer(null), z: undo, w: write, t: note, f: () => files.length > 1 && open((current + 1) % files.length),
      j: () => unitPage.step(1), arrowdown: () => unitPage.step(1), k: () => unitPage.step(-1), arrowup: () => unitPage.step(-1),
    };
    const act = keys[key] ? () => answer(keys[key]) : acts[key];
    if (!act) return;
    inTurn(act);
    event.preventDefault();
    event.stopPropagation();
  }

  async function start() {
    const bar = document.getElementById("review-bar");
    parts.files = element("select", { "aria-label": "File" });
    parts.labels = element("span", {});
    parts.acts = element("span", {});
    parts.note = element("input", { type: "text", placeholder: "Note, then Enter", "aria-label": "Note", maxLength: 2000, hidden: true });
    parts.download = element("a", { download: "answers.csv" }, "export answers");
    parts.state = element("span", { id: "state", role: "status", "aria-live": "polite" });
    parts.dialog = element("dialog", { "aria-label": "Adapt" });
    document.body.append(parts.dialog);
    bar.replaceChildren(parts.files, parts.labels, parts.acts, parts.note, parts.download, parts.state);
    bar.hidden = false;
    parts.files.addEventListener("change", () => inTurn(() => open(Number(parts.files.value))));
    parts.note.addEventListener("keydown", keepNote);
    document.addEventListener("keydown", onKey, { capture: true });
    window.addEventListener("focus", () => inTurn(async () => { // another tab may have answered
      if (!unitPage.session) return;
      takeOver(await ask(`${base()}/state`));
      unitPage.listUnits();
    }));
    unitPage.hideModel = (unit) => Boolean(unitPage.session.blind) && !unit.answered;
    inTurn(async () => {
      files = await ask("api/files");
      await open(0);
    });
  }

  return { start };
})();

document.addEventListener("DOMContentLoaded", review.start);
