// Valence and arousal as a plane: the whole as a dot, the way from start to end as a line; or many
// tracks, a dot each.

import { signed } from "./format.js";
import { continued, valuesAt } from "./river.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 450;
const HEIGHT = 296;
const HALF = 120; // pixels from the middle to either end of a dimension
const TEXT = 14; // pixels of height
const FAINTEST = 0.25; // opacity of the line where it starts
const IN_BETWEEN = 0.1; // either side of 0
const APART = 46; // pixels between start and end that leave room for both names on one side
const TAIL = 3; // points of the line that the name of its end keeps clear of
const ENDS = { valence: ["unpleasant", "pleasant"], arousal: ["calm", "stirring"] };

const middle = { x: WIDTH / 2, y: HEIGHT / 2 };
const at = (valence, arousal) => ({ x: middle.x + valence * HALF, y: middle.y - arousal * HALF });

function part(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

const dot = (name, { x, y }, r) => part("circle", { class: name, cx: x, cy: y, r });
const word = (text, x, y, anchor = "middle") =>
  part("text", { x, y, "text-anchor": anchor }, text);
const line = (name, from, to) =>
  part("line", { class: name, x1: from.x, y1: from.y, x2: to.x, y2: to.y });

// A dimension's number and what it means.
export function inWords(dimension, value) {
  const [low, high] = ENDS[dimension];
  const means = [low, "in between", high][third(value)];
  return `${dimension} ${signed(value)} (${means})`;
}

const place = ({ valence, arousal }) =>
  `${inWords("valence", valence)}, ${inWords("arousal", arousal)}`;

// What the picture shows, for those who do not see it.
function told({ valence, arousal, timeline }) {
  const point = (number) => ({
    valence: timeline.valence.at(number),
    arousal: timeline.arousal.at(number),
  });
  return (
    `Over the whole ${place({ valence, arousal })}. ` +
    `At the start ${place(point(0))}; at the end ${place(point(-1))}.`
  );
}

function frame() {
  const [left, right] = [at(-1, 0), at(1, 0)];
  const [low, high] = [at(0, -1), at(0, 1)];
  const square = { x: left.x, y: high.y, width: 2 * HALF, height: 2 * HALF, rx: 10 };
  const [unpleasant, pleasant] = ENDS.valence;
  const [calm, stirring] = ENDS.arousal;
  return [
    part("rect", { class: "ground", ...square }),
    line("cross", left, right),
    line("cross", low, high),
    word(unpleasant, left.x - 6, left.y + TEXT / 3, "end"),
    word(pleasant, right.x + 6, right.y + TEXT / 3, "start"),
    word(calm, low.x, low.y + TEXT + 4),
    word(stirring, high.x, high.y - 7),
  ];
}

// The names of both ends of the line, each where the line does not go, and not on one another.
function endNames(points) {
  const [start, end] = [points[0], points.at(-1)];
  const isAbove = ({ y }, towards) => y <= (towards ?? end).y;
  let startAbove = isAbove(start, points[TAIL]);
  let endAbove = isAbove(end, points.at(-1 - TAIL));
  const isNear = Math.hypot(start.x - end.x, start.y - end.y) < APART;
  if (isNear && startAbove === endAbove) {
    startAbove = start.y <= end.y;
    endAbove = !startAbove;
  }
  const name = (text, { x, y }, above) => word(text, x, above ? y - 10 : y + TEXT + 6);
  return [name("start", start, startAbove), name("end", end, endAbove)];
}

// Draws the plane; returns what moves its ring to a time.
export function drawPlane(svg, prediction) {
  const { valence, arousal, timeline } = prediction;
  const points = timeline.valence.map((value, number) => at(value, timeline.arousal[number]));
  const ring = dot("here", points[0], 8);
  const steps = points.slice(1).map((point, number) => {
    const step = line("way", points[number], point);
    const share = (number + 1) / (points.length - 1);
    step.setAttribute("stroke-opacity", (FAINTEST + (1 - FAINTEST) * share).toFixed(2));
    return step;
  });
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("aria-label", told(prediction));
  svg.replaceChildren(
    ...frame(),
    ...steps,
    dot("end", points[0], 4),
    dot("end", points.at(-1), 4),
    dot("whole", at(valence, arousal), 7),
    ring,
    ...endNames(points),
  );
  const course = continued(prediction, [timeline.valence, timeline.arousal]);
  return (time) => {
    const { x, y } = at(...valuesAt(course, time));
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
  };
}

// Draws many tracks on one plane: [{id, name, prediction, colour}]. A click on a dot tells `chosen`
// the track's id. Whoever does not see the dots has the numbers in the list.
export function drawMany(svg, tracks, chosen) {
  const dots = tracks.map(({ id, name, prediction, colour }) => {
    const { valence, arousal } = prediction;
    const made = dot("one", at(valence, arousal), 7);
    made.style.setProperty("--colour", colour);
    made.dataset.id = id;
    made.append(part("title", {}, `${name}: ${place(prediction)}`));
    made.addEventListener("click", () => chosen(id));
    return made;
  });
  const mean = (dimension) =>
    tracks.reduce((sum, { prediction }) => sum + prediction[dimension], 0) / tracks.length;
  const among = tracks.length
    ? ` On average ${inWords("valence", mean("valence"))}, ${inWords("arousal", mean("arousal"))}.`
    : "";
  const files = tracks.length === 1 ? "1 file" : `${tracks.length} files`;
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("aria-label", `${files} by valence and arousal.${among}`);
  svg.replaceChildren(...frame(), ...dots);
}

// Where a number stands on its dimension: 0 for its low end, 1 in between, 2 for its high end.
export const third = (value) => (Math.abs(value) < IN_BETWEEN ? 1 : value > 0 ? 2 : 0);
export { ENDS };
