// What happened last, as it comes in.

import { h, setHidden } from "../dom.js";
import { facts, showFacts } from "../facts.js";
import { choice, matches, search } from "../parts.js";
import { place } from "../router.js";
import { rows } from "../store.js";
import { t } from "../words.js";

export function activity() {
  const feed = facts();
  const nothing = h("p", { class: "empty" }, t("Nothing is like that."));
  const node = h("div", {}, h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    search(t("Find in what happened")), choice(t("Show"), "tone", [["", t("all")], ["bad", t("what went wrong")], ["good", t("what went well")]])), h("div", { class: "panel tall" }, feed, nothing));

  function update(changed = null) {
    if (changed !== null && !changed.has("facts")) return;
    const { find, tone } = place().filters;
    const shown = rows("facts").filter((fact) => (!tone || fact.tone === tone) && matches(find, fact.text, fact.kind)).reverse();
    showFacts(feed, shown);
    setHidden(nothing, shown.length > 0);
  }

  return { title: t("What happened"), node, update };
}
