// Is all well, what needs somebody, what goes on by itself, and how the day went.

import { CHARTS } from "../chart.js";
import { h, icon, list, say, setHidden } from "../dom.js";
import { facts, showFacts } from "../facts.js";
import { badge, section, showBadge, showWaits, toLink, toSession, waitList } from "../parts.js";
import { day } from "../day.js";
import { filter, link, place } from "../router.js";
import { rows, state } from "../store.js";
import { counting, number, point } from "../time.js";
import { tree } from "../tree.js";
import { RANK, phaseOf, phaseWord, t, waitTone, PHASE_ORDER } from "../words.js";
import { remedies } from "../sessions_model.js";

const SHOWN = 8;

export function overview() {
  const verdict = h("p", { class: "verdict" }, icon("idle"), h("span", {}));
  const phases = h("ul", { class: "phases", "aria-label": t("Sessions by state") });
  const bar = h("div", { class: "phase-bar", "aria-hidden": "true" });
  const figures = h("dl", { class: "figures" });
  const needs = h("ul", { class: "needs" });
  const calm = h("p", { class: "empty" }, t("Nothing needs you."));
  const moreNeeds = h("p", { class: "more" });
  const waits = waitList();
  const noWaits = h("p", { class: "empty" }, t("Nothing waits."));
  const moreWaits = h("p", { class: "more soft" });
  const floods = h("ul", { class: "floods" });
  const noFloods = h("p", { class: "empty" }, t("Telegram has asked nobody to wait."));
  const charts = CHARTS();
  const ranges = h("div", { class: "ranges", role: "group", "aria-label": t("Span of the charts") },
    [["60", "1 h"], ["360", "6 h"], ["", "24 h"]].map(([value, word]) => h("button", { type: "button", class: "chip", "data-range": value, onclick: () => filter({ minutes: value }) }, word)));
  const feed = facts();
  const grown = tree();

  const node = h("div", { class: "overview" },
    h("section", { class: "panel top-line", "aria-label": t("State of the whole") }, verdict, bar, phases, figures),
    h("section", {}, h("div", { class: "section-head" }, h("h2", {}, t("The last day")), ranges), h("div", { class: "charts panel" }, charts.map((one) => one.node))),
    h("div", { class: "columns" },
      h("div", { class: "stack" },
        section(t("Needs you"), h("div", { class: "panel" }, needs, calm, moreNeeds)),
        h("div", { class: "stack" },
          section(t("Waits, and goes on by itself"), h("div", { class: "panel" }, waits, noWaits, moreWaits)),
          section(t("Flood waits"), h("div", { class: "panel" }, floods, noFloods)))),
      h("div", { class: "stack" },
        section(t("Supervision tree"), h("div", { class: "panel" }, grown.node)),
        section(t("What happened"), h("div", { class: "panel" }, feed, h("p", { class: "more" }, toLink(link("activity"), t("All of it"))))))));

  function update(changed = null, lit = []) {
    const has = (...tables) => changed === null || tables.some((table) => changed.has(table));
    if (has("sessions", "pairs", "tree")) showTop(changed);
    if (has("waits")) {
      const all = rows("waits").filter((wait) => waitTone(wait) === "warn");
      showWaits(waits, all.slice(0, SHOWN), { named: true });
      setHidden(noWaits, all.length > 0);
      say(moreWaits, all.length > SHOWN ? t("{n} more", { n: number(all.length - SHOWN) }) : "");
    }
    if (has("floods")) showFloods();
    if (has("facts")) showFacts(feed, rows("facts").reverse().slice(0, 14));
    if (has("tree")) grown.show();
    if (lit.length) grown.light(lit);
    if (changed === null || changed.has("points")) {
      const minutes = Number(place().filters.minutes || 1440);
      for (const one of charts) one.show(day.series, minutes);
      for (const one of ranges.children) one.setAttribute("aria-pressed", String(one.dataset.range === (place().filters.minutes ?? "")));
    }
    showFigures();
  }

  function showTop() {
    const sessions = rows("sessions");
    const online = sessions.filter((one) => phaseOf(one).tone === "good").length;
    const problems = remedies();
    const tone = problems.some((one) => one.tone === "bad") ? "bad" : online < sessions.length ? "warn" : "good";
    verdict.className = `verdict ${tone}`;
    verdict.firstChild.firstChild.setAttribute("href", `#i-${tone}`);
    say(verdict.lastChild, sessions.length === 0 ? t("No session is registered.") : online === sessions.length ? t(online === 1 ? "The session is online." : "All {n} sessions are online.", { n: number(online) }) : t("{online} of {n} sessions are online.", { online: number(online), n: number(sessions.length) }));
    showPhases(sessions);
    list(needs, problems.slice(0, SHOWN), (one) => one.key, makeNeed, fillNeed);
    setHidden(needs, problems.length === 0);
    setHidden(calm, problems.length > 0);
    say(moreNeeds, problems.length > SHOWN ? t("{n} more", { n: number(problems.length - SHOWN) }) : "");
  }

  function showPhases(sessions) {
    const counts = new Map();
    for (const one of sessions) counts.set(one.phase, (counts.get(one.phase) ?? 0) + 1);
    const items = [...counts].map(([phase, count]) => ({ phase, count, ...phaseWord(phase) }));
    items.sort((one, other) => RANK[other.tone] - RANK[one.tone] || PHASE_ORDER.indexOf(one.phase) - PHASE_ORDER.indexOf(other.phase));
    list(phases, items, (one) => one.phase, (one) => h("li", {}, h("a", { href: link("sessions", "", { state: one.phase }) }, badge(), h("b", {}))), (item, one) => {
      showBadge(item.querySelector(".badge"), one);
      say(item.querySelector("b"), number(one.count));
    });
    list(bar, items, (one) => one.phase, () => h("span", {}), (piece, one) => {
      piece.className = one.tone;
      piece.style.setProperty("flex-grow", one.count);
    });
  }

  function showFigures() {
    const count = state.top.counters;
    const pairs = Object.values(state.pairs);
    const paused = pairs.filter((pair) => pair.paused).length;
    const items = [
      [t("Alerts"), number(Object.keys(state.alerts).length), Object.keys(state.silences).length ? t("{n} silenced", { n: number(Object.keys(state.silences).length) }) : "", link("alerts")],
      [t("Pairs"), number(pairs.length), paused ? t("{n} paused", { n: number(paused) }) : "", link("pairs")],
      [t("Forwarded"), number(count.forwarded), count.repeated ? t("{n} repeated", { n: number(count.repeated) }) : "", ""],
      [t("Waiting"), number(count.waiting), "", link("pairs", "", { state: "waiting" })],
      [t("Dead letters"), number(pairs.reduce((sum, pair) => sum + (pair.dead ?? 0), 0)), "", link("dead")],
      [t("Recoveries"), number(count.recoveries), "", ""],
      [t("Restarts"), number(count.restarts), count.quarantines ? t("{n} quarantined", { n: number(count.quarantines) }) : "", link("tree")],
    ];
    list(figures, items, (item) => item[0], ([name, , , to]) => h("div", {}, h("dt", {}, to ? toLink(to, name) : name), h("dd", {}, h("span", {}), " ", h("small", {}))), (item, [, value, rest]) => {
      say(item.querySelector("span"), value);
      say(item.querySelector("small"), rest);
    });
  }

  function showFloods() {
    const all = rows("floods").sort((one, other) => one.until - other.until);
    list(floods, all.slice(0, SHOWN), (one) => one.key, (one) => h("li", {}, icon("warn", "warn"), h("span", { class: "grow" }, toSession(one.session), " ", h("code", {}, one.method)), counting("left", "count"), h("span", { class: "soft" }, t("left"))), (item, one) => point(item.querySelector("time"), one.until));
    setHidden(floods, all.length === 0);
    setHidden(noFloods, all.length > 0);
  }

  return { title: t("Overview"), node, update };
}

function makeNeed() {
  return h("li", { class: "need" }, h("p", { class: "need-head" }, badge(), h("a", { class: "name" }), h("span", { class: "soft" }, t("for"), " ", counting("for"))), h("p", { class: "why" }), h("p", { class: "todo" }, icon("do"), h("span", {})), h("div", { class: "need-do" }));
}

function fillNeed(item, one) {
  showBadge(item.querySelector(".badge"), one);
  const name = item.querySelector(".name");
  say(name, one.name);
  name.setAttribute("href", one.href);
  item.querySelector(".need-head .soft").hidden = !one.since;
  point(item.querySelector("time"), one.since);
  say(item.querySelector(".why"), one.why);
  const todo = item.querySelector(".todo");
  setHidden(todo, !one.advice);
  if (one.advice) say(todo.lastChild, one.advice);
  item.querySelector(".need-do").replaceChildren(...one.buttons());
}
