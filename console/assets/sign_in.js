// Logging an account in: by code, by e-mail and code, by QR; then the cloud password if there is one.
// What is typed is sent once and kept nowhere.

import { command } from "./api.js";
import { field, note, open } from "./dialogs.js";
import { h, say, svg } from "./dom.js";
import { counting, point } from "./time.js";
import { t } from "./words.js";

const AGAIN = 2000; // milliseconds until a scan is waited for again that could not be

/** Lead through the login of a session, from wherever it stands. */
export async function signIn(session, { beside }) {
  const body = h("div", { class: "sign-in" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  let timer = 0;
  let waiting = false;
  let shown = "";
  let closed = false;
  const dialog = open(t("Log in {session}", { session }), h("div", {}, body, trouble), {
    onclose: () => {
      closed = true;
      clearTimeout(timer);
    },
  });

  async function take(step, secret = null) {
    say(trouble, "");
    for (const node of dialog.querySelectorAll("button.step")) node.disabled = true;
    try {
      show(await command("login", secret === null ? { session, step } : { session, step, secret }));
    } catch (refusal) {
      say(trouble, refusal.message);
      for (const node of dialog.querySelectorAll("button.step")) node.disabled = false;
    }
  }

  /** Have the warden wait until the code is scanned, or spent and followed by another one. */
  async function scan() {
    if (waiting || closed) return;
    waiting = true;
    try {
      const result = await command("login", { session, step: "scan" });
      waiting = false;
      if (shown === "awaiting_qr") show(result);
    } catch (refusal) {
      waiting = false;
      if (shown !== "awaiting_qr") return;
      say(trouble, refusal.message);
      timer = setTimeout(scan, AGAIN);
    }
  }

  const step = (text, does, kind = "") => h("button", { type: "button", class: `button step ${kind}`, onclick: does }, text);
  const cancel = () => step(t("Cancel the login"), () => take("cancel"));

  /** A form with one secret field, for the step that wants it. */
  function asking(name, text, label, input, action, more = []) {
    const form = h("form", { onsubmit: (event) => {
      event.preventDefault();
      const secret = input.value.trim();
      input.value = "";
      if (secret) take(name, secret);
    } }, h("p", {}, text), field(label, input), h("div", { class: "dialog-end" }, cancel(), more, h("button", { type: "submit", class: "button primary step" }, action)));
    body.replaceChildren(form);
    input.focus();
  }

  const VIEWS = {
    awaiting_code: ({ says }) =>
      asking("code", says || t("A login code was sent."), t("Login code"),
        h("input", { class: "field code", name: "code", inputmode: "numeric", autocomplete: "one-time-code", required: true, maxlength: 32 }), t("Log in"),
        [step(t("Send it another way"), () => take("resend"))]),
    awaiting_email: ({ says }) =>
      asking("email", says || t("Telegram wants a login e-mail address for this account; a code is sent there."), t("E-mail address"),
        h("input", { class: "field", name: "email", type: "email", autocomplete: "off", required: true }), t("Send a code")),
    awaiting_password: ({ says }) =>
      asking("password", says || t("The account has a cloud password (2FA)."), t("Cloud password"),
        h("input", { class: "field", name: "password", type: "password", autocomplete: "off", required: true }), t("Log in")),
    awaiting_qr: (result) => {
      if (shown !== "awaiting_qr") body.replaceChildren(h("p", {}, t("In Telegram on the phone: Settings, Devices, Link Desktop Device; scan the code.")), h("div", { class: "qr" }), h("p", { class: "soft qr-left" }, t("A new code in"), " ", counting("left")), h("div", { class: "dialog-end" }, cancel()));
      const box = body.querySelector(".qr");
      const code = result.qr;
      if (code && box.shownCode !== code.url) {
        box.replaceChildren(drawQr(code.rows));
        box.shownCode = code.url;
      }
      point(body.querySelector("time"), code?.expires);
      scan();
    },
  };

  function choose() {
    const text = beside ? t("The new login was begun.") : t("How does this account log in?");
    body.replaceChildren(h("p", {}, text),
      h("div", { class: "ways" },
        step(t("Send a login code"), () => take("start"), "primary"),
        step(t("Show a QR code"), () => take("qr"))),
      h("p", { class: "soft" }, t("A code goes in here, never into a Telegram chat: Telegram voids codes that it sees there.")));
    body.querySelector("button").focus();
  }

  function show(result) {
    if (closed) return;
    const view = VIEWS[result.phase];
    if (view) {
      view(result);
      shown = result.phase;
    } else if (["online", "connecting", "recovering"].includes(result.phase) && shown !== "") {
      dialog.close();
      note(t("{session} is logged in.", { session }));
    } else {
      shown = "chosen";
      choose();
    }
  }

  await take("look");
}

/** The code as one path, dark on light in both themes, as cameras want it. */
function drawQr(rows) {
  const size = rows.length + 8; // four free modules on each side, as the standard asks
  const path = rows.flatMap((row, y) => [...row].map((bit, x) => (bit === "1" ? `M${x + 4} ${y + 4}h1v1h-1z` : ""))).join("");
  return svg("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": t("QR code to scan with Telegram on the phone") },
    svg("rect", { width: size, height: size, fill: "#fff" }), svg("path", { d: path, fill: "#000" }));
}
