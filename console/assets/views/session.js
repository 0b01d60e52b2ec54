// One session: how it is, what to do now, its pairs, its part of the tree, its life so far.

import { logInTo, logOutOf, mayAct, recover, renew, restart } from "../actions.js";
import { command } from "../api.js";
import { h, icon, list, say, setHidden } from "../dom.js";
import { badge, button, section, showBadge, showWaits, toLink, waitList } from "../parts.js";
import { link, place } from "../router.js";
import { adviceOf, explanationOf, wantsLogin, whyOf } from "../sessions_model.js";
import { row, rows, state } from "../store.js";
import { counting, moment, number, point, span, when } from "../time.js";
import { tree } from "../tree.js";
import { showVerdicts, verdictList } from "../verdicts.js";
import { phaseOf, t } from "../words.js";
import { pairGrid } from "./pairs.js";

const QUIET = 700; // milliseconds between what happens and the next look at the timeline

export function session() {
  const { name } = place();
  const missing = h("p", { class: "empty" }, t("No session is called {name}.", { name }));
  const mark = badge();
  const since = counting("for");
  const explains = h("p", { class: "explains" });
  const why = h("p", { class: "why" });
  const todo = h("p", { class: "todo" }, icon("do"), h("span", {}, h("b", {}, t("What to do now:")), " ", h("span", {})));
  const actions = h("div", { class: "actions", role: "group", "aria-label": t("Actions") });
  const figures = h("dl", { class: "figures" });
  const told = h("ul", { class: "told", "aria-label": t("What Telegram tells of the account") });
  const waits = waitList();
  const found = verdictList();
  const pairs = pairGrid({ named: false, empty: t("It has no pair.") });
  const grown = tree({ from: `sessions/session:${name}`, actions: true });
  const timeline = h("ol", { class: "timeline" });
  const noTime = h("p", { class: "empty" }, t("Nothing is known of it yet."));
  let timer = 0;
  let offered = "";

  const body = h("div", { class: "one-session" },
    h("section", { class: "panel top-line", "aria-label": t("How it is") }, h("p", { class: "one-head" }, mark, h("span", { class: "soft" }, t("for"), " ", since)), explains, why, todo, told, actions, figures, found, waits),
    h("div", { class: "columns two" },
      h("div", {}, section(t("Pairs"), pairs.node), section(t("Its part of the tree"), h("div", { class: "panel" }, grown.node))),
      section(t("Timeline"), h("div", { class: "panel" }, timeline, noTime))));
  const node = h("div", {}, h("p", { class: "crumbs" }, toLink(link("sessions"), t("Sessions")), " / ", name), missing, body);

  function update(changed = null, lit = []) {
    const one = row("sessions", name);
    setHidden(missing, one !== null);
    setHidden(body, one === null);
    if (one === null) return;
    showHead(one);
    if (changed === null || ["pairs", "sessions", "verdicts"].some((name) => changed.has(name))) pairs.show(rows("pairs").filter((pair) => pair.session === name));
    if (changed === null || changed.has("tree")) grown.show();
    if (lit.length) grown.light(lit);
    if (changed === null) remember();
    else if (changed.has("facts") && [...changed.get("facts")].some((key) => isAbout(state.facts[key]))) {
      clearTimeout(timer);
      timer = setTimeout(remember, QUIET);
    }
  }

  const isAbout = (fact) => fact?.session === name || `${fact?.child}/`.startsWith(`sessions/session:${name}/`);

  function showHead(one) {
    const looks = phaseOf(one);
    showBadge(mark, looks);
    point(since, one.since);
    say(explains, explanationOf(one));
    say(why, whyOf(one));
    const advice = adviceOf(one);
    setHidden(todo, !advice);
    if (advice) say(todo.querySelector("span > span"), advice);
    showTold(one.account?.facts ?? []);
    showVerdicts(found, rows("verdicts").filter((verdict) => verdict.session === name), advice);
    showWaits(waits, one.waits ?? []);
    const items = [
      [t("answers in"), one.probe_seconds ? span(one.probe_seconds) : ""],
      [t("last update"), one.last_update ? when(one.last_update) : ""],
      [t("recovered"), one.recoveries ? `${number(one.recoveries)}×` : ""],
      [t("last by"), one.rung],
      [t("parked"), one.parked ? number(one.parked) : ""],
      [t("worker groups"), one.groups ? number(one.groups) : ""],
      [t("limited until"), one.limited_until ? when(one.limited_until) : ""],
    ].filter(([, value]) => value);
    list(figures, items, (item) => item[0], ([label]) => h("div", {}, h("dt", {}, label), h("dd", {})), (item, [, value]) => say(item.lastChild, value));
    const wanted = `${mayAct()} ${one.phase}`;
    if (offered !== wanted) {
      offered = wanted;
      actions.replaceChildren(...(mayAct() ? offers(one) : []));
      setHidden(actions, !mayAct());
    }
  }

  function showTold(known) {
    setHidden(told, known.length === 0);
    list(told, known, (fact) => `${fact.explanation}/${fact.until}/${fact.advice}`, (fact) => h("li", {}, icon("warn", "warn"), h("span", {}, h("b", {}, fact.explanation), fact.until ? ` ${t("until {time}", { time: when(fact.until) })} ` : " ", fact.advice ?? "", fact.url ? [" ", h("a", { href: fact.url, rel: "noreferrer" }, fact.url)] : null)), () => {});
  }

  function offers(one) {
    const login = wantsLogin(one);
    return [
      login ? button(t("Log in"), () => logInTo(name), { kind: "primary", picture: "key" }) : null,
      button(t("Recover"), () => recover(name), { picture: "again" }),
      button(t("Restart"), () => restart(name), { picture: "crash" }),
      login ? null : button(t("Renew login"), () => renew(name), { picture: "key" }),
      login ? null : button(t("End login"), () => logOutOf(name), { kind: "danger" }),
    ].filter(Boolean);
  }

  async function remember() {
    let moments = [];
    try {
      ({ moments } = await command("history", { session: name, limit: 100 }));
    } catch (refusal) {
      say(noTime, refusal.message);
    }
    const newest = moments.map((one, place) => ({ ...one, key: `${one.at}/${one.kind}/${one.what}/${place}` })).reverse();
    list(timeline, newest, (one) => `${one.at}/${one.kind}/${one.what}`, makeMoment, () => {});
    setHidden(noTime, newest.length > 0);
  }

  return { title: name, node, update, unmount: () => clearTimeout(timer) };
}

const KINDS = { event: "plain", audit: "person", operation: "again", backup: "copy" };
const WORDS = { event: "event", audit: "order", operation: "operation", backup: "backup" };

function makeMoment(one) {
  const at = h("time", { class: "soft", datetime: new Date(one.at * 1000).toISOString() }, when(one.at));
  at.title = moment(one.at);
  return h("li", { class: one.kind }, icon(KINDS[one.kind] ?? "plain"), h("span", { class: "unseen" }, t(WORDS[one.kind] ?? one.kind)), h("span", { class: "text" }, one.what), at);
}
