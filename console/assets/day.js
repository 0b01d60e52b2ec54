// The day that the warden keeps, for the charts.

import { get } from "./api.js";
import { Series } from "./chart.js";
import { onPoint } from "./store.js";

export const day = { series: new Series() };

/** Fetch it; each new minute is added. `heard` is told of both. */
export async function followDay(heard) {
  onPoint((point) => {
    day.series.add(point);
    heard();
  });
  day.series = new Series(await get("api/charts?minutes=1440"));
  heard();
}
