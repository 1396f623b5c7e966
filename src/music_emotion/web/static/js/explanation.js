// Why: a map of seconds and frequencies, and in words what spoke most for the emotion.

import { clock, element, sentence } from "./format.js";
import { drawAxis } from "./river.js";

const STRONGEST = 3;
const SEGMENT_SECONDS = 3;

// Seconds from the beginning that are explained.
const covered = (why) => why.time.at(-1) + SEGMENT_SECONDS;

const frequency = (value) => (value >= 1000 ? `${(value / 1000).toFixed(1)} kHz` : `${value} Hz`);
const hertz = ([low, high]) => {
  const isOneUnit = low >= 1000 === high >= 1000;
  return `${isOneUnit ? frequency(low).split(" ")[0] : frequency(low)}–${frequency(high)}`;
};
const total = (row) => row.reduce((sum, value) => sum + value, 0);

function points(value, digits = 1) {
  const rounded = Math.abs(value * 100).toFixed(digits);
  if (Number(rounded) === 0) return rounded;
  return `${value > 0 ? "+" : "−"}${rounded}`;
}

// The strongest colour stands for this; a map of nothing has none.
const largest = (why) => Math.max(...why.map.flat().map(Math.abs), 1e-9);

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
  const place = ({ offsetX, offsetY }) => ({
    time: (offsetX / canvas.clientWidth) * covered(why),
    band: why.bands.length - 1 - Math.floor((offsetY / canvas.clientHeight) * why.bands.length),
  });
  canvas.addEventListener("click", (event) => seek(place(event).time));
  canvas.addEventListener("pointermove", (event) => {
    const { time, band } = place(event);
    const column = Math.min(why.time.length - 1, Math.max(0, Math.floor(time / SEGMENT_SECONDS)));
    const start = why.time[column];
    const value = why.map[band]?.[column];
    if (value === undefined) return;
    canvas.title =
      `${clock(start)}–${clock(start + SEGMENT_SECONDS)}, ${hertz(why.bands[band])}: ` +
      `${points(value, 2)} points`;
  });
  return canvas;
}

// In the colours of the theme as it is now.
function paint(canvas, why) {
  const most = largest(why);
  const style = getComputedStyle(document.documentElement);
  const colour = (value) =>
    style.getPropertyValue(value >= 0 ? "--speaks-for" : "--speaks-against").trim();
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  why.map.forEach((row, band) =>
    row.forEach((value, column) => {
      pen.globalAlpha = Math.abs(value) / most;
      pen.fillStyle = colour(value);
      pen.fillRect(column, why.map.length - 1 - band, 1, 1);
    }),
  );
}

// The frequencies between the bands, beside the map.
function hertzAxis(why) {
  const axis = element("div", { class: "hertz", "aria-hidden": "true" });
  why.bands.slice(0, -1).forEach(([, high], number) => {
    const tick = element("span", {}, frequency(high));
    tick.style.setProperty("--at", (number + 1) / why.bands.length);
    axis.append(tick);
  });
  return axis;
}

function legend(why, label) {
  const most = points(largest(why), 2).replace("+", "");
  return element(
    "p",
    { class: "legend" },
    element("span", {}, `−${most}`),
    element("span", { class: "ramp", "aria-hidden": "true" }),
    element("span", {}, `+${most} points`),
    element("span", {}, `Orange speaks for ${label}, blue against it.`),
  );
}

function bandTable(why, label) {
  const number = (value) => element("td", { class: "number" }, points(value));
  const rows = why.bands
    .map((band, at) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, hertz(band)),
        number(total(why.map[at])),
        number(why.frequencies[at]),
      ),
    )
    .reverse();
  const head = ["band", "its row, added up", "without it throughout"];
  return element(
    "table",
    { class: "bands" },
    element(
      "caption",
      { class: "visually-hidden" },
      `How many percentage points ${label} loses without each band`,
    ),
    element(
      "thead",
      {},
      element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text))),
    ),
    element("tbody", {}, ...rows),
  );
}

// Fills a section with an explanation; returns what draws it again in another theme or size.
export function showExplanation(section, why, emotions, { seek, ask, duration }) {
  const label = emotions.find(({ name }) => name === why.emotion).label;
  const choice = element("select", { "aria-label": "Emotion to explain" });
  for (const { name, label: text } of emotions) {
    choice.append(element("option", { value: name, selected: name === why.emotion }, text));
  }
  choice.addEventListener("change", () => ask(choice.value));
  const canvas = heatMap(why, label, seek);
  const map = element("div", { class: "map" }, canvas);
  const axis = element("div", { class: "axis", "aria-hidden": "true" });
  const end = covered(why);
  map.style.setProperty("--covered", Math.min(1, end / duration));
  const bound =
    end + 2 * SEGMENT_SECONDS < duration ? ` Only the first ${clock(end)} are explained.` : "";
  section.replaceChildren(
    element("div", { class: "why-head" }, element("h3", {}, "Why "), choice),
    element("p", { class: "why-text" }, summary(why, label)),
    element(
      "div",
      { class: "why-panes" },
      element("div", { class: "map-pane" }, hertzAxis(why), map, axis, legend(why, label)),
      bandTable(why, label),
    ),
    element(
      "p",
      { class: "hint" },
      "Each field of the map is one band in 3 s of sound; colours and numbers say by how many " +
        `percentage points the probability of ${label} falls without it, or, after a minus, ` +
        "rises. Influences do not add up: a band that is missing for 3 s only is a change that " +
        "is heard itself, one that is missing throughout is none, and what one part says others " +
        `may say as well.${bound}`,
    ),
  );
  section.hidden = false;
  const drawn = () => {
    paint(canvas, why);
    drawAxis(axis, duration, map.clientWidth);
  };
  drawn();
  return drawn;
}
