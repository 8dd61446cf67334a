// On paper: the table, the units that it lists one by one, the summary, and how the labels were made.

const printing = (() => {
  const { byId, element, several } = elements;
  const MOST_UNITS = 24;

  function prepare() {
    if (!session.data) return;
    const { chosen, listed } = session;
    // The filter chooses what is printed; unfiltered, it is the unit that is open.
    const wanted = byId("filter").value.trim() ? listed.slice(0, MOST_UNITS) : listed.filter((unit) => unit === chosen);
    const rest = listed.length - wanted.length;
    document.documentElement.classList.add("printing");
    byId("printed").replaceChildren(
      ...wanted.map((unit) => element("article", {}, ...unitView.parts(unit))),
      rest > 0 ? element("p", { class: "soft" }, `${several(rest, "unit")} of the table not shown one by one. To print several, filter the table: the first ${MOST_UNITS} are printed.`) : "",
    );
    showColours();
  }

  // Views are made, and what has its colour at the time that it is made is made again.
  function showColours() {
    summary.show();
    provenance.show();
    drawing.repaint();
  }

  function finish() {
    document.documentElement.classList.remove("printing");
    byId("printed").replaceChildren();
    if (session.data) {
      showColours();
      if (session.chosen) unitView.show(session.chosen);
    }
  }

  return { prepare, finish, showColours };
})();
