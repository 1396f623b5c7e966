// Why: a map of seconds and frequencies, and in words what spoke most for the emotion.

import { clock, element } from "./format.js";

const STRONGEST = 3;

function hertz(band) {
  const name = (value) => (value >= 1000 ? `${(value / 1000).toFixed(1)} kHz` : `${value} Hz`);
  return `${name(band[0])} – ${name(band[1])}`;
}

function points(value) {
  const rounded = (value * 100).toFixed(1);
  return `${value >= 0 ? "+" : "−"}${rounded.replace("-", "")}`;
}

function sentence(why, label) {
  const seconds = why.seconds
    .map((value, number) => ({ value, number }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, STRONGEST)
    .map(({ number }) => clock(why.time[number]));
  const bands = why.frequencies.map((value, number) => ({ value, number }));
  const strongest = bands.sort((a, b) => b.value - a.value)[0];
  const parts = [];
  if (seconds.length) parts.push(`the music at ${seconds.join(", ")} spoke most for ${label}`);
  if (strongest.value > 0) {
    parts.push(`without ${hertz(why.bands[strongest.number])} it would lose most`);
  }
  if (!parts.length) return `No single part of the sound speaks for ${label}.`;
  const told = parts.join("; ");
  return `${told[0].toUpperCase()}${told.slice(1)}.`;
}

function heatMap(why, seek) {
  const largest = Math.max(...why.map.flat().map(Math.abs), 1e-9);
  const canvas = element("canvas", { class: "heat", width: why.time.length, height: why.map.length });
  const style = getComputedStyle(document.documentElement);
  const colour = (value) =>
    style.getPropertyValue(value >= 0 ? "--speaks-for" : "--speaks-against").trim();
  const pen = canvas.getContext("2d");
  why.map.forEach((row, band) =>
    row.forEach((value, column) => {
      pen.globalAlpha = Math.abs(value) / largest;
      pen.fillStyle = colour(value);
      pen.fillRect(column, why.map.length - 1 - band, 1, 1);
    }),
  );
  canvas.addEventListener("click", (event) => {
    const place = event.offsetX / canvas.clientWidth;
    seek(place * (why.time.at(-1) + 3));
  });
  return canvas;
}

// Fills a section with an explanation.
export function showExplanation(section, why, emotions, { seek, ask, duration }) {
  const label = emotions.find(({ name }) => name === why.emotion).label;
  const choice = element("select", { "aria-label": "Emotion to explain" });
  for (const { name, label: text } of emotions) {
    choice.append(element("option", { value: name, selected: name === why.emotion }, text));
  }
  choice.addEventListener("change", () => ask(choice.value));
  const covered = why.time.at(-1) + 3;
  const rows = why.bands
    .map((band, number) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, hertz(band)),
        element("td", { class: "number" }, points(why.frequencies[number])),
      ),
    )
    .reverse();
  const table = element(
    "table",
    { class: "bands" },
    element("caption", { class: "visually-hidden" }, `What each band adds to ${label}, in points`),
    element("tbody", {}, ...rows),
  );
  const map = element("div", { class: "map" }, heatMap(why, seek));
  map.style.setProperty("--covered", Math.min(1, covered / duration));
  section.replaceChildren(
    element("div", { class: "why-head" }, element("h3", {}, "Why "), choice),
    element("p", { class: "why-text" }, sentence(why, label)),
    element("div", { class: "why-panes" }, map, table),
    element(
      "p",
      { class: "hint" },
      "Seconds from left to right, low sounds at the bottom. Violet: without this part the " +
        "emotion's probability falls, red: it rises. The numbers say by how many percentage " +
        "points it falls without a band.",
    ),
  );
  section.hidden = false;
}
