// SPDX-License-Identifier: Apache-2.0
// Numbers, times and names as people read them.

export const NO_VALUE = "–";

// Six significant digits and no more decimals than a display has; large numbers in groups of three.
export function number(value) {
  if (value == null) return NO_VALUE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e12)) return value.toExponential(3);
  const digits = size >= 1e5 ? 0 : size >= 1000 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 5;
  return group(String(+value.toFixed(digits)));
}

// A column of values that changes should not jump: as many decimals as the value has shown so far.
export function steady(value, decimals) {
  if (value == null) return NO_VALUE;
  if (Math.abs(value) >= 1e12 || (value !== 0 && Math.abs(value) < 1e-4)) return number(value);
  return group(value.toFixed(decimals));
}

export function decimalsOf(value) {
  const text = number(value);
  const dot = text.indexOf(".");
  return dot < 0 || text.includes("e") ? 0 : text.length - dot - 1;
}

function group(text) {
  const [whole, fraction] = text.split(".");
  const grouped = whole.length > 5 ? whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") : whole;
  const all = fraction === undefined ? grouped : `${grouped}.${fraction}`;
  return all.replace("-", "\u2212");
}

// "12 s", "5 min", "3 h", "2 d"
export function age(seconds) {
  if (seconds == null) return NO_VALUE;
  const s = Math.max(0, Math.round(seconds));
  if (s < 100) return `${s} s`;
  if (s < 6000) return `${Math.round(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

export function duration(seconds) {
  if (seconds == null) return NO_VALUE;
  if (seconds < 1e-3) return `${number(Math.round(seconds * 1e6))} µs`;
  if (seconds < 1) return `${+(seconds * 1e3).toPrecision(3)} ms`;
  if (seconds < 100) return `${+seconds.toPrecision(3)} s`;
  return age(seconds);
}

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

// Today only the time, else the day with it.
export function when(ms, now = Date.now()) {
  if (ms == null) return NO_VALUE;
  const date = new Date(ms);
  const today = new Date(now).toDateString() === date.toDateString();
  return today ? time.format(date) : `${day.format(date)} ${time.format(date)}`;
}

export function bytes(n) {
  if (n == null) return NO_VALUE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
  return `${+n.toPrecision(3)} ${units[i]}`;
}

export function count(n) {
  return n == null ? NO_VALUE : group(String(Math.round(n)));
}

export function plural(n, word) {
  return `${count(n)} ${word}${n === 1 ? "" : "s"}`;
}

// "out_of_range" → "out of range"
export function words(name) {
  return name.replaceAll("_", " ");
}
