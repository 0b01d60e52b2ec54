// The page: who looks, which view is shown, and the stream that keeps it true.

import { reader } from "./actions.js";
import { logIn, logOut, me, onLoggedOut } from "./api.js";
import { followDay } from "./day.js";
import { field, note, noteBox } from "./dialogs.js";
import { h, say, setAttribute, setHidden } from "./dom.js";
import { badge, button, showBadge } from "./parts.js";
import { link, onPlace, place } from "./router.js";
import { loadMeanings } from "./sessions_model.js";
import { follow, load, onOver, rows, state, stop, stream, subscribe } from "./store.js";
import { clock, number } from "./time.js";
import { watchTree } from "./tree.js";
import { phaseOf, speak, t } from "./words.js";
import { alerts } from "./views/alerts.js";
import { activity } from "./views/activity.js";
import { audit } from "./views/audit.js";
import { dead } from "./views/dead.js";
import { operations } from "./views/operations.js";
import { overview } from "./views/overview.js";
import { pairs } from "./views/pairs.js";
import { session } from "./views/session.js";
import { sessions } from "./views/sessions.js";
import { supervision } from "./views/supervision.js";

const VIEWS = { overview, sessions, session, alerts, pairs, dead, operations, tree: supervision, activity, audit };
const MENU = [["overview", "Overview"], ["alerts", "Alerts"], ["sessions", "Sessions"], ["pairs", "Pairs"], ["dead", "Dead letters"], ["operations", "Operations"], ["tree", "Tree"], ["activity", "What happened"], ["audit", "Audit"]];
const BY_SELF = { session: "sessions" };

const byId = (id) => document.getElementById(id);
let view = null;
let viewed = "";
let dayFollowed = false;

// The frame around the views

const status = badge();
const heard = h("span", { class: "soft heard" });
const toggle = button("", () => (stream.status === "stopped" ? resumeLive() : stop()), { kind: "small" });
const who = h("div", { class: "who" });
const menu = h("ul", {});
const said = h("p", { class: "unseen", role: "status", "aria-live": "polite" });

function frame() {
  byId("live").replaceChildren(status, heard, toggle);
  byId("menu").replaceChildren(menu);
  byId("menu").setAttribute("aria-label", t("Views"));
  menu.replaceChildren(...MENU.map(([name, word]) => h("li", {}, h("a", { href: link(name), "data-view": name }, h("span", {}, t(word)), h("span", { class: "count", hidden: true })))));
  byId("who").replaceChildren(who);
  document.body.append(noteBox(), said);
  byId("skip").textContent = t("Skip to the content");
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("main").focus();
  });
}

function showFrame() {
  const words = { live: ["good", t("Live")], stopped: ["idle", t("Stopped")], lost: ["bad", t("No answer")], out: ["idle", t("Not connected")] };
  const [tone, word] = words[stream.status];
  showBadge(status, { tone, word });
  say(heard, ["stopped", "lost"].includes(stream.status) ? t("as of {time}", { time: clock(state.at) }) : "");
  const stopped = stream.status === "stopped";
  toggle.lastChild.textContent = stopped ? t("Resume updates") : t("Stop updates");
  setHidden(toggle, stream.status === "out");
  document.body.classList.toggle("stale", stream.status === "lost");
  say(byId("trouble"), stream.status === "lost" ? t("The warden does not answer; trying again. What is shown is from {time}.", { time: clock(state.at) }) : (state.top.problem ?? ""));
  showMenu();
}

function showMenu() {
  const here = BY_SELF[place().view] ?? place().view;
  const ailing = Object.values(state.sessions).filter((one) => phaseOf(one).tone === "bad").length;
  const counts = {
    overview: 0,
    alerts: Object.values(state.alerts).filter((one) => one.severity !== "info").length,
    sessions: ailing,
    pairs: Object.values(state.pairs).filter((pair) => pair.paused).length,
    dead: Object.values(state.pairs).reduce((sum, pair) => sum + (pair.dead ?? 0), 0),
    operations: Object.values(state.operations).filter((one) => one.state === "running").length,
  };
  const tells = { alerts: t("firing"), sessions: t("need somebody"), pairs: t("paused"), dead: t("waiting to be looked at"), operations: t("running") };
  for (const entry of menu.querySelectorAll("a")) {
    const name = entry.dataset.view;
    setAttribute(entry, "aria-current", name === here ? "page" : null);
    const count = entry.lastChild;
    if (!counts[name]) setHidden(count, true);
    else if (count.shown !== counts[name]) {
      count.replaceChildren(number(counts[name]), h("span", { class: "unseen" }, ` ${tells[name]}`));
      count.shown = counts[name];
      setHidden(count, false);
    } else setHidden(count, false);
  }
  const total = Object.keys(state.sessions).length;
  const online = Object.values(state.sessions).filter((one) => phaseOf(one).tone === "good").length;
  document.title = `${total ? `${online}/${total} · ` : ""}${view ? `${view.title} · ` : ""}Telewarden`;
}

