// Questions before something is done, and what came of it.

import { h, icon } from "./dom.js";
import { t } from "./words.js";

let notes = null;
let numbered = 0;

/** Where outcomes are told; a screen reader hears them. */
export function noteBox() {
  return (notes = h("div", { class: "toasts", role: "status", "aria-live": "polite" }));
}

export function note(text, tone = "good") {
  const line = h("p", { class: `toast ${tone}` }, icon(tone), h("span", {}, text),
    h("button", { type: "button", class: "close", "aria-label": t("Dismiss"), onclick: () => line.remove() }, icon("close")));
  notes.append(line);
  while (notes.children.length > 4) notes.firstChild.remove();
  setTimeout(() => line.remove(), tone === "bad" ? 20000 : 8000);
}

/** A dialog that is gone when it closes. `onclose` hears of it. */
export function open(title, body, { onclose = () => {} } = {}) {
  const id = `d-${++numbered}`;
  const dialog = h("dialog", { "aria-labelledby": id, class: "dialog" },
    h("div", { class: "dialog-head" }, h("h2", { id }, title),
      h("button", { type: "button", class: "close", "aria-label": t("Close"), onclick: () => dialog.close() }, icon("close"))),
    body);
  const before = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    onclose();
    before?.focus?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Ask, and then do it: `does(values)` may refuse, which is shown while the dialog stays.
 *
 * `fields` are nodes whose inputs are collected by name.
 */
export function ask({ title, text, fields = [], action, danger = false, does }) {
  return new Promise((resolve) => {
    let done = false;
    const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    const go = h("button", { type: "submit", class: `button ${danger ? "danger" : "primary"}` }, action);
    const form = h("form", { method: "dialog", onsubmit: submit },
      [].concat(text ?? []).map((line) => h("p", {}, line)), fields, trouble,
      h("div", { class: "dialog-end" }, h("button", { type: "button", class: "button", onclick: () => dialog.close() }, t("Not now")), go));
    const dialog = open(title, form, { onclose: () => resolve(done) });

    async function submit(event) {
      event.preventDefault();
      go.disabled = true;
      trouble.hidden = true;
      try {
        await does(Object.fromEntries(new FormData(form)));
        done = true;
        dialog.close();
      } catch (refusal) {
        trouble.textContent = refusal.message;
        trouble.hidden = false;
        go.disabled = false;
      }
    }
  });
}

/** A labelled field of a form. */
export function field(label, input, hint = "") {
  return h("label", { class: "form-field" }, h("span", { class: "label" }, label), input, hint ? h("span", { class: "soft hint" }, hint) : null);
}
