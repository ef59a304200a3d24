// SPDX-License-Identifier: Apache-2.0
// Alerts: the active ones with what can be done about them, and those that are over.
import { get, post } from "./api.js";
import { ask } from "./dialog.js";
import { breakable, h, replace } from "./dom.js";
import { age, number, when, words } from "./format.js";
import { loadAlerts, now, state } from "./state.js";

const NAME = "sensorgw-name"; // who acknowledges; kept for the next time

const REASONS = {
  silent: "says nothing",
  never_seen: "was never heard",
  rate: "changes too fast",
  quality: "has no good value",
};

// "81.4 °C, above 75", "no good value for 60 s"
export function explain(alert) {
  const unit = alert.unit ? `\u00a0${alert.unit}` : "";
  const value = alert.value == null ? "" : `${number(alert.value)}${unit}`;
  if (alert.reason === "expression" && alert.limit == null) return alert.expression ?? "its condition holds";
  if (alert.expression && alert.value != null)
    return `${alert.expression} is ${number(alert.value)}, ${alert.value > alert.limit ? "above" : "below"} ${number(alert.limit)}`;
  if (alert.limit == null) return [value, REASONS[alert.reason]].filter(Boolean).join(", ");
  if (alert.reason === "rate") return `${value}, changes by more than ${number(alert.limit)}${unit}`;
  if (alert.reason === "silent" || alert.reason === "never_seen" || alert.value == null)
    return `no good value for ${age(alert.limit)}`;
  return `${value}, ${alert.value > alert.limit ? "above" : "below"} ${number(alert.limit)}`;
}

const sensorLink = (name) => h("a", { href: `#/sensor/${encodeURIComponent(name)}` }, breakable(name));

async function order(verb, alert, fields) {
  await post(`alerts/${verb}`, { sensor: alert.sensor, rule: alert.rule, ...fields });
  await loadAlerts();
}

const who = { name: "who", label: "Your name", value: () => localStorage.getItem(NAME) || "", optional: true, max: 64 };
const comment = { name: "comment", label: "Comment", optional: true };

function keepName(fields) {
  localStorage.setItem(NAME, fields.who);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
}

function acknowledge(alert) {
  return ask({
    title: "Acknowledge",
    text: `${alert.sensor}: ${explain(alert)}`,
    fields: [who, comment],
    action: "Acknowledge",
    run: (fields) => order("acknowledge", alert, keepName(fields)),
  });
}

function shelve(alert) {
  return ask({
    title: "Shelve",
    text: `${alert.sensor}, ${alert.rule}: nothing is sent about it until the time is over.`,
    fields: [{ name: "for", label: "For", choices: [["30m", "30 minutes"], ["2h", "2 hours"], ["8h", "8 hours"], ["1d", "a day"], ["7d", "a week"]] }, who, comment],
    action: "Shelve",
    run: (fields) => order("shelve", alert, keepName(fields)),
  });
}

// Shelved until when, in ms; null when it is not, or not any more.
const shelvedUntil = (alert) => (alert.shelved_until_us ? alert.shelved_until_us / 1000 : null);

function status(alert) {
  const parts = [];
  if (alert.acknowledged) parts.push(`acknowledged${alert.acknowledged_by ? ` by ${alert.acknowledged_by}` : ""}`);
  if (shelvedUntil(alert)) parts.push(`shelved until ${when(shelvedUntil(alert))}`);
  return parts.join(" · ");
}

function buttons(alert) {
  const button = (text, label, run) => h("button", { type: "button", class: "small", "aria-label": `${label} ${alert.sensor} ${alert.rule}`, onclick: run }, text);
  return h("div", { class: "actions" },
    !alert.acknowledged && button("Acknowledge", "Acknowledge", () => acknowledge(alert)),
    shelvedUntil(alert)
      ? button("Unshelve", "Unshelve", () => order("unshelve", alert, {}))
      : button("Shelve", "Shelve", () => shelve(alert)));
}

function card(alert) {
  const quiet = alert.acknowledged || shelvedUntil(alert);
  return h("li", { class: `alert ${alert.severity}${quiet ? " quiet" : ""}`, "data-alert": alert.id },
    h("span", { class: "badge" }, alert.severity),
    h("div", { class: "what" },
      h("p", {}, sensorLink(alert.sensor), h("span", { class: "rule" }, alert.rule)),
      h("p", { class: "why" }, explain(alert)),
      status(alert) && h("p", { class: "status" }, status(alert))),
    h("time", { datetime: alert.since, title: when(alert.since_us / 1000) }, `for ${age((now() - alert.since_us / 1000) / 1000)}`),
    buttons(alert));
}

export function alertList(alerts, { compact = false } = {}) {
  return h("ul", { class: compact ? "alerts compact" : "alerts", "aria-label": "Active alerts" }, alerts.map(card));
}

export function pastTable(alerts) {
  const row = (alert) => h("tr", { class: alert.severity },
    h("td", {}, h("span", { class: "badge" }, alert.severity)),
    h("th", { scope: "row" }, sensorLink(alert.sensor)),
    h("td", {}, alert.rule),
    h("td", { class: "why" }, explain(alert)),
    h("td", { class: "num" }, h("time", { datetime: alert.since }, when(alert.since_us / 1000))),
    h("td", { class: "num" }, alert.cleared_us == null ? words(alert.state) : age((alert.cleared_us - alert.since_us) / 1e6)));
  return h("div", { class: "scroll" }, h("table", { class: "list past" },
    h("thead", {}, h("tr", {}, ...["Severity", "Sensor", "Rule", "What", "Since", "Lasted"].map((text, i) =>
      h("th", { scope: "col", class: i > 3 ? "num" : "" }, text)))),
    h("tbody", {}, alerts.map(row))));
}

export function alertsView(root) {
  const active = h("div", {});
  const past = h("div", {});
  let closed = false;

  function show() {
    replace(active, state.alerts.length ? alertList(state.alerts)
      : h("p", { class: "calm" }, state.known ? "Nothing is wrong right now." : "Waiting for the gateway …"));
  }

  async function showPast() {
    const { alerts } = await get("alerts", { limit: 200 });
    if (closed) return;
    const over = alerts.filter((alert) => alert.cleared_us != null);
    replace(past, over.length ? pastTable(over) : h("p", { class: "calm" }, "No alert has ended yet."));
  }

  root.append(h("h1", {}, "Alerts"), active, h("h2", { class: "section" }, "Past"), past);
  show();
  showPast().catch(() => {});
  const timer = setInterval(show, 10000);
  return {
    title: "Alerts",
    update(what) {
      if (what !== "alerts") return;
      show();
      showPast().catch(() => {});
    },
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}
