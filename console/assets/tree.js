// The supervision tree. A part that crashes lights up, with those above it, and says when; it says
// so again when it runs once more, however quick that was.

import { h, icon, list, say, setHidden, still } from "./dom.js";
import { badge, button, showBadge } from "./parts.js";
import { state } from "./store.js";
import { counting, number, point } from "./time.js";
import { mayAct, restartPart } from "./actions.js";
import { placeOf, t } from "./words.js";

const GLOW = 60; // seconds that a part says that it has crashed
const MANY = 40; // children; more of them are folded away while all is well

const crashed = new Map(); // path to the warden's time of its last crash
const before = new Map(); // path to [restarts, state] when it was last looked at

/** Parent to children, in the tree's order. */
function branches() {
  const children = new Map();
  const [root] = Object.keys(state.tree);
  for (const path of Object.keys(state.tree)) {
    if (path === root) continue;
    const parent = parentOf(path, root);
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(path);
  }
  return { root, children };
}

const parentOf = (path, root) => {
  const cut = path.lastIndexOf("/");
  return cut < 0 ? root : path.slice(0, cut);
};

/** Note what has crashed or come back since the last look. Run once for each change. */
export function watchTree(changed) {
  const lit = [];
  for (const path of changed.get("tree") ?? []) {
    const place = state.tree[path];
    if (place === undefined) {
      before.delete(path);
      continue;
    }
    const [restarts, was] = before.get(path) ?? [place.restarts ?? 0, null];
    const is = place.state ?? "running";
    if ((place.restarts ?? 0) > restarts || (["restarting", "quarantined"].includes(is) && was !== is && was !== null)) {
      crashed.set(path, state.at);
      lit.push([path, "crashed"]);
    } else if (is === "running" && was !== null && was !== "running" && crashed.has(path)) lit.push([path, "back"]);
    before.set(path, [place.restarts ?? 0, is]);
  }
  return lit;
}

