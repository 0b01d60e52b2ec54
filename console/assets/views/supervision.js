// The whole supervision tree.

import { h } from "../dom.js";
import { choice, search } from "../parts.js";
import { place } from "../router.js";
import { tree } from "../tree.js";
import { t } from "../words.js";

export function supervision() {
  const grown = tree({ wanted: () => place().filters.find ?? "", onlyAiling: () => place().filters.state === "ailing", actions: true });
  const node = h("div", {}, h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    search(t("Find a part")), choice(t("Show"), "state", [["", t("all")], ["ailing", t("not running, or crashed lately")]])), h("div", { class: "panel tall" }, grown.node));

  function update(changed = null, lit = []) {
    if (changed === null || changed.has("tree")) grown.show();
    if (lit.length) grown.light(lit);
  }

  return { title: t("Supervision tree"), node, update };
}
