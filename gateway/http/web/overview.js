// SPDX-License-Identifier: Apache-2.0
// All sensors, grouped by device. Rows are made once; afterwards only what changed is touched.
import { alertList } from "./alerts.js";
import { breakable, h, replace, setClass, setText } from "./dom.js";
import { age, NO_VALUE, plural, steady, words } from "./format.js";
import { createSpark, drawSpark } from "./spark.js";
import { groupOf, now, shortName, state } from "./state.js";

const FILTER = "sensorgw-filter";

function makeRow(sensor) {
  const value = h("span", { class: "value" });
  const unit = h("span", { class: "unit" }, sensor.unit);
  const ageCell = h("td", { class: "age" });
  const spark = createSpark();
  const element = h("tr", {},
    h("th", { scope: "row" }, h("a", { href: `#/sensor/${encodeURIComponent(sensor.name)}`, title: sensor.name }, breakable(shortName(sensor)))),
    h("td", { class: "trend" }, spark),
    h("td", { class: "reading" }, value, unit),
    ageCell);
  return { sensor, element, value, unit, age: ageCell, spark, text: `${sensor.name} ${sensor.source} ${sensor.unit}`.toLowerCase() };
}

// Old: three periods have gone by without a word, and at least 10 s; a sensor that is pushed may take a minute.
function isOld(sensor) {
  if (sensor.time == null) return false;
  const patience = sensor.every == null ? 60 : Math.max(3 * sensor.every, 10);
  return (now() - sensor.time) / 1000 > patience;
}

function paintAge(row) {
  const { sensor } = row;
  const seconds = sensor.time == null ? null : (now() - sensor.time) / 1000;
  setText(row.age, age(seconds));
  setClass(row.age, isOld(sensor) ? "age old" : "age");
}

function paint(row, severity) {
  const { sensor } = row;
  const isBad = sensor.quality != null && sensor.quality !== "good";
  setText(row.value, isBad ? words(sensor.quality) : sensor.value == null ? NO_VALUE : steady(sensor.value, sensor.decimals));
  setClass(row.value, isBad ? "quality" : "value");
  setText(row.unit, isBad ? "" : sensor.unit);
  setClass(row.element, severity ?? "");
  drawSpark(row.spark, sensor.spark);
  paintAge(row);
}

function makePanel(name, sensors, rows) {
  const own = sensors.map(makeRow);
  for (const row of own) rows.set(row.sensor, row);
  const element = h("section", { class: "panel", "aria-label": name },
    h("h2", {}, name, h("span", { class: "source" }, sensors[0].source === name ? "" : sensors[0].source)),
    h("table", { class: "sensors" },
      h("colgroup", {}, ["", "trend", "reading", "age"].map((name) => h("col", { class: name }))),
      h("thead", { class: "unseen" }, h("tr", {}, ...["Sensor", "Last hour", "Value or quality", "Age"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, own.map((row) => row.element))));
  return { element, rows: own };
}

// The worst active severity of each sensor, by name.
function severities() {
  const worst = new Map();
  for (const alert of state.alerts) {
    if (worst.get(alert.sensor) !== "critical") worst.set(alert.sensor, alert.severity);
  }
  return worst;
}

export function overview(root) {
  const rows = new Map(); // by sensor
  let panels = [];
  const filter = h("input", { type: "search", id: "filter", placeholder: "Filter sensors", "aria-label": "Filter sensors",
    autocomplete: "off", spellcheck: "false", value: sessionStorage.getItem(FILTER) || "" });
  const summary = h("p", { class: "summary", role: "status" });
  const alerts = h("div", {});
  const tools = h("div", { class: "tools" }, filter, summary);
  const grid = h("div", { class: "panels" });
  const dirty = new Set();
  let frame = 0;

  function applyFilter() {
    const wanted = filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const panel of panels) {
      let any = false;
      for (const row of panel.rows) {
        const fits = wanted.every((word) => row.text.includes(word));
        row.element.hidden = !fits;
        any = any || fits;
        shown += fits;
      }
      panel.element.hidden = !any;
    }
    const bad = [...state.sensors.values()].filter((s) => s.quality && s.quality !== "good").length;
    const parts = [wanted.length ? `${shown} of ${plural(rows.size, "sensor")}` : plural(rows.size, "sensor")];
    if (bad) parts.push(`${bad} without a good value`);
    setText(summary, parts.join(" · "));
  }

  function build() {
    const groups = new Map();
    for (const sensor of state.sensors.values()) {
      const name = groupOf(sensor);
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(sensor);
    }
    rows.clear();
    panels = [...groups].map(([name, sensors]) => makePanel(name, sensors, rows));
    replace(grid, ...(panels.length ? panels.map((p) => p.element) : [h("div", { class: "empty" },
      h("h2", {}, "No sensors yet"),
      h("p", {}, "Sensors appear here as soon as the configuration names one, or an MQTT source hears one for the first time."),
      h("p", {}, h("code", {}, "sensorgw check"), " shows what the configuration asks for; ", h("a", { href: "#/health" }, "Health"), " shows what the sources say."))]));
    tools.hidden = panels.length === 0;
    paintAll();
    applyFilter();
  }

  function paintAll() {
    const worst = severities();
    for (const row of rows.values()) paint(row, worst.get(row.sensor.name));
  }

  function flush() {
    frame = 0;
    const worst = severities();
    for (const sensor of dirty) {
      const row = rows.get(sensor);
      if (row && !row.element.hidden) paint(row, worst.get(sensor.name));
    }
    dirty.clear();
  }

  function showAlerts() {
    const most = matchMedia("(max-width: 640px)").matches ? 3 : 5; // the sensors are what this page is for
    const more = state.alerts.length - most;
    replace(alerts, ...(state.alerts.length ? [alertList(state.alerts.slice(0, most), { compact: true }),
      more > 0 && h("p", { class: "more" }, h("a", { href: "#/alerts" }, `and ${plural(more, "more alert")}`))].filter(Boolean) : []));
  }

  filter.addEventListener("input", () => {
    sessionStorage.setItem(FILTER, filter.value);
    applyFilter();
    paintAll();
  });
  root.append(h("h1", { class: "unseen" }, "Sensors"), alerts, tools, grid);
  if (state.known) {
    build();
    showAlerts();
  } else {
    grid.append(h("p", { class: "waiting" }, "Waiting for the gateway …"));
  }
  const timer = setInterval(() => {
    for (const row of rows.values()) if (!row.element.hidden) paintAge(row);
  }, 1000);

  return {
    title: "Sensors",
    update(what, detail) {
      if (what === "sensors") {
        build();
        showAlerts();
      } else if (what === "readings") {
        for (const sensor of detail) dirty.add(sensor);
        if (!frame) frame = requestAnimationFrame(flush);
      } else if (what === "alerts") {
        showAlerts();
        paintAll();
      }
    },
    close() {
      clearInterval(timer);
      cancelAnimationFrame(frame);
    },
  };
}