/** A tree below `from` (the root if none); `filters()` may hide what is well. */
export function tree({ from = "", onlyAiling = () => false, wanted = () => "", actions = false } = {}) {
  const top = h("ul", { class: "tree" });
  const nothing = h("p", { class: "empty" }, t("Every part runs."));
  const nodes = new Map();
  const opened = new Map(); // by the reader's hand
  let grown = { root: "", children: new Map() };
  let ails = new Set(); // those that do not run or have just crashed, and what is above them

  const ailing = (path) => (state.tree[path]?.state ?? "running") !== "running" || glows(path);
  const glows = (path) => state.at - (crashed.get(path) ?? -Infinity) < GLOW;
  const below = (path) => grown.children.get(path) ?? [];

  const up = (path) => (path === grown.root ? undefined : parentOf(path, grown.root));

  /** Paths that are `such`, and those above them. */
  function withAbove(such) {
    const kept = new Set();
    for (const path of Object.keys(state.tree)) {
      if (such(path)) for (let at = path; at !== undefined && !kept.has(at); at = up(at)) kept.add(at);
    }
    return kept;
  }

  /** Paths to show; all of them where nothing is asked for. */
  function selection() {
    const find = wanted().toLowerCase();
    if (!find) return onlyAiling() ? ails : null;
    return withAbove((path) => path.toLowerCase().includes(find) && (!onlyAiling() || ailing(path)));
  }

  function makeNode(path) {
    const cut = path.lastIndexOf("/");
    const children = h("ul", {});
    const fold = h("button", { type: "button", class: "fold", "aria-expanded": "false", onclick: () => {
      opened.set(path, fold.getAttribute("aria-expanded") !== "true");
      show();
    } }, icon("fold"));
    const line = h("div", { class: "line", "data-path": path }, fold, badge(),
      h("span", { class: "id" }, path.slice(cut + 1)), h("span", { class: "soft kind" }),
      h("span", { class: "crash" }, icon("crash"), h("span", {}), " ", counting("ago")),
      h("span", { class: "note" }), h("span", { class: "resumes" }, t("back in"), " ", counting("left")),
      h("span", { class: "soft children" }),
      actions && mayAct() && below(path).length === 0 ? button(t("Restart"), () => restartPart(path), { kind: "small quiet", label: t("Restart {path}", { path }) }) : null);
    const node = h("li", {}, line, children);
    Object.assign(node, { line, below: children, fold, path });
    nodes.set(path, node);
    return node;
  }

  function fillNode(node, kept) {
    const { path, line, fold } = node;
    const place = state.tree[path];
    if (line.place !== place || line.glowed !== glows(path)) {
      line.place = place;
      line.glowed = glows(path);
      showLine(line, place, path);
    }
    const all = below(path);
    const folded = all.length > MANY && opened.get(path) === undefined;
    const seen = kept ?? (folded ? ails : null);
    const shown = seen ? all.filter((child) => seen.has(child)) : all;
    const depth = path === grown.root ? 0 : path.split("/").length;
    const open = opened.get(path) ?? (kept !== null || (folded ? shown.length > 0 : depth < 2 || path === from || ails.has(path)));
    fold.classList.toggle("leaf", all.length === 0);
    fold.disabled = all.length === 0;
    fold.setAttribute("aria-expanded", String(open));
    fold.setAttribute("aria-label", t("Parts of {path}", { path }));
    const hidden = all.length - (open ? shown.length : 0);
    const counted = open ? t("{n} more", { n: number(hidden) }) : hidden === 1 ? t("1 part") : t("{n} parts", { n: number(hidden) });
    say(line.querySelector(".children"), hidden ? counted : "");
    grow(node.below, open ? shown : [], kept);
  }

  function grow(parent, paths, kept) {
    list(parent, paths.map((path) => ({ path })), (item) => item.path, (item) => makeNode(item.path), (node) => fillNode(node, kept));
    setHidden(parent, paths.length === 0);
  }

  function show() {
    grown = branches();
    ails = withAbove(ailing);
    const start = from && state.tree[from] ? from : grown.root;
    const kept = selection();
    const any = start !== undefined && (kept === null || kept.size > 0);
    grow(top, any ? [start] : [], kept);
    setHidden(nothing, any);
  }

  /** Light up those whose lines are on the page, and what is above the others. */
  function light(lit) {
    for (const [path, how] of lit) {
      for (let at = path, first = true; at !== undefined; at = up(at), first = false) {
        const line = nodes.get(at)?.line;
        if (!line?.isConnected || still.matches) continue;
        const colour = getComputedStyle(line).getPropertyValue(how === "crashed" ? "--bad-bg" : "--good-bg");
        line.animate([{ backgroundColor: colour, boxShadow: `0 0 0 3px ${colour}` }, { backgroundColor: "transparent", boxShadow: "0 0 0 3px transparent" }], { duration: first ? 2600 : 1400, easing: "ease-out" });
      }
    }
  }

  return { node: h("div", { class: "tree-box" }, top, nothing), show, light };
}

function showLine(line, place, path) {
  showBadge(line.querySelector(".badge"), placeOf(place));
  say(line.querySelector(".kind"), place.actor);
  const crash = line.querySelector(".crash");
  setHidden(crash, !line.glowed);
  if (line.glowed) {
    const back = (place.state ?? "running") === "running";
    crash.className = `crash ${back ? "good" : "bad"}`;
    say(crash.querySelector("span"), back ? t("crashed and back,") : t("crashed,"));
    point(crash.querySelector("time"), crashed.get(path));
  }
  const notes = [];
  if (place.why) notes.push(place.why);
  if (place.restarts) notes.push(place.restarts === 1 ? t("1 restart") : t("{n} restarts", { n: number(place.restarts) }));
  if (place.restarts && place.restarts_left !== undefined) notes.push(t("{n} left of its budget", { n: place.restarts_left }));
  if (place.waiting) notes.push(t("{n} in its mailbox", { n: number(place.waiting) }));
  say(line.querySelector(".note"), notes.join(" · "));
  const resumes = line.querySelector(".resumes");
  setHidden(resumes, !place.resumes_at);
  point(resumes.querySelector("time"), place.resumes_at);
}
