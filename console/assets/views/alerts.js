// What is firing, what to do about it, what is silenced, and how those who are told are.

import { mayAct, resumeTelling, silence, testChannel } from "../actions.js";
import { h, icon, list, say, sayWithCode, setHidden } from "../dom.js";
import { badge, button, choice, matches, search, section, showBadge, toLink, toSession } from "../parts.js";
import { link, place } from "../router.js";
import { rows, state } from "../store.js";
import { counting, number, point } from "../time.js";
import { byName, severityOf, t } from "../words.js";

const FOREVER = 1e11; // epoch seconds; what is later has no end
const GRAVITY = { critical: 0, warning: 1, info: 2 };

export function alerts() {
  const firing = h("ul", { class: "needs", "aria-label": t("Alerts that fire") });
  const calm = h("p", { class: "empty" });
  const silences = h("ul", { class: "floods", "aria-label": t("Silences") });
  const noSilence = h("p", { class: "empty" }, t("Nothing is silenced."));
  const channels = h("ul", { class: "floods", "aria-label": t("Channels") });
  const noChannel = h("p", { class: "empty" }, t("No channel is configured: nobody is told but who looks here."));
  const counted = h("p", { class: "soft counted", role: "status" });
  const node = h("div", {}, h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    search(t("Find an alert or session")), choice(t("How grave"), "severity", [["", t("all")], ["critical", t("critical")], ["warning", t("warning")], ["info", t("information")]]), counted),
  h("div", { class: "columns two" },
    section(t("Firing"), h("div", { class: "panel" }, firing, calm)),
    h("div", {}, section(t("Silenced"), h("div", { class: "panel" }, silences, noSilence)), section(t("Who is told"), h("div", { class: "panel" }, channels, noChannel)))));

  function update(changed = null) {
    if (changed !== null && !["alerts", "silences", "channels"].some((table) => changed.has(table))) return;
    const { find, severity } = place().filters;
    const all = rows("alerts");
    const shown = all.filter((one) => (!severity || one.severity === severity) && matches(find, one.key, one.explanation, one.detail));
    shown.sort((one, other) => GRAVITY[one.severity] - GRAVITY[other.severity] || one.since - other.since || byName(one.key, other.key));
    list(firing, shown, (one) => one.key, makeAlert, fillAlert);
    setHidden(firing, shown.length === 0);
    say(calm, shown.length ? "" : all.length ? t("No alert is like that.") : t("Nothing is firing."));
    say(counted, all.length ? t("{shown} of {n}", { shown: number(shown.length), n: number(all.length) }) : "");
    list(silences, rows("silences"), (one) => one.key, makeSilence, (item, one) => showEnd(item, one.until));
    setHidden(noSilence, Object.keys(state.silences).length > 0);
    list(channels, rows("channels"), (one) => one.key, makeChannel, fillChannel);
    setHidden(noChannel, Object.keys(state.channels).length > 0);
  }

  return { title: t("Alerts"), node, update };
}

function makeAlert(one) {
  return h("li", { class: "need" },
    h("p", { class: "need-head" }, badge(), h("b", {}, one.name), one.subject ? subjectOf(one) : null, h("span", { class: "soft" }, t("for"), " ", counting("for"))),
    h("p", {}, h("span", { class: "what" }), " ", h("span", { class: "why" })),
    h("p", { class: "todo" }, icon("do"), h("span", {})),
    h("p", { class: "soft told-to" }),
    mayAct() ? h("div", { class: "need-do" }, button(t("Silence"), () => silence(one.key), { kind: "small", label: t("Silence {name}", { name: one.key }) })) : null);
}

function subjectOf({ name, subject }) {
  const pair = /^pair (\d+)/.exec(subject)?.[1];
  if (pair) return toLink(link(name === "DeadLetters" ? "dead" : "pairs", "", name === "DeadLetters" ? { pair } : { find: pair }), subject, "name");
  return state.sessions[subject] ? toSession(subject) : h("span", { class: "name" }, subject);
}

function fillAlert(item, one) {
  showBadge(item.querySelector(".badge"), severityOf(one));
  point(item.querySelector("time"), one.since);
  say(item.querySelector(".what"), one.explanation);
  say(item.querySelector(".why"), one.detail);
  sayWithCode(item.querySelector(".todo").lastChild, one.advice);
  say(item.querySelector(".told-to"), one.told ? t("Told: {names}", { names: one.told.join(", ") }) : t("Nobody has been told yet."));
}

function makeSilence(one) {
  return h("li", {}, icon("idle", "idle"), h("span", { class: "grow" }, one.key), h("span", { class: "end-of" }, counting("left", "count"), h("span", { class: "soft" })),
    mayAct() ? button(t("Tell again"), () => resumeTelling(one.key), { kind: "small", label: t("Tell of {name} again", { name: one.key }) }) : h("span", {}));
}

function showEnd(item, until) {
  const ends = until < FOREVER;
  point(item.querySelector("time"), ends ? until : null);
  say(item.querySelector(".end-of").lastChild, ends ? ` ${t("left")}` : t("until it is told again"));
}

function makeChannel(one) {
  return h("li", {}, badge(), h("span", { class: "grow" }, h("b", {}, one.key), " ", h("span", { class: "soft" }, one.kind), h("span", { class: "why" })), h("span", { class: "soft" }),
    mayAct() ? button(t("Test"), () => testChannel(one.key), { kind: "small", label: t("Send a test by {name}", { name: one.key }) }) : h("span", {}));
}

function fillChannel(item, one) {
  const looks = one.problem ? { tone: "bad", word: t("does not get through") } : one.muted_until ? { tone: "idle", word: t("silenced") } : { tone: "good", word: t("tells") };
  showBadge(item.firstChild, looks);
  say(item.querySelector(".why"), one.problem);
  say(item.children[2], one.waiting ? t("{n} waiting", { n: number(one.waiting) }) : "");
}
