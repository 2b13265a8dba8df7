// Filters the matrix by what the URL says, and shows how long ago things were. Without it the pages say the same.
"use strict";

const ago = (then, now) => {
  const minutes = Math.max(0, Math.floor((now - then) / 60000));
  if (minutes < 120) return `${minutes}m`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)}h` : `${Math.floor(minutes / 1440)}d`;
};

// A slice at a time: a page of thousands of times must not keep anybody waiting.
const tellAges = () => {
  const now = Date.now();
  const times = [...document.querySelectorAll("time:not([data-exact])")];
  const some = () => {
    for (const time of times.splice(0, 400)) {
      time.title = time.dateTime.replace("T", " ").replace(/:\d\dZ$/, " UTC");
      time.textContent = ago(Date.parse(time.dateTime), now);
    }
    if (times.length) setTimeout(some, 30);
  };
  some();
};

const filtering = (form) => {
  const table = document.querySelector(".matrix");
  const status = document.getElementById("shown");
  const none = document.getElementById("none");
  const only = new CSSStyleSheet();
  document.adoptedStyleSheets = [only];
  const rows = [...table.tBodies[0].rows].map((row) => ({
    row,
    team: row.dataset.team,
    text: row.textContent.toLowerCase(),
    name: row.cells[0].querySelector("a").textContent,
    urgency: Number(row.dataset.urgency),
    changed: row.dataset.changed ?? "",
    states: new Map([...row.cells].slice(1).map((cell) => [cell.dataset.env, cell.dataset.state])),
  }));
  const groups = [...document.querySelectorAll(".group")].map((group) => ({
    group,
    count: group.querySelector(".count"),
    more: group.querySelector("details"),
    entries: [...group.querySelectorAll("li")],
  }));

  const byName = (a, b) => (a.name < b.name ? -1 : 1);
  const orders = {
    "": byName,
    attention: (a, b) => a.urgency - b.urgency || byName(a, b),
    changed: (a, b) => (a.changed === b.changed ? byName(a, b) : a.changed < b.changed ? 1 : -1),
    team: (a, b) => (a.team === b.team ? byName(a, b) : a.team < b.team ? -1 : 1),
  };

  const statesOf = (one, wanted) => (wanted.env ? [one.states.get(wanted.env)] : [...one.states.values()]);

  // Whether an app fits all filters but the states, by which the numbers beside the states are counted.
  const fitsRest = (one, wanted) => {
    if (wanted.team && one.team !== wanted.team) return false;
    return wanted.words.every((word) => one.text.includes(word));
  };

  const fits = (one, wanted) => {
    if (!fitsRest(one, wanted)) return false;
    const states = statesOf(one, wanted);
    if (wanted.states.length) return states.some((state) => wanted.states.includes(state));
    return !wanted.env || states[0] !== "absent";
  };

  const count = (wanted) => {
    const apps = rows.filter((one) => fitsRest(one, wanted)).map((one) => new Set(statesOf(one, wanted)));
    for (const box of form.querySelectorAll("[name=state]")) {
      box.parentElement.querySelector("b").textContent = apps.filter((states) => states.has(box.value)).length;
    }
  };

  const showGroups = (wanted) => {
    const fitting = new Set(rows.filter((one) => fitsRest(one, wanted)).map((one) => one.name));
    for (const { group, count, more, entries } of groups) {
      for (const entry of entries) {
        entry.hidden = !fitting.has(entry.dataset.app) || (wanted.env && entry.dataset.env !== wanted.env);
      }
      const shown = entries.filter((entry) => !entry.hidden);
      const folded = shown.filter((entry) => more?.contains(entry)).length;
      const apps = new Set(shown.map((entry) => entry.dataset.app)).size;
      count.textContent = apps === 1 ? "1 app" : `${apps} apps`;
      group.hidden = !shown.length || (wanted.states.length && !wanted.states.includes(group.dataset.state));
      if (more) {
        more.hidden = !folded;
        const summary = more.querySelector("summary");
        summary.textContent = `${folded} more`;
        // Where no entry is left above the fold, there is no fold.
        const unfolded = folded === shown.length;
        if (summary.hidden !== unfolded) more.open = summary.hidden = unfolded;
      }
    }
    const attention = document.getElementById("attention");
    if (attention) attention.hidden = groups.every(({ group }) => group.hidden);
  };

  let sorted = "";
  const sort = (order) => {
    if (order === sorted) return;
    sorted = order;
    table.tBodies[0].append(...[...rows].sort(orders[order]).map((one) => one.row));
  };

  const asked = () => {
    const data = new FormData(form);
    const words = data.get("q").toLowerCase().split(/\s+/).filter(Boolean);
    return { q: data.get("q"), words, team: data.get("team"), env: data.get("env"), sort: data.get("sort"), states: data.getAll("state") };
  };

  const show = () => {
    const wanted = asked();
    let apps = 0;
    for (const one of rows) {
      const shown = fits(one, wanted);
      apps += shown;
      if (one.row.hidden === shown) one.row.hidden = !shown;
    }
    sort(wanted.sort);
    count(wanted);
    showGroups(wanted);
    only.replaceSync(wanted.env ? `.matrix [data-env]:not([data-env="${CSS.escape(wanted.env)}"]) { display: none }` : "");
    status.textContent = apps === rows.length ? `${apps} apps` : `${apps} of ${rows.length} apps`;
    none.hidden = apps > 0;
    return wanted;
  };

  const address = ({ q, team, env, sort, states }) => {
    const query = new URLSearchParams();
    if (q.trim()) query.set("q", q.trim());
    if (team) query.set("team", team);
    if (env) query.set("env", env);
    if (sort) query.set("sort", sort);
    if (states.length) query.set("state", states.join(","));
    return `${location.pathname}${query.size ? `?${query}` : ""}`;
  };

  const fromAddress = () => {
    const query = new URLSearchParams(location.search);
    form.elements.q.value = query.get("q") ?? "";
    for (const name of ["team", "env", "sort"]) {
      const values = [...form.elements[name].options].map((option) => option.value);
      form.elements[name].value = values.includes(query.get(name)) ? query.get(name) : "";
    }
    const states = (query.get("state") ?? "").split(",");
    for (const box of form.querySelectorAll("[name=state]")) box.checked = states.includes(box.value);
    show();
  };

  // Typing is one entry of the browser's history, every choice another.
  let typing = false;
  const change = (typed) => {
    const url = address(show());
    if (url === location.pathname + location.search) return;
    history[typed && typing ? "replaceState" : "pushState"](null, "", url);
    typing = typed;
  };

  for (const set of form.querySelectorAll("fieldset")) set.disabled = false;
  form.addEventListener("input", (event) => change(event.target.name === "q"));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => change(false)));
  addEventListener("popstate", fromAddress);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("[type=search], select")) return;
    event.preventDefault();
    form.elements.q.focus();
  });
  fromAddress();
};

const filters = document.getElementById("filters");
if (filters) filtering(filters);
tellAges();
