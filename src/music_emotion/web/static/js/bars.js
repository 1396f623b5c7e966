// The nine bars: the whole track as a bar, the place of the playhead as a mark and a number, and
// how many listeners feel the emotion.

import { element, percent } from "./format.js";

export class Bars {
  #rows;

  constructor(table, prediction, emotions) {
    this.#rows = emotions.map((emotion) => {
      const whole = prediction.emotions[emotion.name];
      const felt = prediction.intensities[emotion.name];
      const here = element("td", { class: "number here" });
      const bar = element(
        "div",
        { class: "bar", "aria-hidden": "true", colour: emotion.colour },
        element("i", { class: "whole" }),
        element("i", { class: "mark" }),
      );
      bar.style.setProperty("--whole", whole);
      const title = `${emotion.label}: ${emotion.meaning}`;
      const row = element(
        "tr",
        { title, "data-emotion": emotion.name },
        element(
          "th",
          { scope: "row" },
          element("span", { class: "dot", colour: emotion.colour, "aria-hidden": "true" }),
          emotion.label,
        ),
        element("td", {}, bar),
        element("td", { class: "number" }, percent(whole)),
        here,
        element("td", { class: "number felt-by" }, percent(felt)),
      );
      return { row, bar, here };
    });
    table.tBodies[0].replaceChildren(...this.#rows.map(({ row }) => row));
    table.querySelector(`tr[data-emotion="${top(prediction)}"]`)?.classList.add("leading");
  }

  // The nine values at the playhead, null where there is silence.
  show(values) {
    this.#rows.forEach(({ bar, here }, number) => {
      bar.style.setProperty("--here", values ? values[number] : 0);
      here.textContent = values ? percent(values[number]) : "–";
    });
  }
}

// The name of the most probable emotion, null for silence.
export function top(prediction) {
  if (!(prediction.confidence > 0)) return null;
  return Object.entries(prediction.emotions).reduce((best, entry) =>
    entry[1] > best[1] ? entry : best,
  )[0];
}
