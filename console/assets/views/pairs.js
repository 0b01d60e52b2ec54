// Pairs with their groups: what they carry, why they wait and until when.

import { mayAct, pause, resume } from "../actions.js";
import { h, say } from "../dom.js";
import { grid } from "../grid.js";
import { badge, button, choice, matches, search, showBadge, showWaits, toLink, toSession, waitList } from "../parts.js";
import { link, place } from "../router.js";
import { rows, state } from "../store.js";
import { atHome, number } from "../time.js";
import { adviceOn, saidOf } from "../verdicts.js";
import { RANK, byName, t } from "../words.js";

/** Deadlines of its session's that hold up what waits in it. */
const heldBy = (pair) => (pair.waiting && !pair.paused ? (state.sessions[pair.session]?.waits ?? []).filter((wait) => wait.kind === "flood") : []);

function looksOf(pair) {
  if (pair.paused) return { tone: "warn", word: t("Paused") };
  if (state.groups[`${pair.session}/${pair.group}`]?.online === undefined) return { tone: "idle", word: t("Waits for its session") };
  if (!pair.ready) return { tone: "idle", word: t("Getting ready") };
  if (waitsOf(pair).some((wait) => wait.kind === "flood")) return { tone: "warn", word: t("Flood wait") };
  if (saidOf(state.verdicts[`${pair.session}/${pair.group}`], pair.key)) return { tone: "warn", word: t("Unwell") };
  return { tone: "good", word: t("Active") };
}

const waitsOf = (pair) => [...(pair.waits ?? []), ...heldBy(pair)];

/** The table of pairs; in a session's own the session is not named. */
export function pairGrid({ named, empty }) {
  return grid({
    label: t("Pairs"), kind: named ? "g-pairs named" : "g-pairs", key: (pair) => pair.key, empty,
    columns: [
      { name: "state", title: t("State") }, { name: "pair", title: t("Pair") }, ...(named ? [{ name: "session", title: t("Session and group") }] : []),
      { name: "way", title: t("From and to, and why it waits") },
      { name: "waiting", title: t("Waiting") }, { name: "delivered", title: t("Delivered") }, { name: "repeated", title: t("Repeated") }, { name: "dead", title: t("Dead") },
      { name: "do", title: t("Actions"), quiet: true },
    ],
    blank: (cells) => cells.state.append(badge()),
    make(cells, pair) {
      cells.pair.append(h("b", {}, pair.key), " ", h("span", { class: "soft" }, pair.mode));
      if (named) cells.session.append(toSession(pair.session), " ", h("span", { class: "soft" }, pair.group));
      cells.way.append(h("span", { class: "way" }, String(pair.source), h("span", { class: "soft" }, " → "), String(pair.target)), h("span", { class: "why" }), h("span", { class: "why ill" }), h("span", { class: "todo" }), waitList());
    },
    fill(cells, pair, row) {
      say(cells.way.querySelector(".why:not(.ill)"), atHome(pair.paused));
      for (const name of ["waiting", "delivered", "repeated"]) cells[name].textContent = number(pair[name]);
      if (cells.dead.rowDead !== (pair.dead ?? 0)) {
        cells.dead.rowDead = pair.dead ?? 0;
        cells.dead.replaceChildren(pair.dead ? toLink(link("dead", "", { pair: pair.key }), number(pair.dead), "bad") : number(0));
      }
      const offered = `${mayAct()} ${Boolean(pair.paused)}`;
      row.pair = pair;
      if (row.offered !== offered) {
        row.offered = offered;
        cells.do.replaceChildren(...offers(row));
      }
    },
    fillAlways(cells, pair, row) {
      const [session, group] = [state.sessions[pair.session], state.groups[`${pair.session}/${pair.group}`]];
      const verdict = state.verdicts[`${pair.session}/${pair.group}`];
      if (row.by?.[0] === pair && row.by[1] === session && row.by[2] === group && row.by[3] === verdict) return;
      row.by = [pair, session, group, verdict];
      const ill = pair.paused ? "" : saidOf(verdict, pair.key);
      say(cells.way.querySelector(".ill"), ill);
      say(cells.way.querySelector(".todo"), ill && adviceOn(verdict));
      const looks = looksOf(pair);
      row.className = `row ${looks.tone}`;
      showBadge(cells.state.firstChild, looks);
      showWaits(cells.way.querySelector(".waits"), waitsOf(pair).filter((wait) => !(pair.paused && wait.kind === "paused" && !wait.until)));
    },
  });
}

function offers(row) {
  if (!mayAct()) return [];
  const { key, paused } = row.pair;
  if (paused) return [button(t("Resume"), () => resume(row.pair), { kind: "small", label: t("Resume pair {pair}", { pair: key }) })];
  return [button(t("Pause"), () => pause(row.pair), { kind: "small", label: t("Pause pair {pair}", { pair: key }) })];
}

const STATES = {
  "": () => true,
  paused: (pair) => Boolean(pair.paused),
  waiting: (pair) => pair.waiting > 0 || waitsOf(pair).length > 0,
  dead: (pair) => pair.dead > 0,
  ailing: (pair) => looksOf(pair).tone !== "good",
};

export function pairs() {
  const table = pairGrid({ named: true, empty: t("There is no pair.") });
  const counted = h("p", { class: "soft counted", role: "status" });
  const node = h("div", {}, h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    search(t("Find a pair, chat or session")),
    choice(t("State"), "state", [["", t("all")], ["paused", t("paused")], ["waiting", t("something waits")], ["dead", t("has dead letters")], ["ailing", t("not active")]]),
    counted), table.node);

  function update(changed = null) {
    if (changed !== null && !["pairs", "groups", "sessions", "verdicts"].some((name) => changed.has(name))) return;
    const { find, state: wanted = "" } = place().filters;
    const all = rows("pairs");
    const such = STATES[wanted] ?? STATES[""];
    const shown = all.filter((pair) => such(pair) && (pair.key === find || matches(find, pair.source, pair.target, pair.session, pair.group, pair.paused)));
    const ranks = new Map(shown.map((pair) => [pair, RANK[looksOf(pair).tone]]));
    shown.sort((one, other) => ranks.get(one) - ranks.get(other) || byName(one.session, other.session) || Number(one.key) - Number(other.key));
    table.show(shown, all.length ? t("No pair is like that.") : t("There is no pair."));
    say(counted, shown.length === all.length ? t("{n} pairs", { n: number(all.length) }) : t("{shown} of {n} pairs", { shown: number(shown.length), n: number(all.length) }));
  }

  return { title: t("Pairs"), node, update };
}
