// The table of units: sorted by a column, filtered by words, moved through with keys.

const unitTable = (() => {
  const { byId, element, number, several } = elements;
  const HEADINGS = { unit: "unit", spikes: "spikes", label: "label", probability: "probability", margin: "margin", person: "person" };
  const NUMERIC = ["unit", "spikes", "probability", "margin"];
  const LARGEST_FIRST = ["spikes", "probability"];
  const KEYS = {
    unit: (unit) => unit.id,
    spikes: (unit) => unit.spikes,
    label: (unit) => (session.hideModel(unit) ? -1 : session.data.classes.indexOf(unit.label)),
    probability: (unit) => unit.probability ?? -1,
    margin: (unit) => (unit.spikes < session.data.min_spikes ? 2 : 0) + (unit.margin ?? 1), // units with too few spikes apart
    asked: (unit) => (unit.asked < 0 ? Infinity : unit.asked),
    person: (unit) => unit.person || "~",
  };
  let order = { by: "margin", up: true };
  let rows = new Map(); // of the units that are listed

  function show() {
    const { data, units } = session;
    const columns = Object.keys(HEADINGS).filter((name) => {
      if (name === "person") return data.review || units.some((unit) => unit.person);
      return !["probability", "margin"].includes(name) || session.hasProbabilities();
    });
    document.querySelector("#units thead tr").replaceChildren(...columns.map((name) => {
      const button = element("button", { type: "button", title: `Sort by ${HEADINGS[name]}` }, HEADINGS[name]);
      button.addEventListener("click", () => {
        order = { by: name, up: order.by === name ? !order.up : !LARGEST_FIRST.includes(name) };
        list();
      });
      return element("th", { scope: "col", class: NUMERIC.includes(name) ? "number" : "", "data-column": name }, button);
    }));
    list();
  }

  function sortBy(name) {
    order = { by: name, up: !LARGEST_FIRST.includes(name) };
  }

  function list() {
    const key = KEYS[order.by];
    const sign = order.up ? 1 : -1;
    const isText = (one) => typeof one === "string";
    const compare = (a, b) => (isText(a) || isText(b) ? String(a).localeCompare(String(b), "en", { numeric: true }) : a === b ? 0 : a - b);
    const matches = filterOf(byId("filter").value, session.data.classes);
    session.listed = session.units.filter(matches).sort((a, b) => sign * compare(key(a), key(b)) || a.row - b.row);
    const headings = [...document.querySelectorAll("#units th")];
    for (const heading of headings) {
      const here = heading.dataset.column === order.by;
      if (here) heading.setAttribute("aria-sort", order.up ? "ascending" : "descending");
      else heading.removeAttribute("aria-sort");
      heading.firstChild.textContent = HEADINGS[heading.dataset.column] + (here ? (order.up ? " ↑" : " ↓") : "");
    }
    const columns = headings.map((heading) => heading.dataset.column);
    rows = new Map(session.listed.map((unit) => [unit, tableRow(unit, columns)]));
    document.querySelector("#units tbody").replaceChildren(...rows.values());
    const all = several(session.units.length, "unit");
    byId("count").textContent = session.listed.length === session.units.length ? all : `${session.listed.length.toLocaleString("en")} of ${all}`;
  }

  function tableRow(unit, columns) {
    const hidden = session.hideModel(unit);
    const numeric = (text) => element("td", { class: "number" }, text);
    const cells = {
      unit: () => numeric(elements.name(unit.id)),
      spikes: () => numeric(unit.spikes.toLocaleString("en")),
      label: () => element("td", {}, hidden ? "·" : unit.label ? labelOf(unit) : element("span", { class: "soft" }, "none")),
      probability: () => numeric(hidden ? "·" : number(unit.probability)),
      margin: () => numeric(hidden ? "·" : number(unit.margin)),
      person: () => element("td", {}, unit.person ? session.coloured(unit.person, unit.person, "chip") : ""),
    };
    const here = unit === session.chosen;
    const made = element("tr", { "aria-selected": String(here), tabIndex: here ? 0 : -1, "data-unit": String(unit.id) }, ...columns.map((name) => cells[name]()));
    made.addEventListener("click", () => page.choose(unit));
    return made;
  }

  function labelOf(unit) {
    const made = session.coloured(unit.label);
    if (unit.uncertain) made.append(element("span", { class: "warn", title: "uncertain" }, " ?", element("span", { class: "hidden" }, "uncertain")));
    return made;
  }

  // Words that all have to fit: a label, uncertain, certain, asked, person, an id, a region, a group, or spikes>500.
  function filterOf(text, classes) {
    const tests = text.trim().toLowerCase().split(/[\s,]+/).filter(Boolean).map((word) => {
      const compared = word.match(/^(spikes|probability|margin|depth)(>=|<=|>|<|=)(-?[\d.]+)$/);
      if (compared) {
        const [, name, sign, limit] = compared;
        const is = { ">": (a, b) => a > b, "<": (a, b) => a < b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, "=": (a, b) => a === b }[sign];
        return (unit) => unit[name] !== null && is(unit[name], Number(limit));
      }
      if (word === "uncertain") return (unit) => unit.uncertain;
      if (word === "certain") return (unit) => !unit.uncertain && unit.label !== "";
      if (word === "asked") return (unit) => unit.asked >= 0;
      if (word === "person") return (unit) => unit.person !== "";
      if (classes.some((name) => name.toLowerCase() === word)) return (unit) => session.inEffect(unit).toLowerCase() === word;
      return (unit) => String(unit.id).toLowerCase() === word || unit.region.toLowerCase().includes(word) || unit.group.toLowerCase().includes(word);
    });
    return (unit) => tests.every((test) => test(unit));
  }

  // Mark the chosen unit; with the focus where it was, or on its row.
  function mark(unit, { focus }) {
    const before = document.querySelector("#units tr[aria-selected=true]");
    if (before) {
      before.setAttribute("aria-selected", "false");
      before.tabIndex = -1;
    }
    const row = rows.get(unit);
    if (!row) return;
    row.setAttribute("aria-selected", "true");
    row.tabIndex = 0;
    row.scrollIntoView({ block: "nearest" });
    if (focus) row.focus({ preventScroll: true });
  }

  return { show, list, sortBy, mark, filterOf };
})();
