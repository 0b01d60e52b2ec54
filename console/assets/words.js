// The page's own words in the reader's language, and what each state is called and looks like.
// Explanations and advice come from the warden.

let table = {};
export let language = "en";

/** Go by a language; what has no translation stays English. */
export async function speak(wanted) {
  language = wanted || "en";
  document.documentElement.lang = language;
  if (language === "en") return;
  const answer = await fetch(new URL(`words_${language}.json`, import.meta.url));
  if (answer.ok) table = await answer.json();
}

/** A text in the reader's language; `{name}` stands for a value. */
export function t(text, values = {}) {
  const said = table[text] ?? text;
  return said.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

// tone: good works, warn goes on by itself, bad needs somebody, idle is at rest
const PHASES = {
  online: ["good", "Online"],
  registered: ["idle", "Registered"],
  awaiting_code: ["warn", "Awaits code"],
  awaiting_email: ["warn", "Awaits e-mail"],
  awaiting_password: ["warn", "Awaits password"],
  awaiting_qr: ["warn", "Awaits QR scan"],
  recovering: ["warn", "Recovering"],
  connecting: ["warn", "Connecting"],
  waiting: ["warn", "Waiting"],
  needs_login: ["bad", "Needs login"],
  quarantined: ["bad", "Quarantined"],
  stopping: ["idle", "Stopping"],
  stopped: ["idle", "Stopped"],
  deleted: ["idle", "Deleted"],
};
const PLACES = {
  running: ["good", "running"],
  starting: ["idle", "starting"],
  idle: ["idle", "idle"],
  stopping: ["idle", "stopping"],
  restarting: ["warn", "restarting"],
  stopped: ["idle", "stopped"],
  quarantined: ["bad", "quarantined"],
  gone: ["idle", "gone"],
};
const OPERATIONS = {
  running: ["warn", "running"],
  finished: ["good", "finished"],
  failed: ["bad", "failed"],
  cancelled: ["idle", "cancelled"],
};

const known = (names, name) => {
  const [tone, word] = names[name] ?? ["idle", String(name ?? "").replaceAll("_", " ")];
  return { tone, word: t(word) };
};

/** A session's state: one that is online and deaf, or half quarantined, is not well. */
export const phaseOf = (session) => (session.looks ??= looksOf(session)); // a row never changes

function looksOf(session) {
  if (unwell(session))
    return { tone: "warn", word: t("Online, unwell") };
  return known(PHASES, session.phase);
}
/** Whether it is online and not well, or a worker group of it is not. */
export const unwell = (session) => session.phase === "online" && Boolean((session.health && session.health !== "healthy") || session.ill);
export const phaseWord = (phase) => known(PHASES, phase);
export const placeOf = (place) => known(PLACES, place.state ?? "running");
export const operationOf = (operation) => known(OPERATIONS, operation.state);
export const PHASE_ORDER = Object.keys(PHASES);

const SEVERITIES = { critical: ["bad", "Critical"], warning: ["warn", "Warning"], info: ["idle", "Information"] };
export const severityOf = (alert) => known(SEVERITIES, alert.severity);

const HEALTHS = {
  healthy: ["good", "Works"], unhealthy: ["warn", "Unwell"], expired: ["bad", "Login ended"], unauthorized: ["bad", "No login"],
  unknown: ["idle", "Unknown"], deleted: ["idle", "Deleted"],
};
export const healthOf = (verdict) => known(HEALTHS, verdict.health);

const STEPS = { notify: "told", reconnect: "a fresh line", recover: "recovered", disable: "pairs disabled", move: "pairs moved" };
export const stepWord = (step) => t(STEPS[step] ?? step);

// 0 needs somebody, 1 goes on by itself, 2 is at rest, 3 works
export const RANK = { bad: 0, warn: 1, idle: 2, good: 3 };

const WAITS = {
  disk: "disk full", lease: "key in use elsewhere", flood: "flood wait", crowded: "too many connections",
  outage: "outage", turn: "its turn", connect: "connect", backoff: "pause before next try", login: "login",
  login_budget: "login budget", quarantine: "quarantine", restart: "restart", pace: "pace", behind: "reading history",
  backfill: "reading the past", handler: "handler", retry: "next try", paused: "paused",
};
export const waitWord = (wait) => t(WAITS[wait.kind] ?? wait.kind);
export const waitTone = (wait) =>
  wait.alarming || ["disk", "quarantine", "lease", "outage", "login", "login_budget"].includes(wait.kind) ? "bad" : "warn";

const order = new Intl.Collator(undefined, { numeric: true }); // made once: comparing makes none then
/** By name, as people sort them: shop-9 before shop-10. */
export const byName = (one, other) => order.compare(one, other);
