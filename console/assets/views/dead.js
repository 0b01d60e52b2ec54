// Messages that could not be delivered: read why, send them again, or drop them.

import { drop, mayAct, readDead, sendAgain } from "../actions.js";
import { command } from "../api.js";
import { h, say, setHidden } from "../dom.js";
import { grid } from "../grid.js";
import { button, choice, search, toLink, toSession } from "../parts.js";
import { link, place } from "../router.js";
import { row as rowOf, state } from "../store.js";
import { counting, number, point } from "../time.js";
import { t } from "../words.js";

export function dead() {
  const chosen = new Set();
  let letters = [];
  let total = 0;
  let asked = "";
  let timer = 0;
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const counted = h("p", { class: "soft counted", role: "status" });
  const all = h("input", { type: "checkbox", "aria-label": t("Choose all that are shown"), onchange: () => {
    for (const one of letters) all.checked ? chosen.add(one.key) : chosen.delete(one.key);
    show();
  } });
  const acts = h("div", { class: "actions", role: "group", "aria-label": t("With those that are chosen") },
    h("label", { class: "check" }, all, t("all that are shown")),
    button(t("Send again"), () => act(sendAgain), { picture: "again" }), button(t("Drop"), () => act(drop), { kind: "danger" }), h("span", { class: "soft" }));
  const more = button(t("More"), () => fetchPage(letters.length), { kind: "quiet" });

  const table = grid({
    label: t("Dead letters"), kind: mayAct() ? "g-dead acting" : "g-dead", key: (one) => one.key, empty: t("No dead letter."),
    columns: [
      ...(mayAct() ? [{ name: "choose", title: t("Choose"), quiet: true }] : []),
      { name: "pair", title: t("Pair") }, { name: "message", title: t("Message") }, { name: "reason", title: t("Why it was put aside") },
      { name: "tries", title: t("Tries") }, { name: "at", title: t("When") }, ...(mayAct() ? [{ name: "do", title: t("Actions"), quiet: true }] : []),
    ],
    make(cells, one) {
      const pair = rowOf("pairs", String(one.pair));
      const name = t("message {message} of pair {pair}", { message: one.source_id, pair: one.pair });
      if (mayAct()) {
        cells.choose.append(h("input", { type: "checkbox", "aria-label": t("Choose {name}", { name }), onchange: (event) => {
          event.target.checked ? chosen.add(one.key) : chosen.delete(one.key);
          showChosen();
        } }));
        const only = () => new Map([[one.pair, [one.source_id]]]);
        cells.do.append(button(t("Read"), () => readDead(one), { kind: "small", label: t("Read {name}", { name }) }), button(t("Again"), () => sendAgain(only(), 1).then(afterwards), { kind: "small", label: t("Send {name} again", { name }) }),
          button(t("Drop"), () => drop(only(), 1).then(afterwards), { kind: "small danger", label: t("Drop {name}", { name }) }));
      }
      cells.pair.append(toLink(link("pairs", "", { find: one.pair }), `${one.pair}`), " ", pair ? toSession(pair.session) : "");
      cells.message.append(h("code", {}, String(one.source_id)), " ", h("span", { class: "soft" }, String(pair?.source ?? one.source_chat)));
      cells.at.append(counting("ago"));
    },
    fill(cells, one) {
      cells.reason.textContent = one.reason;
      cells.tries.textContent = number(one.attempts);
      point(cells.at.firstChild, one.at);
    },
  });
  const sessionNames = [...new Set(Object.values(state.pairs).filter((pair) => pair.dead).map((pair) => pair.session))].sort();
  const node = h("div", {}, h("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    search(t("Find a reason")), choice(t("Session"), "session", [["", t("all")], ...sessionNames.map((name) => [name, name])]), onePair(), counted),
    trouble, mayAct() ? acts : null, table.node, h("p", { class: "more" }, more));

  function onePair() {
    const { pair } = place().filters;
    return pair ? toLink(link("dead"), t("of pair {pair} only; show all", { pair }), "chip") : null;
  }

  async function fetchPage(offset) {
    const { find = "", session = "", pair = "" } = place().filters;
    const wanted = { ...(offset && { offset }), ...(find && { find }), ...(session && { session }), ...(pair && { pair: Number(pair) }) };
    try {
      const found = await command("pairs dead", wanted);
      say(trouble, "");
      const fresh = found.dead.map((one) => ({ ...one, key: `${one.pair}/${one.source_chat}/${one.source_id}` }));
      letters = offset ? [...letters, ...fresh] : fresh;
      total = found.total ?? letters.length;
    } catch (refusal) {
      say(trouble, refusal.message);
    }
    show();
  }

  function show() {
    const there = new Set(letters.map((one) => one.key));
    for (const key of chosen) if (!there.has(key)) chosen.delete(key);
    table.show(letters);
    for (const row of table.node.querySelectorAll(".body > .row")) {
      const box = row.querySelector("input");
      if (box) box.checked = chosen.has(row.rowKey);
    }
    setHidden(more.parentNode, letters.length >= total);
    say(counted, t("{shown} of {n}", { shown: number(letters.length), n: number(total) }));
    setHidden(acts, letters.length === 0);
    showChosen();
  }

  function showChosen() {
    all.checked = letters.length > 0 && chosen.size === letters.length;
    all.indeterminate = chosen.size > 0 && chosen.size < letters.length;
    for (const one of acts.querySelectorAll("button")) one.disabled = chosen.size === 0;
    say(acts.lastChild, chosen.size ? t("{n} chosen", { n: number(chosen.size) }) : "");
  }

  function act(does) {
    const byPair = new Map();
    for (const one of letters) if (chosen.has(one.key)) byPair.set(one.pair, [...(byPair.get(one.pair) ?? []), one.source_id]);
    return does(byPair, chosen.size).then(afterwards);
  }

  const afterwards = (done) => done && fetchPage(0);
  const deadNow = () => Object.values(state.pairs).reduce((sum, pair) => sum + (pair.dead ?? 0), 0);
  let before = deadNow();

  function update(changed = null) {
    const now = location.hash;
    if (changed === null || asked !== now) {
      asked = now;
      fetchPage(0);
    } else if (changed.has("pairs") && deadNow() !== before) {
      clearTimeout(timer);
      timer = setTimeout(() => fetchPage(0), 500);
    }
    before = deadNow();
  }

  return { title: t("Dead letters"), node, update, unmount: () => clearTimeout(timer) };
}
