// What a session's state means, and what somebody has to do now.

import { get } from "./api.js";
import { logInTo, mayAct, recover, resume } from "./actions.js";
import { button } from "./parts.js";
import { link } from "./router.js";
import { row, rows, state } from "./store.js";
import { atHome } from "./time.js";
import { adviceOn, explainReasons, inWords } from "./verdicts.js";
import { RANK, byName, phaseOf, placeOf, t, unwell } from "./words.js";

let meanings = { phases: {}, healths: {} };

/** What each state means, in the reader's language. */
export async function loadMeanings() {
  meanings = await get("api/words");
  explainReasons(meanings.reasons);
}

const ailing = (session) => unwell(session) && session.health !== "healthy"; // itself, not only a group of it

export function explanationOf(session) {
  const meaning = ailing(session) ? meanings.healths[session.health] : meanings.phases[session.phase];
  return meaning?.explanation ?? "";
}

/** What to do now; empty where there is nothing to do. */
export function adviceOf(session) {
  if (unwell(session)) return ailing(session) ? (meanings.healths[session.health]?.advice ?? "") : adviceOn(session.ill[0]);
  const meaning = meanings.phases[session.phase];
  return meaning?.advice_needed ? meaning.advice : "";
}

/** Why, in its own words: the reason, and what Telegram has told. */
export const whyOf = (session) => [session.reason, session.notice, ...(session.account?.facts ?? []).map((fact) => fact.explanation), ...(session.ill ?? []).map(inWords)].filter(Boolean).join(" · ");

const LOGIN = new Set(["registered", "needs_login", "awaiting_code", "awaiting_email", "awaiting_password", "awaiting_qr"]);
export const wantsLogin = (session) => LOGIN.has(session.phase);

/** The one step that is most likely to help. */
export function stepsOf(session) {
  if (!mayAct()) return [];
  const { key } = session;
  if (wantsLogin(session)) return [button(t("Log in"), () => logInTo(key), { kind: "small", label: t("Log in {session}", { session: key }) })];
  if (phaseOf(session).tone === "bad" || unwell(session))
    return [button(t("Recover"), () => recover(key), { kind: "small", label: t("Recover {session}", { session: key }) })];
  return [];
}

/** What comes first: what needs somebody, then what goes on by itself, then by name. */
export function byUrgency(one, other) {
  return RANK[phaseOf(one).tone] - RANK[phaseOf(other).tone] || byName(one.key, other.key);
}

/** Everything that needs somebody: sessions, parts of the tree, pairs that pause by themselves, what is dead. */
export function remedies() {
  const found = [];
  for (const session of rows("sessions")) {
    const looks = phaseOf(session);
    if (looks.tone === "bad" || (wantsLogin(session) && session.phase !== "registered") || unwell(session))
      found.push(session.need ??= { ...looks, key: `s/${session.key}`, name: session.key, href: link("session", session.key), since: session.since, why: whyOf(session) || explanationOf(session), advice: adviceOf(session), buttons: () => stepsOf(session) });
  }
  for (const [path, place] of Object.entries(state.tree)) {
    if (place.state !== "quarantined" || /^sessions\/session:[^/]+$/.test(path)) continue;
    const known = row("tree", path);
    found.push(known.need ??= { ...placeOf(place), key: `t/${path}`, name: path, href: link("tree", "", { find: path }), since: place.since, why: place.why, advice: t("Run diagnostics, remove the cause, then recover it."), buttons: () => [] });
  }
  for (const pair of rows("pairs")) {
    if (!pair.paused) continue;
    found.push(pair.need ??= { tone: "warn", word: t("Paused"), key: `p/${pair.key}`, name: t("Pair {pair}", { pair: pair.key }), href: link("pairs", "", { find: pair.key }), since: pair.waits?.find((wait) => wait.kind === "paused")?.since, why: atHome(pair.paused), advice: t("Resume it when its cause is gone."), buttons: () => (mayAct() ? [button(t("Resume"), () => resume(pair), { kind: "small", label: t("Resume pair {pair}", { pair: pair.key }) })] : []) });
  }
  return found.sort((one, other) => RANK[one.tone] - RANK[other.tone]);
}
