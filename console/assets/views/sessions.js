// Every session, with what needs somebody first.

import { h, say, setHidden } from "../dom.js";
import { grid } from "../grid.js";
import { badge, choice, matches, search, showBadge, toSession } from "../parts.js";
import { link, place } from "../router.js";
import { adviceOf, byUrgency, explanationOf, stepsOf, whyOf } from "../sessions_model.js";
import { rows, state } from "../store.js";
import { counting, number, point, span } from "../time.js";
import { PHASE_ORDER, byName, phaseOf, phaseWord, t } from "../words.js";

const ORDERS = {
  "": byUrgency,
  name: (one, other) => byName(one.key, other.key),
  since: (one, other) => other.since - one.since,
  recoveries: (one, other) => (other.recoveries ?? 0) - (one.recoveries ?? 0),
  waiting: (one, other) => waitingOf(other) - waitingOf(one),
};

let waitingBySession = new Map(); // messages that wait in all of its pairs
const waitingOf = (session) => waitingBySession.get(session.key) ?? 0;

export function sessions() {
  const table = grid({
    label: t("Sessions"), kind: "g-sessions", key: (one) => one.key, empty: t("No session is registered."),
    columns: [
      { name: "state", title: t("State") }, { name: "name", title: t("Session"), quiet: false }, { name: "why", title: t("Why, and what to do now") },
      { name: "since", title: t("Since") }, { name: "until", title: t("Goes on in") }, { name: "answers", title: t("Answers in") },
      { name: "recovered", title: t("Recovered") }, { name: "waiting", title: t("Waiting") }, { name: "do", title: t("Actions"), quiet: true },
    ],
    blank(cells) {
      cells.state.append(badge());
      cells.name.append(toSession(""));
      cells.why.append(h("span", { class: "why" }), h("span", { class: "todo" }));
      cells.since.append(counting("for"));
      cells.until.append(counting("left", "count"));
    },
    make(cells, one) {
      cells.name.firstChild.textContent = one.key;
      cells.name.firstChild.href = link("session", one.key);
    },
    fill(cells, one, row) {
      const looks = phaseOf(one);
      showBadge(cells.state.firstChild, looks);
      row.className = `row ${looks.tone}`;
      const [why, todo] = cells.why.children;
      say(why, looks.tone === "good" ? whyOf(one) : whyOf(one) || explanationOf(one));
      say(todo, looks.tone === "good" ? "" : adviceOf(one));
      point(cells.since.firstChild, one.since);
      point(cells.until.firstChild, one.until > state.at ? one.until : null);
      plain(cells.answers, one.probe_seconds ? span(one.probe_seconds) : "");
      plain(cells.recovered, one.recoveries ? `${number(one.recoveries)}×` : "");
      const offered = one.phase + looks.tone;
      if (row.offered !== offered) {
        row.offered = offered;
        cells.do.replaceChildren(...stepsOf(one));
      }
    },
    fillAlways: (cells, one) => plain(cells.waiting, waitingOf(one) ? number(waitingOf(one)) : ""),
  });
  const counted = h("p", { class: "soft counted", role: "status" });
  const node = h("div", {}, h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    search(t("Find a session or reason")),
    choice(t("State"), "state", [["", t("all")], ["ailing", t("not well")], ...PHASE_ORDER.map((phase) => [phase, phaseWord(phase).word])]),
    choice(t("Order"), "sort", [["", t("what is urgent")], ["name", t("name")], ["since", t("changed last")], ["recoveries", t("recovered most")], ["waiting", t("most waiting")]]),
    counted), table.node);

  function update(changed = null) {
    if (changed !== null && !changed.has("sessions") && !changed.has("pairs")) return;
    countWaiting();
    const { find, state: wanted, sort = "" } = place().filters;
    const all = rows("sessions");
    const shown = all.filter((one) => matches(find, one.key, one.reason, one.notice) && (!wanted || one.phase === wanted || (wanted === "ailing" && phaseOf(one).tone !== "good")));
    shown.sort(ORDERS[sort] ?? byUrgency);
    table.show(shown, all.length ? t("No session is like that.") : t("No session is registered."));
    say(counted, shown.length === all.length ? t("{n} sessions", { n: number(all.length) }) : t("{shown} of {n} sessions", { shown: number(shown.length), n: number(all.length) }));
    setHidden(counted, all.length === 0);
  }

  return { title: t("Sessions"), node, update };
}

// An empty cell stays where it is, or the columns would shift.
function plain(cell, text) {
  if (cell.textContent !== text) cell.textContent = text;
}

function countWaiting() {
  waitingBySession = new Map();
  for (const { session, waiting } of Object.values(state.pairs)) if (waiting) waitingBySession.set(session, (waitingBySession.get(session) ?? 0) + waiting);
}
