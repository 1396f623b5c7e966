// Why: a map of seconds and frequencies, and in words what spoke most for the emotion.

import { clock, element, sentence } from "./format.js";

const STRONGEST = 3;
const SEGMENT_SECONDS = 3;

// Seconds from the beginning that are explained.
const covered = (why) => why.time.at(-1) + SEGMENT_SECONDS;

function hertz(band) {
  const name = (value) => (value >= 1000 ? `${(value / 1000).toFixed(1)} kHz` : `${value} Hz`);
  return `${name(band[0])} – ${name(band[1])}`;
}

function points(value) {
  const rounded = (value * 100).toFixed(1);
  return `${value >= 0 ? "+" : "−"}${rounded.replace("-", "")}`;
}

function summary(why, label) {
  const seconds = why.seconds
    .map((value, number) => ({ value, number }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, STRONGEST)
    .map(({ number }) => why.time[number])
    .sort((a, b) => a - b)
    .map(clock);
  const bands = why.frequencies.map((value, number) => ({ value, number }));
  const strongest = bands.sort((a, b) => b.value - a.value)[0];
  const parts = [];
  if (seconds.length) parts.push(`the music at ${seconds.join(", ")} spoke most for ${label}`);
  if (strongest.value > 0) {
    parts.push(`without ${hertz(why.bands[strongest.number])} it would lose most`);
  }
  if (!parts.length) return `No single part of the sound speaks for ${label}.`;
  return sentence(parts.join("; "));
}

function heatMap(why, label, seek) {
  const canvas = element("canvas", {
    class: "heat",
    width: why.time.length,
    height: why.map.length,
    role: "img",
    "aria-label": `What each moment and each band adds to ${label}; the sentence above names the most`,
  });
  canvas.addEventListener("click", (event) => {
    const place = event.offsetX / canvas.clientWidth;
    seek(place * covered(why));
  });
  return canvas;
}

// In the colours of the theme as it is now.
function paint(canvas, why) {
  const largest = Math.max(...why.map.flat().map(Math.abs), 1e-9);
  const style = getComputedStyle(document.documentElement);
  const colour = (value) =>
    style.getPropertyValue(value >= 0 ? "--speaks-for" : "--speaks-against").trim();
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  why.map.forEach((row, band) =>
    row.forEach((value, column) => {
      pen.globalAlpha = Math.abs(value) / largest;
      pen.fillStyle = colour(value);
      pen.fillRect(column, why.map.length - 1 - band, 1, 1);
    }),
  );
}

// Fills a section with an explanation; returns what paints its map again in another theme.
export function showExplanation(section, why, emotions, { seek, ask, duration }) {
  const label = emotions.find(({ name }) => name === why.emotion).label;
  const choice = element("select", { "aria-label": "Emotion to explain" });
  for (const { name, label: text } of emotions) {
    choice.append(element("option", { value: name, selected: name === why.emotion }, text));
  }
  choice.addEventListener("change", () => ask(choice.value));
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
  const canvas = heatMap(why, label, seek);
  const map = element("div", { class: "map" }, canvas);
  const end = covered(why);
  map.style.setProperty("--covered", Math.min(1, end / duration));
  const bound =
    end + 2 * SEGMENT_SECONDS < duration ? ` Only the first ${clock(end)} are explained.` : "";
  section.replaceChildren(
    element("div", { class: "why-head" }, element("h3", {}, "Why "), choice),
    element("p", { class: "why-text" }, summary(why, label)),
    element("div", { class: "why-panes" }, map, table),
    element(
      "p",
      { class: "hint" },
      "Seconds from left to right, low sounds at the bottom. Violet: without this part the " +
        "emotion's probability falls, red: it rises. The numbers say by how many percentage " +
        `points it falls without a band.${bound}`,
    ),
  );
  section.hidden = false;
  const painted = () => paint(canvas, why);
  painted();
  return painted;
}
