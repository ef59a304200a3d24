// SPDX-License-Identifier: Apache-2.0
// One sensor: its value now, its past as a chart, the rules that watch it and what they found.
import { pastTable } from "./alerts.js";
import { get } from "./api.js";
import { createChart } from "./chart.js";
import { h, replace, setClass, setText } from "./dom.js";
import { age, decimalsOf, duration, NO_VALUE, number, steady, when, words } from "./format.js";
import { groupOf, now, shortName, state } from "./state.js";

const HOUR = 3600e3;
const DAY = 24 * HOUR;
const RANGES = [["1 h", HOUR], ["6 h", 6 * HOUR], ["24 h", DAY], ["7 d", 7 * DAY], ["30 d", 30 * DAY], ["1 y", 365 * DAY]];
const KEY = "sensorgw-range";
const MARGIN = 0.5; // of the window, loaded on either side so that moving finds something there

/* --- rules in words --- */

function limitsText(rule) {
  const parts = rule.expression ? [rule.expression] : [];
  for (const [key, word] of [["high", "above"], ["low", "below"], ["rate", "changes by"]])
    for (const [severity, value] of Object.entries(rule[key] || {}))
      parts.push(`${word} ${number(value)}${key === "rate" ? ` in ${duration(rule.per)}` : ""} ${severity}`);
  if (rule.kind === "stale") parts.push(`no good value for ${age(rule.stale)}`);
  if (rule.kind === "quality") parts.push(`bad values only for ${age(rule.bad_for)}`);
  else if (rule.for) parts.push(`held for ${age(rule.for)}`);
  return parts.join(", ") || words(rule.kind);
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// Where an expression compares this sensor, and nothing else, with a number.
function comparisons(rule, name) {
  const pattern = `(?:^|\\(|\\band\\b|\\bor\\b)\\s*${escaped(name)}\\s*([<>]=?)\\s*(-?[\\d.]+)\\s*(?=$|\\)|and\\b|or\\b)`;
  return [...(rule.expression ?? "").matchAll(new RegExp(pattern, "g"))]
    .map(([, sign, value]) => ({ value: Number(value), severity: rule.severity ?? "warning", text: `${rule.name} ${sign} ${number(Number(value))}` }));
}

function limitLines(rules, name) {
  return rules.flatMap((rule) => (rule.kind === "expression" ? comparisons(rule, name) : rule.kind !== "level" ? []
    : ["high", "low"].flatMap((side) => Object.entries(rule[side] || {}).map(([severity, value]) =>
      ({ value, severity, text: `${rule.name} ${side === "high" ? ">" : "<"} ${number(value)}` })))));
}

/* --- points --- */

// Rows as the chart wants them: an average stands in the middle of its step; a row without values is a hole.
function toRows(answer) {
  return answer.points.map(([ms, average, low, high]) =>
    average == null ? [new Date(ms), [null, null, null]] : [new Date(ms + answer.step * 500), [low, average, high]]);
}

function resolution(step) {
  return step === 0 ? "every reading" : `averages over ${duration(step)}, with lowest and highest`;
}

/* --- the view --- */

export function sensorView(root, name) {
  const sensor = () => state.sensors.get(name);
  const value = h("span", { class: "value" });
  const unit = h("span", { class: "unit" });
  const quality = h("span", { class: "age" });
  const rulesList = h("ul", { class: "rules" });
  const title = h("h1", {}, name);
  const groupName = h("span", {});
  const group = h("p", { class: "crumb" }, h("a", { href: "#/" }, "Sensors"), groupName);
  const plot = h("div", { class: "plot", tabindex: "0", role: "group",
    "aria-label": `Chart of ${name}. Arrow keys move, plus and minus zoom; the table below says what was alarming.` });
  const readout = h("p", { class: "readout" });
  const note = h("p", { class: "note" });
  const stats = h("dl", { class: "figures inline" });
  const past = h("div", {});
  const ranges = h("div", { class: "ranges", role: "group", "aria-label": "Time shown" });
  let chart = null;
  let closed = false;
  let loaded = null; // {from, to, step, rows}
  let range = [0, 0];
  let following = true; // the right edge is now
  let rules = [];
  let request = null;
  let timer = 0;

  /* --- the value --- */

  function paintNow() {
    const s = sensor();
    if (!s) return;
    setText(value, s.value == null ? NO_VALUE : steady(s.value, s.decimals));
    setText(unit, s.unit);
    const seconds = s.time == null ? null : (now() - s.time) / 1000;
    setText(quality, s.quality == null ? "no reading yet" : s.quality === "good" ? `${age(seconds)} ago` : `${words(s.quality)}, ${age(seconds)} ago`);
    setClass(quality, s.quality == null || s.quality === "good" ? "age" : "age bad");
    setText(title, shortName(s));
    setText(groupName, ` / ${groupOf(s)}`);
  }

  /* --- the chart --- */

  function paintStats() {
    const bars = chart.visible();
    const low = Math.min(...bars.map((b) => b[0]));
    const high = Math.max(...bars.map((b) => b[2]));
    const mean = bars.reduce((sum, b) => sum + b[1], 0) / bars.length;
    const s = sensor();
    if (s && bars.length) s.decimals = Math.max(s.decimals ?? 0, Math.min(Math.max(decimalsOf(low), decimalsOf(high)), 3)); // of readings
    const cell = (label, v) => h("div", { class: "figure" }, h("dt", {}, label), h("dd", {}, bars.length ? steady(v, s?.decimals ?? 2) : NO_VALUE));
    stats.replaceChildren(cell("Lowest", low), cell("Average", mean), cell("Highest", high));
  }

  function paintNote(text) {
    setText(note, text ?? (loaded ? (loaded.rows.length ? resolution(loaded.step) : "nothing was stored in this time") : "loading …"));
  }

  // The step that the gateway would give for this window is about its length by the number of points.
  const points = () => Math.round(Math.min(Math.max(chart.width() * 0.9, 200), 1600));

  function isEnough() {
    if (!loaded || range[0] < loaded.from || Math.min(range[1], now()) > loaded.to + 1000) return false;
    return loaded.step === 0 || loaded.span <= (range[1] - range[0]) * (1 + 2 * MARGIN) * 1.3;
  }

  async function load() {
    const span = range[1] - range[0];
    const from = range[0] - MARGIN * span;
    const to = Math.min(range[1] + MARGIN * span, now());
    request?.abort();
    request = new AbortController();
    try {
      const answer = await get(`sensors/${encodeURIComponent(name)}/readings`,
        { since: new Date(from).toISOString(), until: new Date(Math.max(to, from + 1)).toISOString(), points: Math.round(points() * (1 + 2 * MARGIN)) }, request.signal);
      if (closed) return;
      loaded = { from, to, span: to - from, step: answer.step, rows: toRows(answer) };
      chart.setData(loaded.rows);
      paintNote();
      paintStats();
      plot.dataset.points = String(loaded.rows.length);
    } catch (e) {
      if (e.name !== "AbortError" && !closed) paintNote(e.status === 404 ? "nothing was stored yet" : e.message);
    }
  }

  let delay = 0;
  function loadSoon(ms = 120) {
    clearTimeout(delay);
    delay = setTimeout(load, ms);
  }

  function markRanges() {
    const span = range[1] - range[0];
    for (const button of ranges.children) {
      if (button.dataset.span) button.setAttribute("aria-pressed", String(following && Math.abs(span / button.dataset.span - 1) < 0.02));
      else button.disabled = following;
    }
  }

  function onWindow(window) {
    range = window;
    following = Math.abs(range[1] - now()) < (range[1] - range[0]) * 0.02;
    markRanges();
    paintStats();
    if (!isEnough()) loadSoon();
  }

  function showRange(span) {
    range = [now() - span, now()];
    following = true;
    chart.setRange(...range);
    markRanges();
    return load();
  }

  function choose(span) {
    sessionStorage.setItem(KEY, span);
    showRange(span);
  }

  function onPoint(point) {
    if (!point || !point[1] || point[1][1] == null) return setText(readout, "");
    const [low, average, high] = point[1];
    const band = low !== high ? `  (${number(low)} to ${number(high)})` : "";
    setText(readout, `${when(point[0], now())}   ${number(average)}${sensor()?.unit ? ` ${sensor().unit}` : ""}${band}`);
  }

  /* --- rules and alerts --- */

  async function loadAlerts() {
    const { alerts } = await get("alerts", { sensor: name.replace(/[\\*?[\]]/g, "\\$&"), limit: 500 });
    if (closed) return;
    chart?.setMarks(limitLines(rules, name), alerts.map((a) => ({ from: a.since_us / 1000, to: a.cleared_us ? a.cleared_us / 1000 : now(), severity: a.severity })));
    replace(past, alerts.length ? pastTable(alerts.slice(0, 50)) : h("p", { class: "calm" }, "No alert so far."));
  }

  async function loadRules() {
    const one = await get(`sensors/${encodeURIComponent(name)}`);
    if (closed) return;
    rules = one.rules;
    rulesList.replaceChildren(...rules.map((rule) => h("li", {}, h("b", {}, rule.name), ` ${limitsText(rule)}`)));
  }

  /* --- going on --- */

  // The chart moves on with time; readings are added as they come where each is shown, else fetched when a step is over.
  function tick() {
    paintNow();
    if (!chart || !following || document.hidden) return;
    const span = range[1] - range[0];
    if (now() - range[1] < span / 2000) return;
    range = [now() - span, now()];
    chart.setRange(...range);
    if (loaded && now() - loaded.to > Math.max(loaded.step * 1000, 5000) && loaded.step > 0) load();
    else paintStats();
  }

  function append(s) {
    if (!loaded || loaded.step !== 0 || s.time == null || s.time <= loaded.to) return;
    loaded.rows.push([new Date(s.time), s.value == null ? [null, null, null] : [s.value, s.value, s.value]]);
    loaded.to = s.time;
    if (loaded.rows.length > 6000) return load();
    chart.setData(loaded.rows);
    plot.dataset.points = String(loaded.rows.length);
    paintNote();
  }

  async function start() {
    try {
      await loadRules();
    } catch (e) {
      if (e.status !== 404) return setTimeout(() => closed || start(), 2000);
      root.replaceChildren(h("div", { class: "empty" }, h("h1", {}, "There is no such sensor"), h("p", {}, name), h("p", {}, h("a", { href: "#/" }, "All sensors"))));
      return;
    }
    chart = await createChart(plot, { onWindow, onPoint, format: number });
    if (closed) return chart.close();
    const chosen = Number(sessionStorage.getItem(KEY));
    await showRange(chosen || DAY);
    if (!chosen && loaded && loaded.rows.length < 3) showRange(HOUR); // a gateway that has just begun
    loadAlerts().catch(() => {});
  }

  ranges.append(...RANGES.map(([text, span]) => h("button", { type: "button", "data-span": span, "aria-pressed": "false", onclick: () => choose(span) }, text)),
    h("button", { type: "button", class: "now", onclick: () => showRange(range[1] - range[0]), title: "Back to now" }, "Now"));
  root.append(
    h("div", { class: "sensor-head" }, h("div", {}, group, title), h("p", { class: "big" }, value, unit, quality)),
    h("section", { class: "panel wide chart", "aria-label": "Past values" },
      h("div", { class: "chart-head" }, ranges, readout), plot, h("div", { class: "chart-foot" }, note, stats)),
    h("h2", { class: "section" }, "Rules"), rulesList,
    h("h2", { class: "section" }, "Alerts"), past);
  paintNow();
  start().catch((e) => paintNote(e.message));
  timer = setInterval(tick, 1000);

  return {
    title: name,
    update(what, detail) {
      if (what === "readings" && sensor() && detail.has(sensor())) {
        paintNow();
        if (chart) append(sensor());
      } else if (what === "sensors") {
        paintNow();
        if (chart && loaded && state.connected) load(); // after a break
      } else if (what === "alerts") {
        loadAlerts().catch(() => {});
      } else if (what === "theme") {
        chart?.redraw();
      }
    },
    close() {
      closed = true;
      clearInterval(timer);
      clearTimeout(delay);
      request?.abort();
      chart?.close();
    },
  };
}
