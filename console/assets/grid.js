// A table whose rows are patched. It is a grid to the eye, so that rows that nobody sees are not
// laid out and each becomes a card on a phone; its roles tell the table to a screen reader.

import { h, list, setHidden } from "./dom.js";

const FIRST = 60; // rows that fill any screen; when there are many new ones the others come a frame later

/**
 * `columns` are {name, title, quiet}, quiet ones without a heading that is seen. `blank(cells)` builds
 * what every row has, `make(cells, item)` what is a row's own, `fill(cells, item, row)` says what they
 * show, and `fillAlways` what goes by other rows than theirs.
 */
export function grid({ label, kind, columns, key, blank = () => {}, make = () => {}, fill, fillAlways = null, empty }) {
  const head = h("div", { role: "row", class: "row head" },
    columns.map(({ name, title, quiet }) => h("div", { role: "columnheader", class: `cell c-${name}` }, h("span", { class: quiet ? "unseen" : "" }, title))));
  const body = h("div", { role: "rowgroup", class: "body" });
  const table = h("div", { role: "table", "aria-label": label, class: `grid ${kind}` }, h("div", { role: "rowgroup" }, head), body);
  const nothing = h("p", { class: "empty" }, empty);

  const template = h("div", { role: "row", class: "row" },
    columns.map(({ name, title, quiet }) => h("div", { role: "cell", class: `cell c-${name}`, "data-title": quiet ? null : title })));
  blank(cellsOf(template));

  function cellsOf(row) {
    return Object.fromEntries(columns.map(({ name }, place) => [name, row.children[place]]));
  }

  function makeRow(item) {
    const row = template.cloneNode(true);
    row.cells = cellsOf(row);
    make(row.cells, item, row);
    return row;
  }

  let shown = [];
  let waits = false;

  function put(items) {
    list(body, items, key, makeRow, (row, item) => fill(row.cells, item, row));
    if (fillAlways) for (const row of body.children) fillAlways(row.cells, row.rowItem, row);
  }

  function putRest() {
    waits = false;
    put(shown);
  }

  return {
    node: h("div", { class: "panel" }, table, nothing),
    show(items, none = empty) {
      shown = items;
      const many = items.length > 2 * FIRST && body.children.length < items.length / 2;
      put(many ? items.slice(0, FIRST) : items);
      if (many && !waits) {
        waits = true;
        if (document.hidden) setTimeout(putRest);
        else requestAnimationFrame(() => setTimeout(putRest));
      }
      setHidden(table, items.length === 0);
      setHidden(nothing, items.length > 0);
      if (nothing.textContent !== none) nothing.textContent = none;
    },
  };
}