function showWho() {
  const role = { operator: t("Operator"), "read-only": t("Read-only") }[reader.role] ?? "";
  const parts = [h("span", { class: `role ${reader.role === "operator" ? "operator" : ""}` }, [reader.name, role].filter(Boolean).join(" · "))];
  if (reader.how === "cookie") parts.push(button(t("Log out"), leave, { kind: "small quiet" }));
  if (reader.how === "open" && reader.login) parts.push(button(t("Log in"), () => showLogin(), { kind: "small" }));
  who.replaceChildren(...parts);
  byId("version").textContent = state.version ? `Telewarden ${state.version}` : "";
}

// Which view is shown

function show() {
  const { view: name, name: of } = place();
  const make = VIEWS[name] ?? overview;
  const wanted = `${name}/${of}`;
  if (viewed !== wanted) {
    view?.unmount?.();
    view = make();
    viewed = wanted;
    byId("title").textContent = view.title;
    byId("view").replaceChildren(view.node);
  }
  view.update();
  showMenu();
}

onPlace((moved) => {
  if (reader.role === null) return;
  if (moved) {
    viewed = ""; // its fields go by the address
    show();
    scrollTo(0, 0);
    byId("title").focus({ preventScroll: true });
  } else view?.update();
});

let told = new Map();

subscribe((changed) => {
  if (reader.role === null) return;
  const lit = watchTree(changed);
  showFrame();
  if (view !== null && changed.size) view.update(changed, lit);
  if (changed.has("sessions")) announce(changed.get("sessions"));
});

/** Tell a screen reader what became of a session: its new state, and no more. */
function announce(names) {
  const now = [];
  for (const name of names) {
    const one = state.sessions[name];
    const word = one ? phaseOf(one).word : t("gone");
    if (told.has(name) && told.get(name) !== word) now.push(`${name}: ${word}`);
    told.set(name, word);
  }
  if (now.length) say(said, now.length > 3 ? t("{n} sessions changed", { n: now.length }) : now.join(", "));
  said.hidden = false;
}

// In, out, on and off

async function enter() {
  Object.assign(reader, await me());
  await speak(reader.language);
  frame();
  if (reader.role === null) return showLogin();
  return begin();
}

async function begin() {
  byId("gate").hidden = true;
  for (const id of ["live", "menu", "main"]) byId(id).hidden = false;
  await Promise.all([loadMeanings(), load()]);
  told = new Map(rows("sessions").map((one) => [one.key, phaseOf(one).word]));
  watchTree(new Map([["tree", Object.keys(state.tree)]]));
  viewed = "";
  show();
  showWho();
  follow();
  showFrame();
  if (dayFollowed) return;
  dayFollowed = true;
  followDay(() => view?.update(new Map([["points", new Set()]]))).catch((refusal) => note(refusal.message, "bad"));
}

async function resumeLive() {
  await load().catch((refusal) => note(refusal.message, "bad"));
  follow();
}

async function leave() {
  await logOut().catch(() => {});
  location.reload();
}

function outside() {
  stop("out");
  me().then((now) => {
    Object.assign(reader, now);
    if (now.role === null) showLogin(t("The login is over."));
    else begin();
  }).catch(() => setTimeout(outside, 2000));
}

onOver(outside);
onLoggedOut(() => reader.role !== null && outside());

function showLogin(why = "") {
  const gate = byId("gate");
  for (const id of ["live", "menu", "main"]) byId(id).hidden = true;
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  if (!reader.login) {
    gate.replaceChildren(h("h1", {}, t("Not open")), h("p", {}, reader.why ?? ""));
    gate.hidden = false;
    return;
  }
  const token = h("input", { class: "field", name: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false" });
  const go = h("button", { type: "submit", class: "button primary" }, t("Log in"));
  const form = h("form", { onsubmit: async (event) => {
    event.preventDefault();
    go.disabled = true;
    say(trouble, "");
    try {
      Object.assign(reader, await logIn(token.value.trim()));
      token.value = "";
      await begin();
    } catch (refusal) {
      say(trouble, refusal.message);
      go.disabled = false;
      token.focus();
    }
  } }, field(t("Token"), token, t("One of those in the configuration's [console] part.")), trouble, h("div", { class: "dialog-end" }, go));
  gate.replaceChildren(h("h1", {}, t("Log in to Telewarden")), why ? h("p", {}, why) : "", form);
  gate.hidden = false;
  token.focus();
}

function trying(refusal) {
  byId("trouble").hidden = false;
  byId("trouble").textContent = refusal.message;
  setTimeout(() => enter().then(() => (byId("trouble").hidden = true)).catch(trying), 2000);
}

enter().catch(trying);
