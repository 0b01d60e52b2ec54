// What happened, in a sentence each.

import { h, icon, list, say } from "./dom.js";
import { link } from "./router.js";
import { clock, moment } from "./time.js";
import { t } from "./words.js";

export function facts() {
  return h("ol", { class: "facts" });
}

const WORDS = { good: "good", bad: "bad", plain: "plain" };

export function showFacts(node, items) {
  list(node, items, (fact) => fact.key, make, () => {});
}

function make(fact) {
  const at = h("time", { class: "soft", datetime: new Date(fact.at * 1000).toISOString() }, clock(fact.at));
  at.title = moment(fact.at);
  const mark = h("span", { class: `mark ${fact.tone}` }, icon(WORDS[fact.tone] ?? "plain"), h("span", { class: "unseen" }, t(fact.tone)));
  const line = h("li", {}, at, mark, h("span", { class: "text" }));
  const text = line.lastChild;
  if (fact.session && fact.text.startsWith(`${fact.session}:`)) {
    text.append(h("a", { href: link("session", fact.session), class: "name" }, fact.session), fact.text.slice(fact.session.length));
  } else say(text, fact.text);
  return line;
}
