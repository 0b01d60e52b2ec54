// Pieces that several views have: a state in icon, word and colour; waits with their clocks;
// fields that filter.

import { h, icon, list, say, setClass } from "./dom.js";
import { filter, link, place } from "./router.js";
import { state } from "./store.js";
import { atHome, counting, point, pointBar } from "./time.js";
import { t, waitTone, waitWord } from "./words.js";

/** A state: told by a shape and a word, and by its colour beside them. The style draws the shape: a thousand drawings would be most of a table's work. */
export function badge() {
  return h("span", { class: "badge idle" });
}

export function showBadge(node, { tone, word }) {
  setClass(node, `badge ${tone}`);
  if (node.textContent !== word) node.textContent = word;
}

export function toLink(href, text, className = "") {
  return h("a", { href, class: className }, text);
}

export const toSession = (name) => toLink(link("session", name), name, "name");

/** What is waited for, since when, and a clock to its end. */
export function waitList() {
  return h("ul", { class: "waits" });
}

export function showWaits(node, waits, { named = false } = {}) {
  node.hidden = waits.length === 0;
  list(node, waits, (wait) => `${wait.who ?? ""}/${wait.kind}/${wait.what}`, (wait) => makeWait(wait, named), fillWait);
}

function makeWait(wait, named) {
  const line = h("li", { class: "wait" },
    icon(waitTone(wait) === "bad" ? "bad" : "warn", waitTone(wait)),
    h("span", { class: "wait-text" }, named ? [whoWaits(wait.who), " "] : null, h("b", {}), " ", h("span", { class: "what" })),
    h("span", { class: "wait-clock" }, h("span", { class: "soft" }, t("for"), " ", counting("for")), h("span", { class: "until" }, counting("left", "count"), " ", t("left"))),
    h("progress", { max: 1, "aria-label": t("How much of the wait is over"), hidden: true }));
  return line;
}

const whoWaits = (who) => (state.sessions[who] ? toSession(who) : h("span", { class: "name" }, who));

function fillWait(line, wait) {
  say(line.querySelector("b"), waitWord(wait));
  say(line.querySelector(".what"), atHome(wait.what));
  point(line.querySelector("time[data-tick=for]"), wait.since);
  line.querySelector(".until").hidden = !wait.until;
  point(line.querySelector("time[data-tick=left]"), wait.until);
  pointBar(line.querySelector("progress"), wait.since, wait.until);
}

/** A field that searches; what is typed stands in the address. */
export function search(label, name = "find") {
  let pending = 0;
  const field = h("input", {
    type: "search", class: "field", placeholder: label, "aria-label": label, value: place().filters[name] ?? "", spellcheck: "false", autocomplete: "off",
    oninput: () => {
      clearTimeout(pending);
      pending = setTimeout(() => filter({ [name]: field.value.trim() }), 120);
    },
  });
  return field;
}

/** A choice among few; `options` are [value, word] pairs, the first one is what no filter means. */
export function choice(label, name, options) {
  const field = h("select", { class: "field", "aria-label": label, onchange: () => filter({ [name]: field.value }) },
    options.map(([value, word]) => h("option", { value }, word)));
  field.value = place().filters[name] ?? "";
  return h("label", { class: "choice" }, h("span", { class: "soft" }, label), field);
}

/** Whether any of the texts has what is looked for. */
export function matches(wanted, ...texts) {
  if (!wanted) return true;
  const low = wanted.toLowerCase();
  return texts.some((text) => String(text ?? "").toLowerCase().includes(low));
}

export function section(title, ...children) {
  const heading = h("h2", {}, title);
  return h("section", {}, heading, children);
}

export function button(text, onclick, { kind = "", picture = "", label = null } = {}) {
  return h("button", { type: "button", class: `button ${kind}`.trim(), onclick, "aria-label": label }, picture ? icon(picture) : null, h("span", {}, text));
}
