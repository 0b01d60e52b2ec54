// What takes a while, and how far it is.

import { h, say, setHidden } from "../dom.js";
import { grid } from "../grid.js";
import { badge, choice, matches, search, showBadge, toSession } from "../parts.js";
import { place } from "../router.js";
import { rows } from "../store.js";
import { counting, number, point } from "../time.js";
import { operationOf, t } from "../words.js";

export function operations() {
  const table = grid({
    label: t("Operations"), kind: "g-operations", key: (one) => one.key, empty: t("No operation yet."),
    columns: [
      { name: "state", title: t("State") }, { name: "what", title: t("What") }, { name: "session", title: t("Session") }, { name: "progress", title: t("Progress") },
      { name: "who", title: t("By") }, { name: "started", title: t("Began") }, { name: "took", title: t("Took") },
    ],
    blank: (cells) => cells.state.append(badge()),
    make(cells, one) {
      cells.what.append(h("b", {}, one.kind), " ", h("span", { class: "soft" }, `#${one.key}`), h("span", { class: "why" }), h("span", { class: "todo" }));
      if (one.session) cells.session.append(toSession(one.session));
      cells.progress.append(h("progress", { max: 1, "aria-label": t("Progress of {name}", { name: `${one.kind} ${one.key}` }) }), h("span", { class: "soft" }));
      cells.who.textContent = one.who ?? "";
      cells.started.append(counting("ago"));
      cells.took.append(counting("for"), h("span", {}));
    },
    fill(cells, one, row) {
      const looks = operationOf(one);
      row.className = `row ${looks.tone}`;
      showBadge(cells.state.firstChild, looks);
      say(cells.what.querySelector(".why"), one.description);
      say(cells.what.querySelector(".todo"), one.error);
      const [bar, steps] = cells.progress.children;
      setHidden(bar, one.state !== "running");
      bar.value = one.progress ?? 0;
      say(steps, one.steps ? t("{step} of {steps}", { step: number(one.step), steps: number(one.steps) }) : `${Math.round((one.progress ?? 0) * 100)} %`);
      point(cells.started.firstChild, one.started);
      const [running, took] = cells.took.children;
      point(running, one.ended ? null : one.started);
      say(took, one.ended ? t("{n} s", { n: number(Math.round((one.ended - one.started) * 10) / 10) }) : "");
    },
  });
  const counted = h("p", { class: "soft counted", role: "status" });
  const node = h("div", {}, h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    search(t("Find an operation")),
    choice(t("State"), "state", [["", t("all")], ["running", t("running")], ["finished", t("finished")], ["failed", t("failed")], ["cancelled", t("cancelled")]]), counted), table.node);

  function update(changed = null) {
    if (changed !== null && !changed.has("operations")) return;
    const { find, state: wanted } = place().filters;
    const all = rows("operations");
    const shown = all.filter((one) => (!wanted || one.state === wanted) && matches(find, one.kind, one.session, one.description, one.error, one.who));
    shown.sort((one, other) => (other.state === "running") - (one.state === "running") || Number(other.key) - Number(one.key));
    table.show(shown, all.length ? t("No operation is like that.") : t("No operation yet."));
    say(counted, t("{shown} of {n}", { shown: number(shown.length), n: number(all.length) }));
  }

  return { title: t("Operations"), node, update };
}
