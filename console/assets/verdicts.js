// What the health monitor finds of a session or a worker group: since when, why, what to do now,
// and what it has done about it by itself.

import { h, icon, list, say, setHidden } from "./dom.js";
import { badge, showBadge } from "./parts.js";
import { counting, number, point, when } from "./time.js";
import { healthOf, stepWord, t } from "./words.js";

let reasons = {};

/** Learn what each reason means, in the reader's language. */
export function explainReasons(told) {
  reasons = told;
}

/** What to do now. */
export const adviceOn = (verdict) => reasons[verdict.reason]?.advice ?? "";

const named = (verdict) => (verdict.group ? t("group {group}", { group: verdict.group }) : t("the session"));
const sentence = ({ pairs, text }) => (pairs ? `${t("pair {pairs}:", { pairs: pairs.join(", ") })} ${text}` : text);
const because = (verdict) => (verdict.why ?? []).map(sentence).join(" · ") || (reasons[verdict.reason]?.explanation ?? "");

/** Why, in a line that says whom it is about. */
export const inWords = (verdict) => `${named(verdict)}: ${because(verdict)}`;

/** What a group's verdict says of one of its pairs; empty if it says nothing of it. */
export function saidOf(verdict, pair) {
  if (!verdict) return "";
  return (verdict.why ?? []).filter(({ pairs }) => !pairs || pairs.includes(pair)).map(({ text }) => text).join(" · ");
}

export const verdictList = () => h("ul", { class: "verdicts", "aria-label": t("Health monitor") });

/** `known` is what to do that is said already. */
export function showVerdicts(node, verdicts, known = "") {
  setHidden(node, verdicts.length === 0);
  list(node, verdicts, (one) => one.key, make, fill);
  for (const line of node.children) setHidden(line.querySelector(".todo"), adviceOn(line.rowItem) === known);
}

function make() {
  return h("li", {}, h("p", { class: "one-head" }, badge(), h("b", {}), h("span", { class: "soft" }, t("for"), " ", counting("for"))),
    h("p", { class: "why" }), h("p", { class: "todo" }, icon("do"), h("span", {}, h("b", {}, t("What to do now:")), " ", h("span", {}))),
    h("p", { class: "soft done" }));
}

function fill(line, verdict) {
  showBadge(line.querySelector(".badge"), healthOf(verdict));
  say(line.querySelector("b"), named(verdict));
  point(line.querySelector("time"), verdict.since);
  say(line.querySelector(".why"), because(verdict));
  say(line.querySelector(".todo span > span"), adviceOn(verdict));
  const steps = (verdict.steps ?? []).map(doneOf).join("; ");
  say(line.querySelector(".done"), steps && `${t("Done about it:")} ${steps}`);
}

function doneOf({ step, times, at, problem }) {
  const refused = problem ? `, ${t("refused: {problem}", { problem })}` : "";
  return `${stepWord(step)} ${number(times)}×, ${when(at)}${refused}`;
}
