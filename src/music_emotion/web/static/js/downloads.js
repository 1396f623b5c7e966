// Results as files: the same JSON and CSV as the command line writes, and a picture.

import { clock, percent, stem } from "./format.js";
import { edges, inkOn, labelPlace, series, ticks, trace } from "./river.js";

const PICTURE = { width: 1600, margin: 60, wave: 150, river: 420, row: 40 };
// Columns of CSV besides the nine of each kind, as `inference/prediction.py` has them.
const NUMBERS = ["valence", "arousal", "familiarity"];
const FLAGS = ["unfamiliar", "heard_in_training"];
const POINT_NUMBERS = ["time", "start", "end", "valence", "arousal"];
const TRUTH = ["False", "True"];

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// What is not known is an empty cell, and what is so is written as Python does.
function quoted(value) {
  const text = typeof value === "boolean" ? TRUTH[Number(value)] : String(value ?? "");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const prefixed = (prefix, names) => names.map((name) => prefix + name);
const csv = (rows) => `${rows.map((row) => row.map(quoted).join(",")).join("\n")}\n`;

export function saveJson(prediction) {
  const text = JSON.stringify([prediction], null, 1);
  save(new Blob([text], { type: "application/json" }), `${stem(prediction.path)}-emotions.json`);
}

// A row per point, as `predict --timeline -f csv`.
export function saveCsv(prediction, emotions) {
  const names = emotions.map(({ name }) => name);
  const { timeline } = prediction;
  const rows = timeline.time.map((_, at) => [
    prediction.path,
    ...POINT_NUMBERS.map((name) => timeline[name][at]),
    ...names.map((name) => timeline.emotions[name][at]),
    ...names.map((name) => timeline.intensities[name][at]),
  ]);
  const head = ["path", ...POINT_NUMBERS, ...names, ...prefixed("intensity_", names)];
  const text = csv([head, ...rows]);
  save(new Blob([text], { type: "text/csv" }), `${stem(prediction.path)}-emotions.csv`);
}

export function saveAllJson(predictions) {
  const text = JSON.stringify(predictions, null, 1);
  save(new Blob([text], { type: "application/json" }), "emotions.json");
}

// A row per file, as `predict -f csv`; there are no failures here.
export function saveAllCsv(predictions, emotions, top) {
  const names = emotions.map(({ name }) => name);
  const head = [
    ...["path", "duration", "model", "version", "top", "confidence", ...NUMBERS, ...FLAGS],
    ...[...names, ...prefixed("intensity_", names), ...prefixed("standing_", names)],
    ...["warnings", "error"],
  ];
  const rows = predictions.map((p) => [
    ...[p.path, p.duration, p.model, p.version, top(p), p.confidence],
    ...[...NUMBERS, ...FLAGS].map((name) => p[name]),
    ...[p.emotions, p.intensities, p.standing].flatMap((of) => names.map((name) => of[name])),
    ...[p.warnings.join("; "), ""],
  ]);
  const text = csv([head, ...rows]);
  save(new Blob([text], { type: "text/csv" }), "emotions.csv");
}

export function savePicture(prediction, peaks, emotions) {
  const style = getComputedStyle(document.documentElement);
  const ink = (name) => style.getPropertyValue(name).trim();
  const { width, margin, wave, river, row } = PICTURE;
  const rows = Math.ceil(emotions.length / 3);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = margin + 90 + wave + river + 60 + rows * row + margin;
  const pen = canvas.getContext("2d");
  const inner = width - 2 * margin;
  const font = style.fontFamily;
  pen.fillStyle = ink("--surface");
  pen.fillRect(0, 0, width, canvas.height);
  pen.textBaseline = "alphabetic";
  let y = margin + 24;
  pen.fillStyle = ink("--ink");
  pen.font = `600 34px ${font}`;
  pen.fillText(prediction.path, margin, y, inner);
  y += 36;
  pen.fillStyle = ink("--muted");
  pen.font = `22px ${font}`;
  const confidence = `confidence ${percent(prediction.confidence)}`;
  const facts = [clock(prediction.duration), `${prediction.model} ${prediction.version}`, confidence];
  pen.fillText(facts.join("  ·  "), margin, y, inner);
  y += 30;
  drawWave(pen, peaks, { left: margin, top: y, width: inner, height: wave - 20, ink: ink("--wave") });
  y += wave;
  drawAreas(pen, prediction, emotions, { left: margin, top: y, width: inner, height: river, font });
  y += river + 28;
  pen.fillStyle = ink("--muted");
  pen.font = `20px ${font}`;
  for (const time of ticks(prediction.duration, inner, 120)) {
    pen.fillText(clock(time), margin + (time / prediction.duration) * inner, y);
  }
  y += 32;
  emotions.forEach((emotion, number) => {
    const left = margin + Math.floor(number / rows) * (inner / 3);
    const top = y + (number % rows) * row;
    pen.fillStyle = emotion.colour;
    pen.fillRect(left, top, 22, 22);
    pen.fillStyle = ink("--ink");
    pen.font = `22px ${font}`;
    const share = percent(prediction.emotions[emotion.name]);
    pen.fillText(`${emotion.label}  ${share}`, left + 34, top + 19);
  });
  canvas.toBlob((blob) => save(blob, `${stem(prediction.path)}-emotions.png`), "image/png");
}

function drawWave(pen, peaks, { left, top, width, height, ink }) {
  pen.fillStyle = ink;
  const bars = Math.floor(width / 5);
  const loudest = Math.max(...peaks, 0.01);
  for (let bar = 0; bar < bars; bar += 1) {
    const from = Math.floor((bar / bars) * peaks.length);
    const to = Math.max(from + 1, Math.floor(((bar + 1) / bars) * peaks.length));
    const tall = Math.max(2, (Math.max(...peaks.slice(from, to)) / loudest) * height);
    pen.fillRect(left + bar * 5, top + (height - tall) / 2, 3, tall);
  }
}

function drawAreas(pen, prediction, emotions, { left, top, width, height, font }) {
  const points = series(prediction, emotions);
  const x = points.times.map((time) => left + (time / prediction.duration) * width);
  const y = edges(points).map((edge) => edge.map((value) => top + value * height));
  const path = {
    move: (a, b) => pen.moveTo(a, b),
    line: (a, b) => pen.lineTo(a, b),
    bezier: (...values) => pen.bezierCurveTo(...values),
  };
  emotions.forEach((emotion, number) => {
    pen.beginPath();
    trace(path, x, y[number]);
    trace(path, x, y[number + 1], true);
    pen.closePath();
    pen.fillStyle = emotion.colour;
    pen.fill();
  });
  pen.font = `600 22px ${font}`;
  emotions.forEach((emotion, number) => {
    const local = x.map((value) => value - left);
    const letters = emotion.label.length;
    const place = labelPlace(local, y[number], y[number + 1], letters, width, 14);
    if (!place || place.room < 30) return;
    pen.fillStyle = inkOn(emotion.colour);
    pen.textAlign = "center";
    pen.fillText(emotion.label, left + place.x, place.y + 8);
    pen.textAlign = "start";
  });
}
