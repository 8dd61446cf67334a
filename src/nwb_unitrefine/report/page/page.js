// The page: it loads a session, chooses units, and listens to keys. A review adds to it.

const page = (() => {
  const { byId, several } = elements;
  const TABS = ["units", "summary", "provenance"];
  const VIEWS = { summary: () => summary.show(), provenance: () => provenance.show() }; // made when they are looked at

  function load(data) {
    session.read(data);
    byId("filter").value = "";
    if (data.asked && data.asked.length) {
      unitTable.sortBy("asked");
      byId("filter").value = "asked";
    }
    showFile();
    unitTable.show();
    chooseFirst();
    openTab(TABS.find((name) => !byId(`view-${name}`).hidden));
  }

  // The first unit of the table, where the chosen one is not in it.
  function chooseFirst() {
    if (session.listed.includes(session.chosen)) return;
    if (session.listed.length) choose(session.listed[0]);
    else unitView.showNone(session.units.length ? "No unit fits the filter." : "The file has no units.");
  }

  function choose(unit, { focus = false } = {}) {
    const another = unit !== session.chosen;
    session.chosen = unit;
    unitTable.mark(unit, { focus });
    unitView.show(unit);
    if (another) byId("unit").scrollTop = 0;
  }

  function step(by) {
    const { listed, chosen } = session;
    const next = listed[Math.min(Math.max(listed.indexOf(chosen) + by, 0), listed.length - 1)];
    if (next) choose(next, { focus: true });
  }

  function showFile() {
    const { file, classes, blind } = session.data;
    byId("file-name").textContent = file.name;
    document.title = `${file.name}: units`;
    const words = [several(session.units.length, "unit"), several(file.n_spikes, "spike")];
    if (file.subject_id) words.push(`subject ${file.subject_id}`);
    if (file.session_id) words.push(`session ${file.session_id}`);
    const counts = classes.map((name) => `${session.units.filter((unit) => session.inEffect(unit) === name).length} ${name}`);
    byId("file-about").textContent = blind ? words.join(" · ") : [...words, counts.join(", ")].join(" · ");
  }

  function openTab(name) {
    for (const one of TABS) {
      byId(`tab-${one}`).setAttribute("aria-selected", String(one === name));
      byId(`tab-${one}`).tabIndex = one === name ? 0 : -1;
      byId(`view-${one}`).hidden = one !== name;
    }
    if (session.data) VIEWS[name]?.();
    drawing.repaint();
  }

  function onTabKey(event) {
    const at = TABS.findIndex((name) => event.target.id === `tab-${name}`);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (to === undefined) return;
    const next = TABS[(to + TABS.length) % TABS.length];
    openTab(next);
    byId(`tab-${next}`).focus();
    event.preventDefault();
    event.stopPropagation();
  }

  // Whether a key belongs to what has the focus: to a field, or to a text that it scrolls.
  function isTaken(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return true;
    if (event.target.closest("input, select, textarea, dialog, [role=tab]")) return true;
    return event.key.startsWith("Arrow") && Boolean(event.target.closest("article, pre"));
  }

  function onKey(event) {
    if (isTaken(event) || !session.data) return;
    const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (by && !byId("view-units").hidden) {
      step(by);
      event.preventDefault();
    } else if (event.key === "/") {
      openTab("units");
      byId("filter").focus();
      event.preventDefault();
    }
  }

  function showColours() {
    if (!session.data) return;
    printing.showColours();
    if (session.chosen) unitView.show(session.chosen);
  }

  function start() {
    for (const name of TABS) {
      byId(`tab-${name}`).addEventListener("click", () => openTab(name));
      byId(`tab-${name}`).addEventListener("keydown", onTabKey);
    }
    byId("filter").addEventListener("input", () => {
      unitTable.list();
      chooseFirst();
    });
    document.addEventListener("keydown", onKey);
    window.addEventListener("resize", drawing.repaint);
    window.addEventListener("beforeprint", printing.prepare);
    window.addEventListener("afterprint", printing.finish);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showColours);
    const embedded = byId("session").textContent;
    if (embedded.trim()) load(JSON.parse(embedded));
  }

  return { load, start, choose, step, showFile, chooseFirst, isTaken, openTab };
})();

document.addEventListener("DOMContentLoaded", page.start);
