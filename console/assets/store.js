// The warden's state as the page knows it, and the stream that keeps it true.
// Rows are replaced, never changed: a row that is the same object is the same row.

import { get } from "./api.js";
import { setClock } from "./time.js";

const TABLES = ["sessions", "groups", "pairs", "verdicts", "waits", "alerts", "silences", "channels", "floods", "operations", "tree", "facts"];
const SILENCE = 25000; // milliseconds; the stream beats every 10 s

export const state = { id: "", at: 0, version: "", top: { counters: {} } };
for (const table of TABLES) state[table] = {};

/** How the stream is: live, stopped (by the reader), lost (no answer), or out (no login). */
export const stream = { status: "out", since: 0 };

const listeners = new Set();
const pointListeners = new Set();
let source = null;
let watchdog = 0;
let over = () => {};

/** Hear of changes: `changed` is a map from table to the keys of its rows that are new or gone. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Hear of each new point of the charts. */
export function onPoint(listener) {
  pointListeners.add(listener);
  return () => pointListeners.delete(listener);
}

export function onOver(listener) {
  over = listener;
}

function tell(changed) {
  for (const listener of [...listeners]) listener(changed);
}

function become(status) {
  if (stream.status === status) return;
  stream.status = status;
  stream.since = Date.now() / 1000;
  tell(new Map());
}

function replace(whole) {
  const changed = new Map();
  for (const table of TABLES) {
    const rows = whole[table] ?? {};
    changed.set(table, new Set([...Object.keys(state[table]), ...Object.keys(rows)]));
    state[table] = rows;
  }
  state.id = whole.id;
  state.at = whole.at;
  state.version = whole.version;
  state.top = { counters: {}, ...whole.top };
  setClock(whole.at);
  tell(changed);
}

function apply(diff) {
  const changed = new Map();
  const note = (table, keys) => changed.set(table, new Set([...(changed.get(table) ?? []), ...keys]));
  for (const [table, rows] of Object.entries(diff.set ?? {})) {
    Object.assign((state[table] ??= {}), rows);
    note(table, Object.keys(rows));
  }
  for (const [table, keys] of Object.entries(diff.gone ?? {})) {
    for (const key of keys) delete state[table]?.[key];
    note(table, keys);
  }
  const { counters, ...top } = diff.top ?? {};
  Object.assign(state.top, top);
  if (counters) state.top.counters = { ...state.top.counters, ...counters };
  if (diff.id) state.id = diff.id;
  state.at = diff.at;
  setClock(diff.at);
  tell(changed);
}

/** Fetch all of it once; the stream goes on from there. */
export async function load() {
  replace(await get("api/live"));
}

/** Follow the stream from where the state is. */
export function follow() {
  close();
  source = new EventSource(`events/stream${state.id ? `?from=${encodeURIComponent(state.id)}` : ""}`);
  const hear = (name, does) =>
    source.addEventListener(name, (event) => {
      wake();
      does(JSON.parse(event.data || "{}"));
    });
  hear("state", replace);
  hear("diff", apply);
  hear("minute", (point) => pointListeners.forEach((listener) => listener(point)));
  hear("beat", (beat) => {
    state.at = beat.at;
    setClock(beat.at);
  });
  hear("bye", () => {
    close();
    become("out");
    over();
  });
  source.addEventListener("open", wake);
  source.addEventListener("error", () => {
    become("lost");
    if (source?.readyState === EventSource.CLOSED) over(); // refused: perhaps the login is over
  });
}

function wake() {
  become("live");
  clearTimeout(watchdog);
  watchdog = setTimeout(() => become("lost"), SILENCE);
}

function close() {
  clearTimeout(watchdog);
  source?.close();
  source = null;
}

/** Leave the page as it is until `follow`; the warden sends nothing meanwhile. */
export function stop(status = "stopped") {
  close();
  become(status);
}

// What views ask of the tables

export const rows = (table) => Object.entries(state[table]).map(([key, row]) => keyed(key, row));

// The key is put beside the row once, so that it stays the same object as long as the row does.
const kept = new WeakMap();
function keyed(key, row) {
  let item = kept.get(row);
  if (item === undefined) kept.set(row, (item = { key, ...row }));
  return item;
}

export const row = (table, key) => (state[table][key] ? keyed(key, state[table][key]) : null);
