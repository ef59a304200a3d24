// SPDX-License-Identifier: Apache-2.0
// The frame: which view is shown, the link to the gateway, the token, and the colours.
import { alertsView, explain } from "./alerts.js";
import { get, token } from "./api.js";
import { ask } from "./dialog.js";
import { h, setText } from "./dom.js";
import { overview } from "./overview.js";
import { connect, state, subscribe } from "./state.js";

const main = document.getElementById("main");
const $ = (id) => document.getElementById(id);
let view = null;
let first = true;

/* --- views --- */

async function makeView(hash, root) {
  const [, name = "", rest = ""] = hash.match(/^#\/([a-z]*)\/?(.*)$/) || [];
  if (name === "alerts") return alertsView(root);
  if (name === "health") return (await import("./health.js")).healthView(root);
  if (name === "sensor") return (await import("./sensor.js")).sensorView(root, decodeURIComponent(rest));
  return overview(root);
}

function markNavigation() {
  const here = location.hash || "#/";
  for (const link of document.querySelectorAll("nav a")) {
    const target = link.getAttribute("href");
    const current = target === "#/" ? here === "#/" || here.startsWith("#/sensor/") : here.startsWith(target);
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

async function show() {
  const hash = location.hash || "#/";
  const root = h("div", { class: "view" });
  view?.close();
  view = null;
  const made = await makeView(hash, root);
  if ((location.hash || "#/") !== hash) return made.close(); // somebody was quicker
  view = made;
  main.replaceChildren(root);
  setTitle();
  markNavigation();
  if (!first) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  first = false;
}

function setTitle() {
  const alerts = state.alerts.length ? `(${state.alerts.length}) ` : "";
  document.title = `${alerts}${view?.title ?? ""} · ${state.gateway ?? "sensorgw"}`;
}

/* --- the link to the gateway --- */

let lostTimer = 0;

function showLink(error) {
  const link = $("link");
  const crowded = error?.status === 503; // it answers, but has no stream left
  link.className = state.connected ? "link live" : crowded ? "link" : "link lost";
  setText(link, state.connected ? "live" : crowded ? "not live" : "no connection");
  clearTimeout(lostTimer);
  document.body.classList.toggle("stale", false);
  if (state.connected) {
    $("banner").hidden = true;
    setText($("gateway"), state.gateway);
    return;
  }
  // A short break is not worth a word.
  lostTimer = setTimeout(() => {
    document.body.classList.toggle("stale", !crowded);
    setText($("banner"), crowded ? "Too many windows follow this gateway: here values change every 15 seconds only. Closing another window helps."
      : "The gateway does not answer: values are as they were. Reconnecting …");
    $("banner").className = crowded ? "banner mild" : "banner";
    $("banner").hidden = false;
  }, 1500);
}

function showCount() {
  const n = state.alerts.length;
  const badge = $("alert-count");
  badge.hidden = n === 0;
  badge.className = `count ${state.alerts.some((a) => a.severity === "critical") ? "critical" : "warning"}`;
  setText(badge, String(n));
  badge.setAttribute("aria-label", `${n} active`);
  setTitle();
}

function refused() {
  clearTimeout(lostTimer);
  const wrong = token.get() != null;
  token.set(null);
  return ask({
    title: "This gateway wants a token",
    text: "It is what the file of http.token_file holds. It is kept until you close this tab.",
    fields: [{ name: "token", label: wrong ? "Token (the last one was not right)" : "Token", type: "password", autocomplete: "current-password" }],
    action: "Open",
    must: true,
    async run({ token: given }) {
      token.set(given.trim());
      try {
        await get("status");
      } catch (e) {
        token.set(null);
        throw e;
      }
      view?.update("token");
    },
  });
}

/* --- colours --- */

const THEMES = ["auto", "light", "dark"];
const SIGNS = { auto: "◐", light: "○", dark: "●" };

function setTheme(theme) {
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = theme;
  localStorage.setItem("sensorgw-theme", theme);
  $("theme").textContent = SIGNS[theme];
  $("theme").title = `Colours: ${theme}`;
  $("theme").setAttribute("aria-label", `Colours: ${theme}. Change`);
  view?.update("theme");
}

$("theme").addEventListener("click", () => {
  const theme = localStorage.getItem("sensorgw-theme") || "auto";
  setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view?.update("theme"));

/* --- start --- */

subscribe((what, detail) => {
  if (what === "link") showLink(detail);
  if (what === "alerts") showCount();
  if (what === "alert" && ["raised", "escalated"].includes(detail.state))
    setText($("announce"), `${detail.severity} alert ${detail.state}: ${detail.sensor}, ${explain(detail)}`);
  view?.update(what, detail);
});
setTheme(THEMES.includes(localStorage.getItem("sensorgw-theme")) ? localStorage.getItem("sensorgw-theme") : "auto");
addEventListener("hashchange", show);
show();
connect(refused);
