// The nine emotions over time as a stacked area: thickness is probability, the whole height is 1;
// or thickness is the share of listeners who feel each, which sum to more or less.

import { clock, element } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const LABEL_HEIGHT = 18; // pixels an area must be thick to carry its name
const LABEL_LETTER = 7.2; // pixels per letter of it, about
const LABEL_MARGIN = 5; // pixels on either side of it
const LABEL_EDGE = 10; // pixels it keeps from the river's ends
const LABEL_STEP = 8; // pixels between the places tried
const SILENT_SPREAD = 1e-6; // of probabilities, between the largest and the smallest

// Values at the points of the timeline, continued to both ends of the track.
export function continued({ timeline, duration }, rows) {
  const times = [0, ...timeline.time, Math.max(duration, timeline.time.at(-1))];
  return { times, rows: rows.map((row) => [row[0], ...row, row.at(-1)]) };
}

// The quantity is "emotions" or "intensities".
export function series(prediction, emotions, quantity = "emotions") {
  const values = prediction.timeline[quantity];
  return continued(
    prediction,
    emotions.map(({ name }) => values[name]),
  );
}

// Seconds that what stands at a time was heard from: those of the point next to it.
export function spanAt({ timeline }, time) {
  const { start, end } = timeline;
  const distance = timeline.time.map((point) => Math.abs(point - time));
  const nearest = distance.indexOf(Math.min(...distance));
  return { start: start[nearest], end: end[nearest] };
}

// The values at a time, between the points on straight lines.
export function valuesAt({ times, rows }, time) {
  let right = times.findIndex((point) => point >= time);
  if (right < 0) right = times.length - 1;
  const left = Math.max(0, right - 1);
  const span = times[right] - times[left];
  const share = span > 0 ? (time - times[left]) / span : 0;
  return rows.map((row) => row[left] + share * (row[right] - row[left]));
}

// Whether values stand for silence: none of them is more than the others.
export function isSilent(values) {
  return Math.max(...values) - Math.min(...values) < SILENT_SPREAD;
}

// Upper edges of the areas at each point: edges[0] is the top of the river, the last its bottom.
// Every point is as high as the whole, or, with `isSum`, as its sum beside the largest.
export function edges({ times, rows }, isSum = false) {
  const sums = [times.map(() => 0)];
  for (const row of rows) sums.push(row.map((value, at) => sums.at(-1)[at] + value));
  const total = sums.at(-1);
  const highest = Math.max(...total) || 1;
  return sums.map((edge) =>
    edge.map((value, at) =>
      isSum ? 1 - (total[at] - value) / highest : value / (total[at] || 1),
    ),
  );
}

// Slopes of a monotone cubic through the points (Fritsch and Carlson 1980), so that no curve
// swings beyond its values.
function slopes(x, y) {
  const n = x.length;
  const steps = [];
  for (let i = 0; i < n - 1; i += 1) steps.push((y[i + 1] - y[i]) / (x[i + 1] - x[i] || 1));
  const found = [steps[0] ?? 0];
  for (let i = 1; i < n - 1; i += 1) {
    const [a, b] = [steps[i - 1], steps[i]];
    found.push(a * b <= 0 ? 0 : (2 * a * b) / (a + b));
  }
  found.push(steps.at(-1) ?? 0);
  return found;
}

// Draws an edge as curves with a pen of move, line and bezier, from left to right or back.
export function trace(pen, x, y, backwards = false) {
  const slope = slopes(x, y);
  const order = [...x.keys()];
  if (backwards) order.reverse();
  const [first] = order;
  if (backwards) pen.line(x[first], y[first]);
  else pen.move(x[first], y[first]);
  for (let k = 1; k < order.length; k += 1) {
    const [from, to] = [order[k - 1], order[k]];
    const third = (x[to] - x[from]) / 3;
    pen.bezier(
      x[from] + third,
      y[from] + slope[from] * third,
      x[to] - third,
      y[to] - slope[to] * third,
      x[to],
      y[to],
    );
  }
}

function outline(x, upper, lower) {
  const parts = [];
  const round = (value) => value.toFixed(1);
  const pen = {
    move: (a, b) => parts.push(`M${round(a)},${round(b)}`),
    line: (a, b) => parts.push(`L${round(a)},${round(b)}`),
    bezier: (...values) => parts.push(`C${values.map(round).join(" ")}`),
  };
  trace(pen, x, upper);
  trace(pen, x, lower, true);
  return `${parts.join("")}Z`;
}

// Black or white, whichever is read more easily on a colour.
export function inkOn(colour) {
  const channel = (at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  const light = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
  return (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? "#000000" : "#ffffff";
}

// A curve's height at a place, on straight lines between its points.
function heightAt(x, y, place) {
  const right = Math.max(1, x.findIndex((value) => value >= place));
  const span = x[right] - x[right - 1];
  const share = span > 0 ? (place - x[right - 1]) / span : 0;
  return y[right - 1] + Math.min(1, Math.max(0, share)) * (y[right] - y[right - 1]);
}

// Where the name of an area fits: the middle of its thickest part, or nowhere.
export function labelPlace(x, upper, lower, letters, width, letter = LABEL_LETTER) {
  const half = (letters * letter) / 2 + LABEL_MARGIN;
  let best = null;
  const [first, last] = [half + LABEL_EDGE, width - half - LABEL_EDGE];
  for (let centre = first; centre <= last; centre += LABEL_STEP) {
    const inside = x.filter((value) => Math.abs(value - centre) < half);
    const places = [centre - half, centre, centre + half, ...inside];
    const top = Math.max(...places.map((place) => heightAt(x, upper, place)));
    const bottom = Math.min(...places.map((place) => heightAt(x, lower, place)));
    const room = bottom - top;
    if (room >= LABEL_HEIGHT && (!best || room > best.room)) {
      best = { x: centre, y: (top + bottom) / 2, room };
    }
  }
  return best;
}

export function drawRiver(svg, points, emotions, { width, height, duration, isSum = false }) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const x = points.times.map((time) => (time / duration) * width);
  const y = edges(points, isSum).map((edge) => edge.map((value) => value * height));
  emotions.forEach((emotion, number) => {
    const area = document.createElementNS(SVG, "path");
    area.setAttribute("class", "area");
    area.setAttribute("d", outline(x, y[number], y[number + 1]));
    area.setAttribute("fill", emotion.colour);
    area.dataset.emotion = emotion.name;
    svg.append(area);
  });
  emotions.forEach((emotion, number) => {
    const place = labelPlace(x, y[number], y[number + 1], emotion.label.length, width);
    if (!place) return;
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("class", "area-name");
    text.setAttribute("x", place.x.toFixed(1));
    text.setAttribute("y", place.y.toFixed(1));
    text.setAttribute("fill", inkOn(emotion.colour));
    text.textContent = emotion.label;
    svg.append(text);
  });
}

// Round times for an axis, not closer than some pixels.
export function ticks(duration, width, distance = 70) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];
  const step = steps.find((s) => (s / duration) * width >= distance) ?? steps.at(-1);
  const found = [];
  for (let time = 0; time <= duration; time += step) found.push(time);
  return found;
}

// Writes times under what is drawn over a track.
export function drawAxis(axis, duration, width) {
  axis.replaceChildren(
    ...ticks(duration, width).map((time) => {
      const tick = element("span", {}, clock(time));
      tick.style.setProperty("--at", time / duration);
      return tick;
    }),
  );
}
