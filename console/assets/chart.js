// Small charts of the day, drawn from the points that the warden keeps.

import { h, say, setHidden, svg } from "./dom.js";
import { clock, number, span, when } from "./time.js";
import { t } from "./words.js";

const [WIDE, HIGH] = [600, 96];

/** The kept points, which `add` continues; null where nothing is known. */
export class Series {
  constructor({ step = 60, start = 0, series = {} } = {}) {
    Object.assign(this, { step, start, series });
  }

  add(point) {
    const length = this.length;
    for (const [name, values] of Object.entries(this.series)) values.push(point[name] ?? null);
    if (length === 0) this.start = point.at;
    while (this.length > 1440) {
      for (const values of Object.values(this.series)) values.shift();
      this.start += this.step;
    }
  }

  get length() {
    return Math.max(0, ...Object.values(this.series).map((values) => values.length));
  }

  /** The newest so many minutes of one of them, in at most so many points. */
  last(name, minutes, { how, most = 240 }) {
    const all = this.series[name] ?? [];
    const kept = all.slice(-minutes);
    const begin = this.start + (all.length - kept.length) * this.step;
    const size = Math.max(1, Math.ceil(kept.length / most));
    const values = [];
    for (let at = 0; at < kept.length; at += size) {
      const some = kept.slice(at, at + size).filter((value) => value !== null);
      values.push(some.length ? COMBINED[how](some) : null);
    }
    return { begin, step: this.step * size, values };
  }
}

const COMBINED = {
  sum: (some) => some.reduce((one, other) => one + other, 0),
  most: (some) => Math.max(...some),
  least: (some) => Math.min(...some),
};

/**
 * One chart. `form` is bars for what happens and line for what is; `unit` formats a value;
 * `how` puts points together where there are more than fit; `tells` sums it up in words.
 */
export function chart({ title, name, form, how, unit = number, tells, tone = "" }) {
  const figure = h("figure", { class: `chart ${tone}` });
  const value = h("b", {});
  const aside = h("span", { class: "soft" });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img" });
  const axis = h("p", { class: "axis soft" }, h("span", {}), h("span", {}));
  figure.append(h("figcaption", {}, h("span", {}, title), value, aside), drawing, axis);
  let shown = null;
  let rest = "";

  drawing.addEventListener("pointermove", (event) => {
    if (!shown?.values.length) return;
    const box = drawing.getBoundingClientRect();
    const place = Math.min(shown.values.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * shown.values.length)));
    const one = shown.values[place];
    say(aside, `${when(shown.begin + place * shown.step)}: ${one === null ? t("not known") : unit(one)}`);
  });
  drawing.addEventListener("pointerleave", () => say(aside, rest));

  return {
    node: figure,
    show(series, minutes) {
      shown = series.last(name, minutes, { how });
      const known = shown.values.filter((one) => one !== null);
      const top = Math.max(...known, 0);
      drawing.replaceChildren(...(known.length ? FORMS[form](shown.values, top || 1) : []));
      setHidden(drawing, known.length === 0);
      const told = known.length ? tells(known) : { value: "–", rest: t("nothing known yet") };
      say(value, told.value);
      rest = told.rest;
      say(aside, rest);
      drawing.setAttribute("aria-label", `${title}: ${told.value}, ${told.rest}`);
      say(axis.firstChild, known.length ? when(shown.begin) : "");
      say(axis.lastChild, known.length ? clock(shown.begin + shown.values.length * shown.step) : "");
    },
  };
}

const FORMS = {
  bars(values, top) {
    const width = WIDE / values.length;
    const path = values.map((value, place) => {
      if (!value) return "";
      const high = Math.max(2, (value / top) * (HIGH - 6));
      return `M${(place * width).toFixed(1)} ${HIGH}v-${high.toFixed(1)}h${Math.max(1, width * 0.8).toFixed(1)}v${high.toFixed(1)}z`;
    });
    return [base(), svg("path", { class: "bars", d: path.join("") })];
  },
  line(values, top) {
    const at = (place) => ((place + 0.5) * WIDE) / values.length;
    const high = (value) => HIGH - 1 - (value / top) * (HIGH - 6);
    let line = "";
    let area = "";
    let run = [];
    const end = () => {
      if (!run.length) return;
      const points = run.map(([place, value]) => `${at(place).toFixed(1)} ${high(value).toFixed(1)}`);
      const [from, to] = [at(run[0][0]), at(run.at(-1)[0])];
      line += run.length > 1 ? `M${points.join("L")}` : `M${points[0]}h1`;
      area += `M${from.toFixed(1)} ${HIGH}L${points.join("L")}L${to.toFixed(1)} ${HIGH}z`;
      run = [];
    };
    values.forEach((value, place) => (value === null ? end() : run.push([place, value])));
    end();
    return [base(), svg("path", { class: "area", d: area }), svg("path", { class: "line", d: line, "vector-effect": "non-scaling-stroke" })];
  },
};

const base = () => svg("path", { class: "base", d: `M0 ${HIGH - 0.5}H${WIDE}`, "vector-effect": "non-scaling-stroke" });

const newest = (known) => known.at(-1);
const total = (known) => known.reduce((one, other) => one + other, 0);

/** The charts that the page has. */
export const CHARTS = () => [
  chart({ title: t("Sessions online"), name: "online", form: "line", how: "least", tells: (known) => ({ value: number(newest(known)), rest: t("least {n}", { n: number(Math.min(...known)) }) }) }),
  chart({ title: t("Restarts"), name: "restarts", form: "bars", how: "sum", tone: "warn", tells: (known) => ({ value: number(total(known)), rest: t("most at once {n}", { n: number(Math.max(...known)) }) }) }),
  chart({ title: t("Lag of forwarding"), name: "lag", form: "line", how: "most", unit: span, tells: (known) => ({ value: span(newest(known)), rest: t("most {n}", { n: span(Math.max(...known)) }) }) }),
  chart({ title: t("Messages that wait"), name: "outbox", form: "line", how: "most", tells: (known) => ({ value: number(newest(known)), rest: t("most {n}", { n: number(Math.max(...known)) }) }) }),
  chart({ title: t("Forwarded"), name: "forwarded", form: "bars", how: "sum", tells: (known) => ({ value: number(total(known)), rest: t("most at once {n}", { n: number(Math.max(...known)) }) }) }),
];
