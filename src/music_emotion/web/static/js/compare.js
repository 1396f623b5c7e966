// All tracks in one table, one column per emotion.

import { top } from "./bars.js";
import { element, percent } from "./format.js";

export function drawComparison(table, predictions, emotions) {
  const head = element(
    "tr",
    {},
    element("th", { scope: "col" }, "file"),
    element("th", { scope: "col" }, "model"),
    element("th", { scope: "col", class: "number" }, "confidence"),
    ...emotions.map(({ label, meaning }) =>
      element("th", { scope: "col", class: "number", title: meaning }, label),
    ),
  );
  const largest = Math.max(...predictions.flatMap((p) => Object.values(p.emotions)));
  const rows = predictions.map((prediction) => {
    const leader = top(prediction);
    const cells = emotions.map(({ name, colour }) => {
      const share = prediction.emotions[name];
      const bar = element("i", { class: "cell-bar", "aria-hidden": "true", colour });
      bar.style.setProperty("--whole", share / largest);
      const number = element(name === leader ? "strong" : "span", {}, percent(share));
      return element("td", { class: "number" }, number, bar);
    });
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, prediction.path),
      element("td", {}, `${prediction.model} ${prediction.version}`),
      element("td", { class: "number" }, percent(prediction.confidence)),
      ...cells,
    );
  });
  table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
}
