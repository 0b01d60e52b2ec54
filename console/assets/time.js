// Times in the reader's own zone, and clocks that count: all of them turn once a second.

import { h } from "./dom.js";
import { language, t } from "./words.js";

let offset = 0; // the warden's clock minus this machine's, seconds

export function setClock(at) {
  offset = at - Date.now() / 1000;
}

/** The warden's time, epoch seconds. */
export const now = () => Date.now() / 1000 + offset;

const cached = {};
const formatter = (name, options) => (cached[name + language] ??= new Intl.DateTimeFormat(language, options));

export function clock(at) {
  return formatter("clock", { timeStyle: "medium" }).format(at * 1000);
}

export function moment(at) {
  return formatter("moment", { dateStyle: "medium", timeStyle: "medium" }).format(at * 1000);
}

/** The time of today, or day and time of another day. */
export function when(at) {
  const day = formatter("day", { dateStyle: "short" });
  if (day.format(at * 1000) === day.format(Date.now())) return clock(at);
  return formatter("when", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(at * 1000);
}

/** A text with the moments in it in the reader's own zone. */
export function atHome(text) {
  return (text ?? "").replace(/(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/g, (_, day, time) => when(Date.parse(`${day}T${time}Z`) / 1000));
}

/** A length of time in two units at most: `3 min 20 s`. */
export function span(seconds) {
  const value = Math.max(0, seconds);
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${Math.floor(value)} s`;
  if (value < 600) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min`;
  if (value < 86400) return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
  return t("{n} d", { n: Math.floor(value / 86400) }) + ` ${Math.floor((value % 86400) / 3600)} h`;
}

/** A clock that counts down: `4:05`, `1:02:09`. */
export function left(seconds) {
  const value = Math.max(0, Math.ceil(seconds));
  const two = (part) => String(part).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(value / 3600), Math.floor((value % 3600) / 60), value % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

let counted = null;
export function number(value) {
  if (Number.isInteger(value ?? 0) && Math.abs(value ?? 0) < 1000) return String(value ?? 0); // no language writes those another way
  return (counted ??= new Intl.NumberFormat(language)).format(value);
}

const KINDS = {
  ago: (at) => (now() - at < 1 ? t("just now") : t("{span} ago", { span: span(now() - at) })),
  for: (at) => span(Math.max(1, now() - at)),
  left: (at) => left(at - now()),
};

/** A node that shows a time by `kind` (ago, for, left) and keeps showing it. */
export function counting(kind, className = "") {
  return h("time", { class: className, "data-tick": kind });
}

/** Point a counting node at a moment; without one it shows nothing. */
export function point(node, at) {
  const gone = at === null || at === undefined;
  if (node.hidden !== gone) node.hidden = gone;
  if (gone || node.at === at) return;
  node.at = at;
  node.dateTime = new Date(at * 1000).toISOString();
  turn(node);
}

// The whole moment is shown to who points at it; a thousand of them need not be written before.
addEventListener("pointerover", ({ target }) => {
  if (target.dataset?.tick && target.at !== undefined) target.title = moment(target.at);
});

function turn(node) {
  const said = KINDS[node.dataset.tick](node.at);
  if (node.textContent !== said) node.textContent = said;
}

setInterval(() => {
  if (document.hidden) return;
  for (const node of document.querySelectorAll("time[data-tick]:not([hidden])")) if (node.at !== undefined) turn(node);
  for (const bar of document.querySelectorAll("progress[data-until]")) fillBar(bar);
}, 1000);

/** A bar of how much of a wait is over; only where both ends are known. */
export function pointBar(bar, since, until) {
  const known = Boolean(since && until && until > since);
  bar.hidden = !known;
  if (!known) return bar.removeAttribute("data-until");
  bar.dataset.since = since;
  bar.dataset.until = until;
  return fillBar(bar);
}

function fillBar(bar) {
  const [since, until] = [Number(bar.dataset.since), Number(bar.dataset.until)];
  bar.value = Math.min(1, Math.max(0, (now() - since) / (until - since)));
}
