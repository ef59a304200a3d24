// SPDX-License-Identifier: Apache-2.0
// Talking to the gateway: requests with the token, errors with their hint, and the stream of events.

const BASE = "/api/v1/";
const KEY = "sensorgw-token";
const PATIENCE = 15000; // ms without a sign of life; the gateway sends one every 5 s
const UNSEEN = 30000; // ms after which a tab that nobody sees gives its stream back

export class ApiError extends Error {
  constructor(status, error, hint) {
    super(error);
    this.status = status;
    this.hint = hint;
  }
}

// The token lives as long as the tab, and is sent to the gateway alone.
export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

function headers(extra) {
  const given = token.get();
  return given ? { ...extra, Authorization: `Bearer ${given}` } : extra;
}

async function checked(response) {
  if (response.ok) return response;
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    // not from the gateway
  }
  throw new ApiError(response.status, answer.error || `The gateway answers ${response.status}`, answer.hint || "");
}

export async function get(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value != null)).toString();
  const response = await fetch(BASE + path + (query ? `?${query}` : ""), { headers: headers({}), signal });
  return (await checked(response)).json();
}

// 503 when the gateway does not do its work: the answer says why all the same.
export async function healthz() {
  const response = await fetch("/healthz", { headers: headers({ Accept: "application/json" }) });
  return response.status === 503 ? response.json() : (await checked(response)).json();
}

export async function post(path, body) {
  const response = await fetch(BASE + path, {
    method: "POST",
    headers: headers({ "Content-Type": "application/json" }),
    body: JSON.stringify(body),
  });
  return (await checked(response)).json();
}

// EventSource cannot send the token, so the stream is read by hand: one block of lines is one event.
function parse(block) {
  let event = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) event = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return data.length ? [event, JSON.parse(data.join("\n"))] : null;
}

// Calls on(event, data) until the stream ends; throws when it breaks, is refused, or falls silent.
async function follow(on, signal) {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), PATIENCE);
  const stop = () => silence.abort();
  signal.addEventListener("abort", stop);
  try {
    const response = await checked(await fetch(`${BASE}events`, { headers: headers({}), signal: silence.signal }));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), PATIENCE);
      const blocks = (text + value).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const event = parse(block);
        if (event) on(...event);
      }
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

// A browser has six connections to a host, and the gateway so many streams: a page that is left (and kept for the way
// back) or hidden for some time needs none.
let left = false;
addEventListener("pagehide", () => (left = true));
addEventListener("pageshow", () => (left = false));

// Calls on() with each change of whether the page is seen, and at once; returns what ends that.
function watchSeen(on) {
  const look = () => on(!left && !document.hidden);
  const events = [[window, "pagehide"], [window, "pageshow"], [document, "visibilitychange"]];
  for (const [target, name] of events) target.addEventListener(name, look);
  look();
  return () => events.forEach(([target, name]) => target.removeEventListener(name, look));
}

async function seen() {
  let end;
  await new Promise((resolve) => (end = watchSeen((is) => is && resolve())));
  end();
}

// Aborts when nobody sees the page any more; returns what ends that.
function whileSeen(abort) {
  let timer = 0;
  const end = watchSeen((is) => {
    clearTimeout(timer);
    if (left) abort.abort(); // now: nothing runs later
    else if (!is) timer = setTimeout(() => abort.abort(), UNSEEN);
  });
  return () => {
    clearTimeout(timer);
    end();
  };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Follows the events for ever while the page is seen, with a growing pause after each failure. lost(error) is called when the stream breaks;
// it may return a promise that is waited for (the login).
export async function events(on, lost) {
  let pause = 500;
  for (;;) {
    await seen();
    const abort = new AbortController();
    const done = whileSeen(abort);
    let error = null;
    try {
      await follow((event, data) => {
        pause = 500;
        on(event, data);
      }, abort.signal);
    } catch (e) {
      error = e;
    }
    done();
    if (abort.signal.aborted) continue; // nobody looks
    await lost(error);
    await sleep(pause * (0.75 + Math.random() / 2));
    pause = Math.min(pause * 2, 15000);
  }
}
