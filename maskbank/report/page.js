"use strict";
(() => {
  const given = JSON.parse(document.getElementById("chart-data").textContent);
  const spread = ({ values, times }) => values.flatMap((value, place) => Array(times[place]).fill(value));
  Object.entries(given.rows).forEach(([name, column]) => { given.rows[name] = Array.isArray(column) ? column : spread(column); });
  const root = document.documentElement;
  const form = document.getElementById("filters");
  const [setting, tasks, seed, budget, steps] = ["setting", "tasks", "seed", "budget", "steps"].map(name => form.elements[name]);
  const MANY = 6; // methods, above which only the method, the reference and the one pointed at have bands
  const STEP = 19; // pixels of a method in the chart of methods
  const views = {};
  const boxes = [...form.querySelectorAll("input[name=method]")];
  let focus = "";
  let waiting = false;
  let drawing = Promise.resolve();

  // All rows of a setting, set of tasks and seed, by these three.
  const byPlace = new Map();
  given.rows.setting.forEach((number, row) => {
    const key = [number, given.rows.tasks[row], given.rows.seed[row]].join();
    if (!byPlace.has(key)) byPlace.set(key, []);
    byPlace.get(key).push(row);
  });

  function inShort(value) {
    for (const [size, prefix] of [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
      if (value >= size) return Number((value / size).toPrecision(3)) + prefix;
    return value === null ? "not known" : String(value);
  }

  // One row as the charts want it. Without an interval, and without one to show, its ends are the accuracy itself.
  function datum(row, banded, alone, part) {
    const at = Object.fromEntries(Object.entries(given.rows).map(([name, values]) => [name, values[row]]));
    const { label, role, colour, shape, dash } = given.methods[at.method];
    const low = at.accuracy - at.half, high = at.accuracy + at.half;
    const said = at.said.toFixed(1);
    const unit = given.tasks[at.tasks].one ? "run" : "split";
    const units = `${at.n} ${unit}${at.n === 1 ? "" : "s"}`;
    const interval = at.half === null ? `none of ${units}` : `${low.toFixed(1)} to ${high.toFixed(1)}`;
    return {
      label, role, colour, shape, dash, part, alone, budget: at.budget, place: at.budget, steps: at.steps, accuracy: at.accuracy, said, failed: at.failed,
      cost: at.cost, macs: inShort(at.cost), units, interval,
      words: `${label}, kept ${at.budget}, T ${at.steps}: ${said}, interval ${interval}, n ${units}`,
      band_low: banded && !alone ? low : at.accuracy, band_high: banded && !alone ? high : at.accuracy,
      bar_low: alone ? low : at.accuracy, bar_high: alone ? high : at.accuracy,
    };
  }

  // Rows of one place that pass the filters; `strip` rows show their interval as a bar, all others as a band.
  function rowsOf(place, passes, { strip = false, part = "" } = {}) {
    const ticked = new Set(boxes.filter(box => box.checked).map(box => Number(box.value)));
    const rows = (byPlace.get(place) || []).filter(row => ticked.has(given.rows.method[row]) && passes(row));
    const points = new Map();
    rows.forEach(row => points.set(given.rows.method[row], (points.get(given.rows.method[row]) || 0) + 1));
    const banded = method => points.size <= MANY || ["method", "reference"].includes(method.role) || method.label === focus;
    return rows.map(row => datum(row, banded(given.methods[given.rows.method[row]]),
      strip || points.get(given.rows.method[row]) === 1, part)).sort((a, b) => order(a) - order(b));
  }
  const places = new Map(given.methods.map((method, place) => [method.label, place]));
  const order = row => places.get(row.label);

  // Methods that ran at one budget alone stand side by side about it.
  function setApart(rows) {
    const single = rows.filter(row => row.alone);
    if (single.length > 1) single.forEach((row, number) => { row.place *= 0.93 + 0.14 * number / (single.length - 1); });
    return rows;
  }

  // The parts of a mean: its tasks, or the runs of a single task.
  function partsOf(passes) {
    const chosen = given.tasks[tasks.value], here = given.settings[setting.value];
    const parts = chosen.one
      ? here.seeds.filter(number => number > 0).map(number => [given.seeds[number], [setting.value, tasks.value, number]])
      : here.tasks.filter(number => given.tasks[number].one && ["all", given.tasks[number].kind].includes(chosen.kind))
          .map(number => [given.tasks[number].title, [setting.value, number, seed.value]]);
    return parts.flatMap(([part, place]) => rowsOf(place.join(), passes, { strip: true, part }));
  }

  function shown() {
    const here = given.settings[setting.value];
    const place = [setting.value, tasks.value, seed.value].join();
    const atBudget = row => given.rows.budget[row] === Number(budget.value);
    const atSteps = row => given.rows.steps[row] === Number(steps.value);
    const atBoth = row => atBudget(row) && atSteps(row);
    const last = here.steps[here.steps.length - 1], first = here.steps.find(value => value > 0) || 1;
    const all = rowsOf(place, atBoth, { strip: true }), parts = partsOf(atBoth);
    const wide = [here.budgets[0] / 1.25, here.budgets[here.budgets.length - 1] * 1.25];
    return {
      budgets: { rows: setApart(rowsOf(place, atSteps)), x_domain: wide, x_ticks: here.budgets, x_first: 1 },
      steps: { rows: rowsOf(place, atBudget), x_domain: [-0.15 * first, 1.2 * Math.max(first, last)], x_ticks: here.steps, x_first: first },
      costs: { rows: rowsOf(place, row => atBudget(row) && given.rows.cost[row] !== null),
               x_domain: here.costs.domain, x_ticks: here.costs.ticks, x_first: here.costs.first },
      methods: { rows: all, parts: parts.length ? parts : all, x_domain: [0, 1], x_ticks: [], x_first: 1 },
    };
  }

  async function draw(name, { rows, parts = [], ...params }) {
    const box = document.getElementById(`chart-${name}`);
    box.hidden = rows.length === 0;
    document.getElementById(`empty-${name}`).hidden = rows.length > 0;
    if (!rows.length) return;
    const height = name === "methods" ? STEP * new Set(rows.map(row => row.label)).size : given.charts[name].height;
    if (!views[name]) {
      const spec = { ...given.charts[name], height, datasets: { rows, parts } };
      spec.params = spec.params.map(param => (param.name in params ? { ...param, value: params[param.name] } : param));
      const options = { mode: "vega-lite", actions: false, renderer: "svg", ast: true, defaultStyle: false,
                        tooltip: { disableDefaultStyle: true } };
      views[name] = (await vegaEmbed(box, spec, options)).view;
      return;
    }
    const view = views[name];
    view.data("rows", rows);
    if (name === "methods") view.data("parts", parts);
    Object.entries({ ...params, focus }).forEach(([param, value]) => view.signal(param, value));
    await view.height(height).resize().runAsync();
  }

  function numbers(rows) {
    const body = document.getElementById("numbers");
    const texts = row => [row.label, row.budget, row.steps, row.said, row.interval, row.units, row.failed, row.macs];
    body.replaceChildren(...rows.map(row => {
      const line = document.createElement("tr");
      line.append(...texts(row).map(text => Object.assign(document.createElement("td"), { textContent: text })));
      return line;
    }));
  }

  function redraw() {
    if (waiting) return;
    waiting = true;
    root.dataset.drawn = "no";
    drawing = drawing.catch(() => {}).then(async () => {
      waiting = false;
      const now = shown();
      for (const [name, content] of Object.entries(now)) await draw(name, content);
      const place = [setting.value, tasks.value, seed.value].join();
      numbers(rowsOf(place, () => true, { strip: true }));
      const ticked = boxes.filter(box => box.checked).length;
      document.getElementById("shown").textContent =
        `Shown: ${given.settings[setting.value].title}; ${given.tasks[tasks.value].title}; ${given.seeds[seed.value]}; ` +
        `${ticked} of ${given.methods.length} methods.`;
      document.querySelectorAll("[data-at]").forEach(place => {
        place.textContent = { budget: `keep ${budget.value}`, steps: `T = ${steps.value}`, tasks: given.tasks[tasks.value].title }[place.dataset.at];
      });
      if (!waiting) root.dataset.drawn = "yes";
    });
  }

  // Options of a select; what was chosen stays where it is offered.
  function offer(select, options, start) {
    const before = select.value;
    const element = ([value, text]) => Object.assign(document.createElement("option"), { value, textContent: text });
    select.replaceChildren(...options.flatMap(group => {
      if (!group.label) return group.map(element);
      const box = Object.assign(document.createElement("optgroup"), { label: group.label });
      box.append(...group.map(element));
      return [box];
    }));
    const values = [...select.options].map(option => option.value);
    select.value = values.includes(before) ? before : values.includes(String(start)) ? String(start) : values[0];
  }
  const named = (label, options) => (options.length ? [Object.assign(options, { label })] : []);

  function settle() {
    const here = given.settings[setting.value];
    const pairs = one => here.tasks.filter(number => given.tasks[number].one === one).map(number => [number, given.tasks[number].title]);
    offer(tasks, [...named("Means over splits", pairs(false)), ...named("One task", pairs(true))], here.tasks[0]);
    offer(budget, [here.budgets.map(value => [value, value])], here.start.budget);
    offer(steps, [here.steps.map(value => [value, value])], here.start.steps);
    seeds();
    const present = new Set(given.rows.method.filter((_, row) => given.rows.setting[row] === Number(setting.value)));
    boxes.forEach(box => box.closest("label").classList.toggle("absent", !present.has(Number(box.value))));
  }

  function seeds() {
    const has = given.settings[setting.value].seeds.filter(number => byPlace.has([setting.value, tasks.value, number].join()));
    offer(seed, [has.map(number => [number, given.seeds[number]])], 0);
  }

  function point(name) {
    if (focus === name) return;
    focus = name;
    redraw();
  }

  offer(setting, [given.settings.map((item, number) => [number, item.title]).filter(([number]) => given.settings[number].has)], 0);
  settle();
  form.hidden = false;
  form.addEventListener("change", event => {
    if (event.target === setting) settle();
    if (event.target === tasks) seeds();
    redraw();
  });
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("click", event => {
    const roles = event.target.dataset.tick;
    if (roles === undefined) return;
    boxes.forEach(box => { box.checked = roles.split(" ").includes(given.methods[box.value].role); });
    redraw();
  });
  form.querySelectorAll(".method").forEach(item => {
    const name = item.dataset.method;
    item.addEventListener("pointerenter", () => point(name));
    item.addEventListener("pointerleave", () => point(""));
    item.addEventListener("focusin", event => { if (event.target.matches(":focus-visible")) point(name); });
    item.addEventListener("focusout", () => point(""));
  });
  document.querySelectorAll("a[data-tasks]").forEach(link => link.addEventListener("click", () => {
    setting.value = link.dataset.setting;
    settle();
    tasks.value = link.dataset.tasks;
    seeds();
    redraw();
  }));

  // On paper nothing can be opened: all is open while it is printed.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach(item => { item.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach(item => { item.open = false; }));

  redraw();
})();
