// SPDX-License-Identifier: Apache-2.0
// What the page knows: filled by requests and events, and told to the view that is shown.
import { events, get } from "./api.js";
import { decimalsOf } from "./format.js";

const SPARK = 60; // points

export const state = {
  gateway: null,
  version: null,
  connected: false,
  sensors: new Map(), // by name, in the gateway's order; null until known
  alerts: [], // active ones, newest first
  known: false, // sensors and alerts have been read
  skew: 0, // the gateway's clock less ours, ms
};

// Gateway's time in ms, so that ages are right on a phone whose clock is not.
export const now = () => Date.now() + state.skew;

const listeners = new Set();

// listener(what, detail): "sensors" (the list), "readings" (set of sensors), "alerts", "alert" (a transition), "link".
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(what, detail) {
  for (const listener of listeners) listener(what, detail);
}

export function groupOf(sensor) {
  return sensor.device || (sensor.name.includes("/") ? sensor.name.slice(0, sensor.name.lastIndexOf("/")) : sensor.source);
}

export function shortName(sensor) {
  const group = groupOf(sensor);
  return sensor.name.startsWith(`${group}/`) ? sensor.name.slice(group.length + 1) : sensor.name;
}

function remember(sensor, reading) {
  sensor.value = reading.value;
  sensor.quality = reading.quality;
  sensor.time = reading.time_us == null ? null : reading.time_us / 1000;
  if (sensor.value == null) return;
  sensor.decimals = Math.min(Math.max(sensor.decimals ?? 0, decimalsOf(sensor.value)), 5);
  const last = sensor.spark[sensor.spark.length - 1];
  const point = [sensor.time, sensor.value];
  // One point a minute once there is an hour of them; before, all that comes.
  if (last && sensor.dense && sensor.time - last[0] < 60000) sensor.spark[sensor.spark.length - 1] = [last[0], sensor.value];
  else sensor.spark.push(point);
  if (sensor.spark.length > SPARK) sensor.spark.shift();
}

function take(list) {
  const before = state.sensors;
  state.sensors = new Map();
  for (const entry of list) {
    const old = before.get(entry.name);
    const sensor = { ...entry, spark: old?.spark ?? [], dense: old?.dense ?? false, decimals: old?.decimals };
    remember(sensor, entry);
    state.sensors.set(entry.name, sensor);
  }
}

async function loadSparks() {
  const { since_us: since, step, sensors } = await get("sparks");
  for (const [name, values] of Object.entries(sensors)) {
    const sensor = state.sensors.get(name);
    if (!sensor) continue;
    const points = values.map((value, i) => [since / 1000 + (i + 0.5) * step * 1000, value]).filter(([, v]) => v !== null);
    if (points.length < 3) continue;
    sensor.spark = points.concat(sensor.value == null ? [] : [[sensor.time, sensor.value]]);
    sensor.dense = true;
  }
  tell("readings", new Set(state.sensors.values()));
}

export async function loadAlerts() {
  state.alerts = (await get("alerts", { active: true, limit: 1000 })).alerts;
  tell("alerts");
}

async function loadSensors() {
  const asked = Date.now();
  const answer = await get("sensors");
  state.skew = answer.time_us / 1000 - (asked + Date.now()) / 2;
  take(answer.sensors);
  state.known = true;
  tell("sensors");
}

// Until it goes well, or the stream ends and is opened anew: nothing else would fill the page.
async function load() {
  try {
    await Promise.all([loadSensors(), loadAlerts()]);
    await loadSparks();
  } catch {
    if (state.connected) soon(load);
  }
}

function onReadings(list) {
  const changed = new Set();
  let isNew = false;
  for (const reading of list) {
    const sensor = state.sensors.get(reading.sensor);
    if (!sensor) {
      isNew = isNew || state.known;
      continue;
    }
    if (reading.time_us / 1000 === sensor.time) continue;
    remember(sensor, reading);
    changed.add(sensor);
  }
  if (changed.size) tell("readings", changed);
  if (isNew) soon(loadSensors); // the gateway has made a sensor meanwhile
}

// At most once a second, however often it is wanted.
const pending = new Map();
function soon(job) {
  if (pending.has(job)) return;
  pending.set(job, setTimeout(() => {
    pending.delete(job);
    job().catch(() => {});
  }, 1000));
}

let reloading = false;
async function reloadAlerts() {
  if (reloading) return soon(reloadAlerts);
  reloading = true;
  try {
    await loadAlerts();
  } catch {
    if (state.connected) soon(reloadAlerts);
  } finally {
    reloading = false;
  }
}

function onEvent(event, data) {
  if (event === "hello") {
    Object.assign(state, { gateway: data.gateway, version: data.version, connected: true });
    tell("link");
    load();
  } else if (event === "readings") {
    onReadings(data);
  } else if (event === "alert") {
    tell("alert", data);
    reloadAlerts();
  } else if (event === "resync") {
    reloadAlerts();
  }
}

// How many alerts there are stands in the title, and so must be right in a tab that is not seen.
setInterval(() => document.hidden && state.known && reloadAlerts(), 30000);

// Never returns. refused(): asks for the token; resolves when there is one to try. Without a stream, since all are taken,
// the values of each try are shown.
export function connect(refused) {
  return events(onEvent, async (error) => {
    state.connected = false;
    tell("link", error);
    if (error?.status === 401) await refused();
    if (error?.status === 503) load();
  });
}
