// SPDX-License-Identifier: Apache-2.0
// How the gateway, its sources and their units do.
import { get, healthz } from "./api.js";
import { h, marked, replace } from "./dom.js";
import { bytes, count, duration, number, plural, when, words } from "./format.js";
import { now } from "./state.js";

const EVERY = 2000; // ms

const sum = (object) => Object.values(object).reduce((a, b) => a + b, 0);
const dropsText = (dropped) => Object.entries(dropped).filter(([, n]) => n > 0).map(([why, n]) => `${words(why)} ${count(n)}`).join(", ");

function unitRow(unit) {
  const failed = unit.timeouts + unit.damaged + unit.refused;
  const share = unit.asked ? failed / unit.asked : 0;
  const good = unit.last === "good";
  return h("tr", {},
    h("th", { scope: "row" }, unit.device || "unit", h("span", { class: "age" }, ` ${unit.unit}`)),
    h("td", {}, h("span", { class: `dot ${unit.last == null ? "" : good ? "ok" : "bad"}` }), unit.last == null ? "not asked yet" : words(unit.last), unit.probing && h("small", {}, " probed now and then")),
    h("td", { class: "num" }, duration(unit.round_trip_mean)),
    h("td", { class: "num" }, count(unit.asked)),
    h("td", { class: "num" }, count(unit.timeouts)),
    h("td", { class: "num" }, count(unit.damaged)),
    h("td", { class: "num" }, count(unit.refused)),
    h("td", { class: "num" }, count(unit.overruns)),
    h("td", { class: `num${share > 0.01 ? " bad" : ""}` }, unit.asked ? `${number(+(100 * share).toPrecision(2))} %` : ""));
}

function sourcePanel(source) {
  const dropped = sum(source.dropped);
  const state = { open: ["ok", "open"], failed: ["bad", "cannot be opened"], closed: ["", "closed"] }[source.state] || ["", source.state];
  return h("section", { class: "panel wide", "aria-label": source.name },
    h("h2", {}, h("span", { class: `dot ${state[0]}` }), source.name, h("span", { class: "source" }, source.driver)),
    h("p", { class: "facts" },
      h("span", { class: state[0] }, state[1]),
      h("span", {}, h("b", {}, count(source.accepted)), " accepted"),
      h("span", {}, h("b", {}, count(source.committed)), " stored"),
      h("span", { class: dropped ? "bad" : "" }, h("b", {}, count(dropped)), ` dropped${dropped ? `: ${dropsText(source.dropped)}` : ""}`),
      h("span", {}, h("b", {}, count(source.errors)), " errors"),
      source.overruns ? h("span", {}, h("b", {}, count(source.overruns)), " overruns") : null),
    source.error && h("p", { class: "error" }, source.error),
    source.isolated.length > 0 && h("p", { class: "error" }, `Refused, and left out: ${source.isolated.map((p) => `unit ${p.unit} ${p.place} (exception ${p.exception})`).join(", ")}`),
    source.units.length > 0 && h("div", { class: "scroll" }, h("table", { class: "list" },
      h("thead", {}, h("tr", {}, ...["Device, unit", "Last answer", "Round trip", "Asked", "Time-outs", "Damaged", "Refused", "Overruns", "Failed"].map((text, i) =>
        h("th", { scope: "col", class: i < 2 ? "" : "num" }, text)))),
      h("tbody", {}, source.units.map(unitRow)))));
}

// What /healthz says: all is well, or what is not, since when, and what to do about it.
function verdict(report) {
  if (!report.problems.length) return h("p", { class: "verdict ok" }, h("span", { class: "dot ok" }), "All is well.");
  return h("ul", { class: "alerts", "aria-label": "Problems" }, report.problems.map((problem) =>
    h("li", { class: `alert problem ${problem.severity === "error" ? "critical" : "warning"}` },
      h("span", { class: "badge" }, problem.severity),
      h("div", { class: "what" }, h("p", {}, h("b", {}, problem.component), ` ${problem.text}`), h("p", { class: "status" }, marked(problem.hint))),
      h("time", { datetime: problem.since }, `since ${when(Date.parse(problem.since), now())}`))));
}

function figure(label, value, note = "", bad = false) {
  return h("div", { class: bad ? "figure bad" : "figure" }, h("dt", {}, label), h("dd", {}, value, note && h("small", {}, note)));
}

function gatewayPanel(s, rate) {
  const dropped = sum(s.dropped);
  const commits = s.store_commit_seconds;
  return h("section", { class: "panel wide", "aria-label": "Gateway" },
    h("h2", {}, s.gateway, h("span", { class: "source" }, `sensorgw ${s.version}`)),
    h("dl", { class: "figures" },
      figure("Readings", count(s.accepted), rate == null ? "" : `${number(+rate.toPrecision(3))} / s`),
      figure("Stored", count(s.committed), `${count(s.in_flight)} in flight`),
      figure("Dropped", count(dropped), dropsText(s.dropped), dropped > 0),
      figure("Queue", count(s.queue_readings), `most ${count(s.queue_high_water_readings)}`),
      figure("Commit", duration(commits && commits.count ? commits.sum / commits.count : null), `longest ${duration(s.store_commit_max_seconds)}`),
      figure("Alerts", count(s.alerts_active), `${count(s.alerts_raised_total)} raised`),
      s.mqtt_configured && figure("To be sent", count(s.outbox_events), `${count(s.alerts_published_total)} acknowledged`),
      figure("Broker", !s.mqtt_configured ? "none" : s.mqtt_connected ? "connected" : "away", s.mqtt_connects_total ? plural(s.mqtt_connects_total, "connection") : "", s.mqtt_configured && !s.mqtt_connected),
      figure("Database", bytes(s.store_size_bytes), `log ${bytes(s.store_wal_bytes)}`),
      figure("Memory", bytes(s.resident_memory_bytes)),
      figure("Running for", duration(s.uptime_seconds))));
}

export function healthView(root) {
  const page = h("div", {}, h("p", { class: "waiting" }, "Waiting for the gateway …"));
  let closed = false;
  let timer = 0;
  let before = null;

  async function refresh() {
    try {
      const [status, { sources }, report] = await Promise.all([get("status"), get("sources"), healthz()]);
      if (closed) return;
      const rate = before && status.time_us > before.time_us ? ((status.accepted - before.accepted) / (status.time_us - before.time_us)) * 1e6 : null;
      before = status;
      const scrolled = [...page.querySelectorAll(".scroll")].map((e) => e.scrollLeft);
      replace(page, verdict(report), gatewayPanel(status, rate), h("h2", { class: "section" }, "Sources"), ...sources.map(sourcePanel));
      page.querySelectorAll(".scroll").forEach((e, i) => (e.scrollLeft = scrolled[i] ?? 0));
    } catch {
      // the banner says that the gateway is gone
    }
    if (!closed) timer = setTimeout(refresh, EVERY);
  }

  root.append(h("h1", {}, "Health"), page);
  refresh();
  return {
    title: "Health",
    update() {},
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
