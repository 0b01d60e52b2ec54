"use strict";
// Asks /api/state once a second and brings the page up to date in place, so that focus, scrolling
// and folded branches stay as they are. Everything is set as text: nothing in a name is markup.

const EVERY = 1000; // milliseconds between two questions
const SHOWN = { sessions: 120, groups: 60, waits: 60, children: 120 }; // what a person can still read

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

function say(node, text) {
  text = text ?? "";
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === "";
}

function look(node, className) {
  if (node.className !== className) node.className = className;
}

// Keeps one element for each item, by key and in the items' order.
function list(parent, items, key, create, update) {
  const known = (parent.known ??= new Map());
  const wanted = new Set();
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    wanted.add(name);
    let node = known.get(name);
    if (!node) known.set(name, (node = create(item)));
    update(node, item);
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  for (const [name, node] of known) {
    if (!wanted.has(name)) { known.delete(name); node.remove(); }
  }
}

function span(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

// A wait is counted down to the second, rounded up: it is not over before it is over.
function left(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

const words = (name) => name.replaceAll("_", " ");
const at = (seconds) => clock.format(new Date(seconds * 1000));

const HEALTH = { healthy: "good", unhealthy: "bad", expired: "bad", unauthorized: "warn", unknown: "idle", deleted: "idle" };
const PLACE = { running: "good", starting: "idle", idle: "idle", stopping: "idle", restarting: "warn", stopped: "idle", quarantined: "bad", gone: "idle" };
const MARK = { good: "✓", bad: "!", plain: "·" };

// What can be mended by waiting is amber; red is for what needs somebody.
const tone = (session) => (["waiting", "recovering", "connecting"].includes(session.phase) ? "warn" : HEALTH[session.health]);

function showTop(state) {
  const healthy = state.sessions.filter((one) => one.health === "healthy").length;
  const pill = byId("ready");
  look(pill, `pill ${state.ready ? "good" : "bad"}`);
  say(pill, state.ready ? "Ready" : `Not ready: ${state.readiness}`);
  say(byId("fresh"), `${at(state.at)}${state.age > 2 ? `, looked ${span(state.age)} ago` : ""}`);
  say(byId("trouble"), state.problem);
  say(byId("foot"), `Telewarden ${state.version}`);
  document.title = `${healthy}/${state.sessions.length} healthy · Telewarden`;
  showTiles(state, healthy);
}

function showTiles(state, healthy) {
  const count = state.counters;
  const tiles = [
    ["Sessions healthy", number.format(healthy), `of ${number.format(state.sessions.length)}`],
    ["Forwarded", number.format(count.forwarded), count.repeated ? `${number.format(count.repeated)} repeated` : ""],
    ["Waiting", number.format(count.waiting), ""],
    ["Recoveries", number.format(count.recoveries), ""],
    ["Restarts", number.format(count.restarts), count.quarantines ? `${number.format(count.quarantines)} quarantined` : ""],
    ["Put aside", number.format(count.dead_letters), ""],
  ];
  list(byId("tiles"), tiles, (tile) => tile[0],
    (tile) => make("div", "", make("dt", "", tile[0]), make("dd", "", make("span"), " ", make("small"))),
    (node, tile) => { say(node.querySelector("span"), tile[1]); say(node.querySelector("small"), tile[2]); });
}

function showSessions(state) {
  let sessions = state.sessions;
  if (sessions.length > SHOWN.sessions) {
    const well = (one) => Number(one.health === "healthy");
    sessions = [...sessions].sort((one, other) => well(one) - well(other)).slice(0, SHOWN.sessions);
  }
  list(byId("sessions"), sessions, (one) => one.session, makeCard, (node, one) => fillCard(node, one, state.at));
  const hidden = state.sessions.length - sessions.length;
  const more = hidden ? `${number.format(hidden)} more, healthy ones last.` : "";
  say(byId("more-sessions"), state.sessions.length ? more : "No session has reported yet.");
}

function makeCard(session) {
  return make("li", "card",
    make("div", "card-head", make("h3", "", session.session), make("span", "pill")),
    make("p", "says"), make("p", "reason"), make("p", "advice"), make("p", "notice"), make("p", "facts-of"));
}

function fillCard(node, one, now) {
  const mood = tone(one);
  look(node, `card ${mood}`);
  look(node.querySelector(".pill"), `pill ${mood}`);
  say(node.querySelector(".pill"), words(one.phase));
  const deaf = one.phase === "online" && one.health !== "healthy";
  say(node.querySelector(".says"), deaf ? one.health_explanation : one.explanation);
  say(node.querySelector(".reason"), one.reason);
  const advice = deaf ? one.health_advice : one.advice_needed ? one.advice : "";
  say(node.querySelector(".advice"), one.health === "healthy" ? "" : advice);
  const told = (one.account?.facts ?? []).map((fact) => [fact.explanation, fact.until ? new Date(fact.until * 1000).toLocaleString() : "", fact.url, fact.advice]);
  say(node.querySelector(".notice"), [one.notice, ...told.flat()].filter(Boolean).join(" "));
  const facts = [[words(one.health), ""], ["since", span(Math.max(0, now - one.since))]];
  if (one.until !== null && one.until > now) facts.push(["goes on in", left(one.until - now)]);
  if (one.probe_seconds !== null) facts.push(["answers in", span(one.probe_seconds)]);
  if (one.update_age !== null) facts.push(["last update", `${span(one.update_age)} ago`]);
  if (one.recoveries) facts.push(["recovered", `${one.recoveries}×${one.rung ? `, last by ${one.rung}` : ""}`]);
  if (one.parked) facts.push(["parked", number.format(one.parked)]);
  list(node.querySelector(".facts-of"), facts, (fact) => fact[0],
    (fact) => make("span", "", fact[0], " ", make("b")), (line, fact) => say(line.lastChild, fact[1]));
}

function showFloods(state) {
  byId("floods-section").hidden = state.floods.length === 0;
  list(byId("floods"), state.floods, (flood) => `${flood.session}/${flood.method}`,
    (flood) => make("li", "", make("span", "grow", make("b", "", flood.session), ` ${flood.method}`), make("span", "pill warn"), make("span", "when")),
    (node, flood) => {
      say(node.querySelector(".pill"), `${left(flood.until - state.at)} left`);
      say(node.querySelector(".when"), `until ${at(flood.until)}`);
    });
}

function showWaits(state) {
  byId("waits-section").hidden = state.waits.length === 0;
  const bad = (wait) => ["disk", "quarantine", "lease", "outage"].includes(wait.kind);
  list(byId("waits"), state.waits.slice(0, SHOWN.waits), (wait) => `${wait.who}/${wait.kind}/${wait.since}`,
    (wait) => make("li", "", make("span", "grow", make("b", "", wait.who), make("span")), make("span", "pill"), make("span", "when")),
    (node, wait) => {
      say(node.firstChild.lastChild, ` ${wait.what}`);
      look(node.querySelector(".pill"), `pill ${bad(wait) ? "bad" : "warn"}`);
      say(node.querySelector(".pill"), words(wait.kind));
      const rest = wait.until === null ? "" : `, ${left(wait.until - state.at)} left`;
      say(node.querySelector(".when"), `for ${span(Math.max(0, state.at - wait.since))}${rest}`);
    });
  const hidden = state.waits.length - SHOWN.waits;
  say(byId("more-waits"), hidden > 0 ? `${number.format(hidden)} more.` : "");
}

const COLUMNS = ["waiting", "delivered", "repeated", "dead"];
const HEADS = ["Waiting", "Delivered", "Repeated", "Put aside"];

function showGroups(state) {
  byId("no-groups").hidden = state.groups.length > 0;
  list(byId("groups"), state.groups.slice(0, SHOWN.groups), (group) => `${group.session}/${group.group}`, makeGroup, fillGroup);
}

function makeGroup(group) {
  const head = make("tr", "", make("th", "way", "From and to"), make("th", "state", "State"), ...HEADS.map((text) => make("th", "num", text)));
  for (const cell of head.children) cell.scope = "col";
  return make("div", "group panel",
    make("div", "group-head", make("h3", "", `${group.session} · ${group.group}`), make("span", "pill")),
    make("table", "", make("thead", "", head), make("tbody")));
}

function fillGroup(node, group) {
  look(node.querySelector(".pill"), `pill ${group.online ? "good" : "idle"}`);
  say(node.querySelector(".pill"), group.online ? "working" : "waits for its session");
  list(node.querySelector("tbody"), group.pairs, (pair) => pair.id, makePair, fillPair);
}

function makePair(pair) {
  const numbers = HEADS.map((text) => { const cell = make("td", "num"); cell.dataset.label = text; return cell; });
  const way = make("td", "way", `${pair.source} → ${pair.target} `, make("small", "", `pair ${pair.id}, ${pair.mode}`));
  return make("tr", "", way, make("td", "state"), ...numbers);
}

function fillPair(node, pair) {
  const [, stateCell, ...cells] = node.children;
  look(stateCell, `state ${pair.paused === null ? "good" : "warn"}`);
  say(stateCell, pair.paused === null ? "active" : `paused: ${pair.paused}`);
  cells.forEach((cell, index) => say(cell, number.format(pair[COLUMNS[index]])));
}

function showTree(state) {
  list(byId("tree"), [state.tree], (place) => place.path, makePlace, fillPlace);
}

function makePlace(place) {
  const line = () => [make("span", "id", place.id), make("span", "kind", place.actor), make("span", "note")];
  const branch = make("details", "", make("summary", "", make("span", "line", ...line())), make("ul"));
  branch.open = true;
  return make("li", "", branch);
}

function fillPlace(node, place) {
  const branch = node.firstChild;
  const line = branch.firstChild.firstChild;
  look(line, `line ${PLACE[place.state]}`);
  branch.firstChild.tabIndex = place.children.length ? 0 : -1;
  const notes = [];
  if (place.state !== "running") notes.push(words(place.state), place.why);
  if (place.resumes_in !== null) notes.push(`back in ${span(place.resumes_in)}`);
  if (place.restarts) notes.push(`${place.restarts} restart${place.restarts > 1 ? "s" : ""}`);
  if (place.waiting) notes.push(`${number.format(place.waiting)} waiting`);
  say(line.querySelector(".note"), notes.filter(Boolean).join(", "));
  const shown = place.children.slice(0, SHOWN.children);
  const more = place.children.length - shown.length;
  list(branch.lastChild, more ? [...shown, { path: "", more }] : shown, (child) => child.path,
    (child) => ("more" in child ? make("li", "kind") : makePlace(child)),
    (item, child) => ("more" in child ? say(item, `${number.format(child.more)} more`) : fillPlace(item, child)));
}

function showFacts(state) {
  list(byId("facts"), state.facts, (fact) => `${fact.number}@${fact.at}`,
    (fact) => make("li", "", make("span", "when", at(fact.at)), make("span", `mark ${fact.tone}`, MARK[fact.tone]), make("span", "grow", fact.text)),
    () => {});
}

function show(state) {
  document.querySelector("main").hidden = false;
  document.body.classList.remove("stale");
  for (const part of [showTop, showSessions, showWaits, showFloods, showGroups, showTree, showFacts]) part(state);
}

let heardAt = null;

function lost() {
  document.body.classList.add("stale");
  look(byId("ready"), "pill bad");
  say(byId("ready"), "No answer");
  const since = heardAt === null ? "" : ` What is shown is from ${at(heardAt)}.`;
  say(byId("trouble"), `The warden does not answer; asking again every second.${since}`);
}

async function ask() {
  try {
    const answer = await fetch("api/state", { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (!answer.ok) throw new Error(answer.statusText);
    const state = await answer.json();
    heardAt = state.at;
    show(state);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException)) console.error(error);
    lost();
  }
}

// One question at a time, none while nobody looks.
let waiting = null;

async function run() {
  waiting = null;
  await ask();
  if (!document.hidden) waiting = setTimeout(run, EVERY);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && waiting === null) run();
});
run();
