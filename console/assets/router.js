// Which view is shown, and its filters: both stand in the address, so that it can be kept, shared
// and gone back to.

const listeners = new Set();

/** The address as {view, name, filters}: `#/session/alice?...`, `#/pairs?find=news`. */
export function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/").map(decodeURIComponent);
  return { view: view || "overview", name: rest.join("/"), filters: Object.fromEntries(new URLSearchParams(query)) };
}

export function link(view, name = "", filters = {}) {
  const path = `#/${view}${name === "" ? "" : `/${encodeURIComponent(name)}`}`;
  const chosen = Object.entries(filters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return chosen.length ? `${path}?${new URLSearchParams(chosen)}` : path;
}

/** Set some of the view's filters; each step of typing is no step back. */
export function filter(changes) {
  const { view, name, filters } = place();
  history.replaceState(null, "", link(view, name, { ...filters, ...changes }));
  for (const listener of listeners) listener(false);
}

/** Hear of each change of place; `moved` tells a new view from new filters. */
export function onPlace(listener) {
  listeners.add(listener);
}

addEventListener("hashchange", () => listeners.forEach((listener) => listener(true)));
