// Who changed what, from which value to which, and how it went.

import { command } from "../api.js";
import { h, say, setHidden } from "../dom.js";
import { grid } from "../grid.js";
import { button, choice, search } from "../parts.js";
import { place } from "../router.js";
import { now, when } from "../time.js";
import { t } from "../words.js";

const PAGE = 100;
const SPANS = [["", "any time"], ["3600", "the last hour"], ["86400", "the last day"], ["604800", "the last week"]];

export function audit() {
  let kept = [];
  let asked = "";
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const more = button(t("Older"), () => fetchPage(kept.at(-1)?.at), { kind: "quiet" });
  const table = grid({
    label: t("Audit trail"), kind: "g-audit", key: (one) => one.key, empty: t("Nothing is like that."),
    columns: [
      { name: "at", title: t("When") }, { name: "who", title: t("Who") }, { name: "what", title: t("What") }, { name: "subject", title: t("Of") },
      { name: "change", title: t("From and to") }, { name: "outcome", title: t("How it went") },
    ],
    fill(cells, one, row) {
      cells.at.textContent = when(one.at);
      for (const name of ["who", "what", "subject", "outcome"]) cells[name].textContent = one[name] ?? "";
      cells.change.textContent = [one.before, one.after].filter((value) => value !== null && value !== undefined).map(brief).join(" → ");
      row.className = `row ${one.outcome === "done" || one.outcome === "ok" ? "" : "odd"}`;
    },
  });
  const node = h("div", {}, h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    search(t("Who"), "who"), search(t("What"), "what"), search(t("Of which session or pair"), "subject"),
    choice(t("Since"), "since", SPANS.map(([value, word]) => [value, t(word)])), button(t("Look again"), () => fetchPage(), { picture: "again" })), trouble, table.node, h("p", { class: "more" }, more));

  async function fetchPage(before) {
    const { who, what, subject, since } = place().filters;
    const wanted = { limit: PAGE, ...(who && { who }), ...(what && { what }), ...(subject && { subject }), ...(since && { since: now() - Number(since) }), ...(before && { before }) };
    try {
      const { rows } = await command("audit", wanted);
      say(trouble, "");
      const fresh = rows.map((one) => ({ ...one, key: `${one.at}/${one.who}/${one.what}/${one.subject}` }));
      kept = before ? [...kept, ...fresh] : fresh;
      setHidden(more.parentNode, fresh.length < PAGE);
    } catch (refusal) {
      say(trouble, refusal.message);
    }
    table.show(kept);
  }

  function update(changed = null) {
    if (changed !== null && asked === location.hash) return;
    asked = location.hash;
    fetchPage();
  }

  return { title: t("Audit"), node, update };
}

function brief(value) {
  const text = typeof value === "object" ? Object.entries(value).filter(([, one]) => one !== "").map(([name, one]) => `${name}: ${typeof one === "object" ? JSON.stringify(one) : one}`).join(", ") : String(value);
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}
