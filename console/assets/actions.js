// What an operator may do, each asked for before it is done. Who may only look is offered none of
// it; the warden refuses it as well.

import { command } from "./api.js";
import { ask, field, note, open } from "./dialogs.js";
import { h } from "./dom.js";
import { signIn } from "./sign_in.js";
import { atHome, when } from "./time.js";
import { t } from "./words.js";

/** Who the reader is; set when that is known. */
export const reader = { role: null, name: "" };
export const mayAct = () => reader.role === "operator";

async function carryOut(name, parameters, said) {
  const result = await command(name, parameters);
  note(typeof said === "function" ? said(result) : said);
  return result;
}

export function restart(session) {
  return ask({
    title: t("Restart {session}?", { session }),
    text: t("Its actor is stopped as by a crash, and its supervisor starts it again. What is on its way waits and is not lost."),
    action: t("Restart"),
    does: () => carryOut("drill", { child: `sessions/session:${session}/session` }, t("{session} restarts.", { session })),
  });
}

export function restartPart(path) {
  return ask({
    title: t("Restart {path}?", { path }),
    text: t("It is stopped as by a crash, and its supervisor starts it again."),
    action: t("Restart"),
    does: () => carryOut("drill", { child: path }, t("{path} restarts.", { path })),
  });
}

export function recover(session) {
  return ask({
    title: t("Recover {session} now?", { session }),
    text: t("It climbs the recovery ladder at once, whatever it waits for. A flood that Telegram asked for is kept to."),
    action: t("Recover"),
    does: () => carryOut("recover", { session }, t("{session} was asked to recover.", { session })),
  });
}

export const logInTo = (session) => signIn(session, { beside: false });

export function renew(session) {
  return ask({
    title: t("Renew the login of {session}?", { session }),
    text: t("A new login begins beside the present one, which works on until the new one has succeeded."),
    action: t("Begin"),
    does: () => command("renew", { session }),
  }).then((begun) => begun && signIn(session, { beside: true }));
}

export function logOutOf(session) {
  return ask({
    title: t("End the login of {session}?", { session }),
    text: t("It ends at Telegram, for good, after a backup. Pairs and what waits in them stay."),
    action: t("End the login"),
    danger: true,
    does: () => carryOut("logout", { session }, t("{session} is logged out.", { session })),
  });
}

const LENGTHS = [["", "until somebody resumes it"], ["15m", "15 minutes"], ["1h", "1 hour"], ["2h", "2 hours"], ["8h", "8 hours"], ["24h", "24 hours"]];

export function pause(pair) {
  const length = h("select", { name: "seconds", class: "field" }, LENGTHS.map(([value, word]) => h("option", { value }, t(word))));
  return ask({
    title: t("Pause pair {pair}?", { pair: pair.key }),
    text: [`${pair.source} → ${pair.target}`, t("What is said meanwhile is not lost; it is forwarded afterwards.")],
    fields: [field(t("Reason"), h("input", { name: "reason", class: "field", maxlength: 200, autocomplete: "off" }), t("Shown wherever the pair is.")), field(t("How long"), length)],
    action: t("Pause"),
    does: ({ reason, seconds }) =>
      carryOut("pairs pause", { pair: Number(pair.key), reason, ...(seconds ? { seconds } : {}) }, t("Pair {pair} is paused.", { pair: pair.key })),
  });
}

export function resume(pair) {
  return ask({
    title: t("Resume pair {pair}?", { pair: pair.key }),
    text: [`${pair.source} → ${pair.target}`, pair.paused ? t("It is paused: {reason}", { reason: atHome(pair.paused) }) : ""].filter(Boolean),
    action: t("Resume"),
    does: () => carryOut("pairs resume", { pair: Number(pair.key) }, t("Pair {pair} goes on.", { pair: pair.key })),
  });
}

const SILENT = [["15m", "15 minutes"], ["1h", "1 hour"], ["2h", "2 hours"], ["8h", "8 hours"], ["24h", "24 hours"]];

export function silence(name) {
  const length = h("select", { name: "seconds", class: "field" }, SILENT.map(([value, word]) => h("option", { value, selected: value === "1h" }, t(word))));
  return ask({
    title: t("Silence {name}?", { name }),
    text: t("Nobody is told of it meanwhile. What is still true then is told."),
    fields: [field(t("How long"), length)],
    action: t("Silence"),
    does: ({ seconds }) => carryOut("alerts silence", { name, seconds }, t("Nobody is told of {name} for a while.", { name })),
  });
}

export function resumeTelling(name) {
  return ask({
    title: t("Tell of {name} again?", { name }),
    text: t("What is true now is told at once."),
    action: t("Tell again"),
    does: () => carryOut("alerts resume", { name }, t("{name} is told again.", { name })),
  });
}

export function testChannel(channel) {
  return ask({
    title: t("Send a test by {name}?", { name: channel }),
    text: t("Everybody who reads there gets it."),
    action: t("Send"),
    does: async () => {
      const { channels } = await command("alerts test", { channel });
      const failed = channels.find((one) => !one.sent);
      note(failed ? failed.problem : t("The test was sent."), failed ? "bad" : "good");
    },
  });
}

/** What a dead letter holds, as Telegram has it now: nothing of it is kept here. */
export async function readDead(letter) {
  const body = h("div", { class: "letter" }, h("p", { class: "soft", role: "status" }, t("Telegram is asked …")));
  open(t("Message {message} of pair {pair}", { message: letter.source_id, pair: letter.pair }), body);
  try {
    const found = await command("pairs read", { pair: letter.pair, message: letter.source_id });
    const facts = [found.kind, found.at ? when(found.at) : "", found.edited ? t("edited {time}", { time: when(found.edited) }) : ""].filter(Boolean);
    body.replaceChildren(
      found.gone ? h("p", {}, t("It is gone from the source.")) : h("p", { class: "soft" }, facts.join(" · ")),
      found.text ? h("blockquote", { class: "letter-text" }, found.text, found.cut ? "…" : "") : "",
      h("p", {}, h("b", {}, t("Put aside:")), " ", found.reason),
      found.link ? h("p", {}, h("a", { href: found.link, rel: "noreferrer", target: "_blank" }, t("Open it in Telegram"))) : "");
  } catch (refusal) {
    body.replaceChildren(h("p", { class: "trouble", role: "alert" }, refusal.message));
  }
}

/** Dead letters of one or more pairs; `chosen` maps a pair to its messages. */
export function sendAgain(chosen, count) {
  return ask({
    title: t("Send {n} again?", { n: count }),
    text: t("They go on their way like new messages, in their order."),
    action: t("Send again"),
    does: () => each(chosen, "pairs retry", t("{n} on their way again.", { n: count })),
  });
}

export function drop(chosen, count) {
  return ask({
    title: t("Drop {n}?", { n: count }),
    text: t("They are forgotten, and never sent."),
    action: t("Drop"),
    danger: true,
    does: () => each(chosen, "pairs drop", t("{n} dropped.", { n: count })),
  });
}

async function each(chosen, name, said) {
  for (const [pair, messages] of chosen) await command(name, { pair: Number(pair), messages });
  note(said);
}
