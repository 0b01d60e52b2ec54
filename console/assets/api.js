// Questions and orders to the warden. Its refusals are shown in its own words.

export class Refusal extends Error {
  constructor(status, error) {
    super(error?.message ?? `HTTP ${status}`);
    this.status = status;
    this.type = error?.type ?? "";
  }
}

let csrf = "";
let whenOut = () => {};

/** Whom to tell that the login is over. */
export function onLoggedOut(listener) {
  whenOut = listener;
}

async function answered(path, options, patience) {
  let answer;
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(patience), ...options });
  } catch {
    throw new Refusal(0, { type: "NoAnswer", message: "The warden does not answer." });
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const refusal = new Refusal(answer.status, body.error);
  if (answer.status === 401 && refusal.type === "LoginNeeded") whenOut();
  throw refusal;
}

export const get = (path) => answered(path, {}, 15000);

function post(path, body) {
  const headers = { "content-type": "application/json", "x-csrf-token": csrf };
  return answered(path, { method: "POST", headers, body: JSON.stringify(body) }, 125000);
}

/** One of the warden's commands, as docs/commands.md has them. */
export const command = (name, parameters = {}) => post(`api/commands/${name.replaceAll(" ", "-")}`, parameters);

/** Who the reader is to the warden. */
export async function me() {
  return keep(await get("api/me"));
}

export async function logIn(token) {
  return keep(await post("login", { token }));
}

export async function logOut() {
  return keep(await post("logout", {}));
}

function keep(who) {
  csrf = who.csrf ?? "";
  return who;
}
