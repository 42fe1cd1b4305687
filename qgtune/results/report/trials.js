"use strict";
// The table of all trials, which sorts and filters, and a trial's own view.
(() => {
  const data = JSON.parse(document.getElementById("trial-data").textContent);
  const table = document.querySelector("table.trials");
  if (!table) return;
  const MOST_AT_ONCE = 100;
  const view = document.getElementById("trial");
  const [NUMBER, STATE, VALUES, SECONDS, STARTED, WORKER, REASON, PARAMS, LOG, REPEATS] = Array(10).keys();
  const byNumber = new Map(data.rows.map((row) => [row[NUMBER], row]));
  let shown = MOST_AT_ONCE;
  let order = { column: 0, down: false };

  function element(name, given = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(given)) {
      if (key.includes("-") || key === "role" || key === "scope") made.setAttribute(key, value);
      else made[key] = value;
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  }

  // As Python's `%.6g`.
  function digits(value) {
    if (typeof value !== "number") return value ?? "";
    const short = Number(value.toPrecision(6));
    return short !== 0 && Math.abs(short) < 1e-4 ? short.toExponential() : String(short);
  }
  function choice(place, value) {
    const { choices } = data.params[place];
    return choices !== null && typeof value === "number" ? choices[value] : digits(value);
  }
  // As Python's `duration` of qgtune/results/table.py: rounded first, so that no part of it is a full unit.
  function time(seconds) {
    if (seconds === null) return "";
    if (seconds < 59.995) return `${seconds.toFixed(2)} s`;
    const whole = Math.round(seconds);
    const parts = (size, smaller, [one, other]) => `${Math.floor(whole / size)} ${one} ${Math.floor((whole % size) / smaller)} ${other}`;
    if (whole < 3600) return parts(60, 1, ["min", "s"]);
    return whole < 86400 ? parts(3600, 60, ["h", "min"]) : parts(86400, 3600, ["d", "h"]);
  }

  const columns = [
    { name: "trial", sort: (row) => row[NUMBER], cell: (row) => link(row[NUMBER]) },
    { name: "state", sort: (row) => row[STATE], cell: (row) => element("span", { className: `state ${row[STATE]}` }, row[STATE]) },
    ...data.objectives.map((name, place) => ({
      name, sort: (row) => Number(row[VALUES][place] ?? NaN), cell: (row) => digits(row[VALUES][place]),
    })),
    { name: "time", sort: (row) => row[SECONDS], cell: (row) => time(row[SECONDS]) },
    ...data.params.map(({ name, short }, place) => ({
      name: short, title: name, sort: (row) => row[PARAMS][place], cell: (row) => choice(place, row[PARAMS][place]),
    })),
    { name: "worker", sort: (row) => row[WORKER], cell: (row) => row[WORKER] },
    { name: "log", sort: (row) => row[LOG], cell: (row) => (row[LOG] ? element("a", { href: row[LOG] }, "log") : "") },
  ];
  const link = (number) => element("a", { href: `#trial-${number}` }, String(number));

  // Words are looked for in a row's texts; `lr>0.01` compares a column, by its name or the end of it.
  const COMPARISON = /^(.+?)(<=|>=|!=|=|<|>)(.+)$/;
  function test(word) {
    const found = COMPARISON.exec(word);
    const column = found && columns.find(({ name, title }) => [name, title].some((one) => one && (one === found[1] || one.endsWith(`.${found[1]}`))));
    if (!column) return (row, text) => text.includes(word.toLowerCase());
    const [, , sign, wanted] = found;
    const number = Number(wanted);
    return (row) => {
      const cell = column.cell(row);
      const value = typeof cell === "string" ? cell : cell.textContent;
      if (value === "") return false;
      const [a, b] = Number.isNaN(number) ? [value, wanted] : [Number(value), number];
      return { "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "=": a === b, "!=": a !== b }[sign];
    };
  }
  const textOf = (row) => columns.map(({ cell }) => cell(row)).map((cell) => cell.textContent ?? cell).concat(row[REASON]).join(" ").toLowerCase();
  const texts = new Map();
  function matching() {
    const state = document.getElementById("state").value;
    const tests = document.getElementById("filter").value.split(/[\s,]+/).filter(Boolean).map(test);
    return data.rows.filter((row) => {
      if (state !== "all" && row[STATE] !== state) return false;
      if (!tests.length) return true;
      if (!texts.has(row)) texts.set(row, textOf(row));
      return tests.every((one) => one(row, texts.get(row)));
    });
  }
  const isMissing = (value) => value === null || value === undefined || value === "" || Number.isNaN(value);
  function sorted(rows) {
    const { sort } = columns[order.column];
    const sign = order.down ? -1 : 1;
    return rows.slice().sort((one, other) => {
      const [a, b] = [sort(one), sort(other)];
      if (isMissing(a) || isMissing(b)) return isMissing(a) - isMissing(b) || one[NUMBER] - other[NUMBER];
      if (typeof a === typeof b) return sign * (a < b ? -1 : a > b ? 1 : 0) || one[NUMBER] - other[NUMBER];
      return sign * (typeof a === "string" ? 1 : -1);
    });
  }

  function head() {
    const cells = columns.map(({ name, title }, place) => {
      const button = element("button", { type: "button", title: title ?? name }, name);
      button.addEventListener("click", () => {
        order = { column: place, down: order.column === place && !order.down };
        fill();
      });
      const isSorted = order.column === place;
      return element("th", { scope: "col", "aria-sort": isSorted ? (order.down ? "descending" : "ascending") : "none" }, button);
    });
    return element("tr", {}, ...cells);
  }
  table.classList.toggle("wide", columns.length > 12);
  function fill() {
    const rows = sorted(matching());
    const focused = [...table.querySelectorAll("th button")].indexOf(document.activeElement);
    const body = rows.slice(0, shown).map((row) => {
      const cells = columns.map(({ name, cell }) => element("td", { "data-head": name === "log" ? "" : name }, cell(row)));
      return element("tr", { className: data.best.includes(row[NUMBER]) ? "best" : "" }, ...cells);
    });
    table.replaceChildren(element("thead", {}, head()), element("tbody", {}, ...body));
    if (focused >= 0) table.querySelectorAll("th button")[focused].focus();
    const n = Math.min(shown, rows.length);
    document.getElementById("n-rows").textContent = `${n} of ${rows.length} shown`;
    document.getElementById("more").hidden = n === rows.length;
  }

  function values(row) {
    const [best, base] = [data.best, data.base].map(([number]) => byNumber.get(number));
    const beside = [["best", best], ["base settings", base]].filter(([, other]) => other && other !== row);
    const heads = ["hyperparameter", "value", ...beside.map(([name, other]) => `${name} (trial ${other[NUMBER]})`)];
    const lines = data.params.map(({ name }, place) => {
      const own = choice(place, row[PARAMS][place]);
      const cells = [own, ...beside.map(([, other]) => choice(place, other[PARAMS][place]))];
      if (cells.every((cell) => cell === "")) return "";
      return element("tr", { className: cells.some((cell) => cell !== own) ? "differs" : "" },
        element("th", { scope: "row" }, element("code", {}, name)), ...cells.map((cell) => element("td", {}, cell)));
    });
    const headRow = element("tr", {}, ...heads.map((name) => element("th", { scope: "col" }, name)));
    return element("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": "Values" }, element("table", {}, element("thead", {}, headRow), element("tbody", {}, ...lines)));
  }
  function differences(row) {
    const found = data.configs[row[NUMBER]];
    const names = { base: "the base settings", best: "the best trial" };
    return Object.entries(found ?? {}).filter(([key]) => data[key][0] !== row[NUMBER]).map(([key, lines]) => {
      const title = element("h3", {}, `Its config and that of ${names[key]}, trial ${data[key][0]}`);
      const list = element("ul", { className: "differences" }, ...lines.map((line) => element("li", {}, element("code", {}, line))));
      return element("div", {}, title, lines.length ? list : element("p", {}, "They are the same."));
    });
  }
  function curve(row) {
    const traces = [[data.best[0], "best"], [row[NUMBER], `trial ${row[NUMBER]}`]]
      .filter(([number], place) => data.curves[number] && (place === 1 || number !== row[NUMBER]))
      .map(([number, name]) => ({
        type: "scatter", mode: data.curves[number][0].length > 1 ? "lines" : "markers", name, x: data.curves[number][0], y: data.curves[number][1],
        line: { color: name === "best" ? "rgb(150,80,200)" : "rgb(47,127,214)", width: 2 },
      }));
    if (!data.curves[row[NUMBER]]) return null;
    const told = `Reported values of trial ${row[NUMBER]}: ${data.curves[row[NUMBER]][1].map(digits).slice(0, 60).join(", ")}`;
    const box = element("div", { className: "plot", role: "img", "aria-label": told, style: "height:260px" });
    box.figure = { data: traces, layout: { showlegend: true, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" }, xaxis: { title: { text: "Step" } }, yaxis: { title: { text: "" } } } };
    return box;
  }
  function pairs(row) {
    const found = [
      ["State", row[STATE] + (row[REPEATS] === null ? "" : `, runs trial ${row[REPEATS]} again`)],
      ...data.objectives.map((name, place) => [name, digits(row[VALUES][place])]),
      ["Started", row[STARTED]], ["Time", time(row[SECONDS])], ["Worker", row[WORKER]], ["Reason", row[REASON]],
      ["Log", row[LOG] ? element("a", { href: row[LOG] }, decodeURIComponent(row[LOG])) : ""],
    ];
    return element("dl", {}, ...found.filter(([, value]) => value !== "").map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  }
  function command(row) {
    if (!data.rerun) return null;
    return element("pre", {}, element("code", {}, data.rerun.replace(/-1$/, row[NUMBER])));
  }
  function open(number) {
    const row = byNumber.get(number);
    if (!row) return;
    const close = element("button", { type: "button", className: "close" }, "Close");
    close.addEventListener("click", () => view.close());
    const title = element("h2", { id: "trial-title" }, `Trial ${number}`);
    const parts = [close, title, pairs(row), curve(row), values(row), ...differences(row), command(row)];
    view.replaceChildren(...parts.filter((part) => part !== null));
    if (!view.open) view.showModal();
    view.querySelectorAll(".plot").forEach((box) => window.drawFigure(box, box.figure));
  }
  const opened = () => {
    const found = /^#trial-(\d+)$/.exec(location.hash);
    if (found) open(Number(found[1]));
  };
  window.openTrial = (number) => { location.hash = `#trial-${number}`; };
  window.addEventListener("hashchange", opened);
  view.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));

  document.getElementById("filter").addEventListener("input", () => { shown = MOST_AT_ONCE; fill(); });
  document.getElementById("state").addEventListener("change", () => { shown = MOST_AT_ONCE; fill(); });
  document.getElementById("more").addEventListener("click", () => { shown += 10 * MOST_AT_ONCE; fill(); });
  const MOST_ON_PAPER = 1000;
  let before = shown;
  window.addEventListener("beforeprint", () => { before = shown; shown = Math.max(shown, MOST_ON_PAPER); fill(); });
  window.addEventListener("afterprint", () => { shown = before; fill(); });
  fill();
  opened();
})();
