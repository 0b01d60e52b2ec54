// Elements, made once and patched after that: a row that stays is never rebuilt, so that focus,
// selection and open parts of it stay, too. Texts go in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const AS_PROPERTY = new Set(["value", "checked", "disabled", "hidden", "open", "selected", "required", "max"]);

/** An element with its attributes (`onclick` and the like are listeners) and children. */
export function h(tag, given = {}, ...children) {
  return build(document.createElement(tag), given, children);
}

/** An element of a drawing. */
export function svg(tag, given = {}, ...children) {
  return build(document.createElementNS(SVG, tag), given, children);
}

function build(node, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (AS_PROPERTY.has(name) && name in node) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A picture out of the sheet in the document; words stand beside it. */
export function icon(name, kind = "") {
  return svg("svg", { class: `icon ${kind}`.trim(), "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));
}

/** The text of a node; one that says nothing takes no room. */
export function say(node, text) {
  const said = String(text ?? "");
  if (node.textContent !== said) node.textContent = said;
  setHidden(node, said === "");
}

/** The same, with what stands in backticks as code: words to type. */
export function sayWithCode(node, text) {
  if (node.said === text) return;
  node.said = text;
  node.replaceChildren(...text.split("`").map((part, place) => (place % 2 ? h("code", {}, part) : part)));
}

export function setHidden(node, hidden) {
  if (node.hasAttribute("hidden") !== hidden) node.toggleAttribute("hidden", hidden); // a drawing has no property
}

export function setClass(node, name) {
  if (node.getAttribute("class") !== name) node.setAttribute("class", name);
}

export function setAttribute(node, name, value) {
  if (value === null || value === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/**
 * Make `parent` have one child for each item, in their order.
 *
 * Known by `key`; made by `make`, then `fill(node, item)` wherever the item is another object than
 * last time, as rows of the store are replaced and not changed.
 */
export function list(parent, items, key, make, fill) {
  const known = new Map();
  for (const node of parent.children) known.set(node.rowKey, node);
  let cursor = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let node = known.get(name);
    known.delete(name);
    if (node === undefined) {
      node = make(item);
      node.rowKey = name;
    }
    if (node.rowItem !== item) {
      fill(node, item);
      node.rowItem = item;
    }
    if (node === cursor) {
      cursor = cursor.nextElementSibling;
    } else if (cursor !== null && cursor.nextElementSibling === node) {
      put(parent, cursor, null); // it has gone down: its place comes later
      cursor = node.nextElementSibling;
    } else {
      put(parent, node, cursor);
    }
  }
  for (const node of known.values()) node.remove();
}

// Where a browser can move a node without taking it out, what has the focus keeps it.
function put(parent, node, before) {
  if (node.parentNode === parent && parent.moveBefore) parent.moveBefore(node, before);
  else parent.insertBefore(node, before);
}

/** Whether things may move: who asked for less motion gets none. */
export const still = matchMedia("(prefers-reduced-motion: reduce)");
