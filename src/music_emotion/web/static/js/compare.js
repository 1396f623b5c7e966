// All tracks in one table, one column per emotion.

import { top } from "./bars.js";
import { element, percent } from "./format.js";

export function drawComparison(table, predictions, emotions) {
  const head = element(
    "tr",
    {},
    element("th", { scope: "col" }, "file"),
    element("th", { scope: "col", class: "narrow" }, "leading emotion"),
    element("th", { scope: "col", class: "wide" }, "model"),
    element("th", { scope: "col", class: "number" }, "confidence"),
    ...emotions.map(({ label, meaning }) =>
      element("th", { scope: "col", class: "share", title: meaning }, label),
    ),
  );
  const largest = Math.max(...predictions.flatMap((p) => Object.values(p.emotions)));
  const rows = predictions.map((prediction) => {
    const leader = emotions.find(({ name }) => name === top(prediction));
    const cells = emotions.map(({ name, colour }) => {
      const share = prediction.emotions[name];
      const bar = element("i", { class: "cell-bar", "aria-hidden": "true", colour });
      bar.style.setProperty("--whole", share / largest);
      if (!leader) return element("td", { class: "share" }, "–");
      const number = element(name === leader.name ? "strong" : "span", {}, percent(share));
      return element("td", { class: "share" }, number, bar);
    });
    const leading = leader
      ? [
          element("span", { class: "dot", colour: leader.colour, "aria-hidden": "true" }),
          `${leader.label} ${percent(prediction.emotions[leader.name])}`,
        ]
      : ["silence"];
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, prediction.path),
      element("td", { class: "narrow" }, ...leading),
      element("td", { class: "wide" }, `${prediction.model} ${prediction.version}`),
      element("td", { class: "number" }, leader ? percent(prediction.confidence) : "–"),
      ...cells,
    );
  });
  table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
}
