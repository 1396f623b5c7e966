// The page as a whole: it draws the plane, and moves, points and selects on it.

import { readNames, readTracks, valueOn } from "./data.js";
import { Grid, View, nextTowards, ticks } from "./plane.js";
import { channels, paint, pixelOf, seen, stamp } from "./dots.js";
import { Filters } from "./filters.js";
import { m3u8, nameOf, save } from "./playlist.js";
import { Panel, clock, counted, dotOf, element, factsOf, find, told } from "./panel.js";

const EDGES = { left: 58, right: 14, top: 12, bottom: 44 }; // pixels around the area of the dots
const NEAR = 12; // pixels from a dot at which it is pointed at
const STILL = 4; // pixels that a click may move
const CLOSER = 1.5; // by a button or key
const TURN = 0.0015; // of zoom by a pixel of the wheel
const PANNED = 60; // pixels by a key
const DIMMED = 0.16; // opacity of what is not selected, beside what is
const WAITING = 150; // milliseconds after the last letter of a search
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const BY_COUNT = [
  { most: 300, radius: 5 },
  { most: 3_000, radius: 3.5 },
  { most: 20_000, radius: 2.2 },
  { most: Infinity, radius: 1.4 },
];

const stage = find("stage");
let tracks, lists, filters, panel, grid, view, axes;
let shown, shownCount, selected;
let selectedTracks = [];
let pointed = null; // the track that the pointer is at
let chosen = null; // the track that is told of
let lasso = null; // places of the line that is being drawn
let colours; // a pixel for each track
let hexes; // of the emotions, as they are seen in this theme
let isDrawing = false;

const isShown = (track) => shown[track] === 1;
const placeOf = (track) => ({ x: grid.xs[track], y: grid.ys[track] });
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Drawing

function draw() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    drawDots();
    drawMarks();
  });
}

function sized(canvas, { left, top, width, height }) {
  const ratio = devicePixelRatio || 1;
  const [across, up] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== across || canvas.height !== up) [canvas.width, canvas.height] = [across, up];
  Object.assign(canvas.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  return { context: canvas.getContext("2d"), ratio };
}

function radius() {
  const { radius: plain } = BY_COUNT.find(({ most }) => shownCount <= most);
  return Math.min(7, plain * Math.max(1, view.zoom) ** 0.3);
}

function drawDots() {
  const { width, height } = view;
  const { context, ratio } = sized(find("dots"), { left: EDGES.left, top: EDGES.top, width, height });
  const image = context.createImageData(context.canvas.width, context.canvas.height);
  new Uint32Array(image.data.buffer).fill(pixelOf(channels(style("--surface"))));
  const [ax, ay] = [image.width / (view.right - view.left), -image.height / (view.top - view.bottom)];
  const drawn = {
    xs: grid.xs,
    ys: grid.ys,
    place: { ax, bx: -view.left * ax, ay, by: -view.top * ay },
    colours,
    disc: stamp(radius() * ratio),
  };
  const isSome = selectedTracks.length > 0;
  paint(image, grid.tracks, { ...drawn, opacity: isSome ? DIMMED : 0.9, takes: isShown });
  if (isSome) {
    const takes = (track) => shown[track] && grid.has(track);
    paint(image, selectedTracks, { ...drawn, opacity: 1, takes });
  }
  context.putImageData(image, 0, 0);
}

function drawMarks() {
  const box = stage.getBoundingClientRect();
  const { context, ratio } = sized(find("marks"), { left: 0, top: 0, width: stage.clientWidth, height: stage.clientHeight });
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  const [muted, ink, line] = [style("--muted"), style("--ink"), style("--control")];
  context.font = "12px system-ui, sans-serif";
  const [right, bottom] = [EDGES.left + view.width, EDGES.top + view.height];
  context.lineWidth = 1;
  context.fillStyle = muted;
  const rule = (from, to, isZero) => {
    context.globalAlpha = isZero ? 0.9 : 0.22;
    context.strokeStyle = line;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    context.globalAlpha = 1;
  };
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const { step, value, text } of ticks(axes.x, tracks.steps, view.left, view.right)) {
    const x = Math.round(EDGES.left + view.pixels({ x: step, y: 0 }).x) + 0.5;
    rule([x, EDGES.top], [x, bottom], Math.abs(value) < 1e-9);
    context.fillText(text, x, bottom + 5);
  }
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const { step, value, text } of ticks(axes.y, tracks.steps, view.bottom, view.top)) {
    const y = Math.round(EDGES.top + view.pixels({ x: 0, y: step }).y) + 0.5;
    rule([EDGES.left, y], [right, y], Math.abs(value) < 1e-9);
    context.fillText(text, EDGES.left - 5, y);
  }
  context.strokeStyle = ink;
  for (const [track, width] of [[chosen, 2.5], [pointed, 1.5]]) {
    if (track === null || !grid.has(track)) continue;
    const { x, y } = view.pixels(placeOf(track));
    if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
    context.lineWidth = width;
    context.beginPath();
    context.arc(EDGES.left + x, EDGES.top + y, radius() + 3, 0, 2 * Math.PI);
    context.stroke();
  }
  if (!lasso) return;
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  context.beginPath();
  for (const place of lasso) {
    const { x, y } = view.pixels(place);
    context.lineTo(EDGES.left + x, EDGES.top + y);
  }
  context.closePath();
  context.stroke();
  context.setLineDash([]);
}

function takeColours() {
  const ground = channels(style("--surface"));
  const all = tracks.emotions.map(({ colour }) => seen(channels(colour), ground));
  hexes = all.map((colour) => `#${colour.map((part) => part.toString(16).padStart(2, "0")).join("")}`);
  const pixels = all.map(pixelOf);
  colours = Uint32Array.from(tracks.top, (emotion) => pixels[emotion]);
}

// Axes

function takeAxes() {
  axes = { x: tracks.axes[find("across").value], y: tracks.axes[find("up").value] };
  grid = new Grid(axes.x.values, axes.y.values, tracks.steps);
  for (const [id, { label, meaning, ends }] of [["across", axes.x], ["up", axes.y]]) {
    find(`${id}-title`).textContent = `${label}, ${meaning}`;
    [find(`${id}-low`).textContent, find(`${id}-high`).textContent] = ends;
  }
  stage.setAttribute("aria-label", `Map of tracks: ${axes.x.label} from left to right, ${axes.y.label} upwards`);
}

function fit() {
  view.fit(grid, isShown, { x: axes.x.low < 0, y: axes.y.low < 0 });
  draw();
}

// What is shown and selected

function filtered() {
  const emotions = new Set();
  find("legend").querySelectorAll("input").forEach((box, emotion) => box.checked && emotions.add(emotion));
  const number = (id) => Number(find(id).value) || 0;
  return { text: find("text").value, artist: find("artist").value, genre: find("genre").value, from: number("from"), to: number("to"), emotions };
}

function applyFilters() {
  shown = filters.shown(filtered());
  tellShown();
  panelList();
  draw();
}

function tellShown() {
  shownCount = 0;
  let placed = 0;
  for (let track = 0; track < tracks.count; track += 1) {
    if (!shown[track]) continue;
    shownCount += 1;
    if (grid.has(track)) placed += 1;
  }
  const unplaced = shownCount - placed;
  const names = axes.x === axes.y ? axes.x.label : `${axes.x.label} or ${axes.y.label}`;
  find("count").textContent =
    `${shownCount.toLocaleString("en")} of ${counted(tracks.count)} shown` +
    (unplaced ? `; ${unplaced.toLocaleString("en")} without ${names} not on the map` : "");
}

const allShown = () => Array.from(shown.keys()).filter(isShown);

function panelList() {
  panel?.list(selectedTracks.length ? selectedTracks : allShown());
}

// does: new, add or remove
function select(found, does = "new") {
  if (does === "new") selected.fill(0);
  for (const track of found) selected[track] = does === "remove" ? 0 : 1;
  selectedTracks = Array.from(selected.keys()).filter((track) => selected[track]);
  tellSelection();
  panelList();
  draw();
}

const isLeftOut = (track) => !tracks.music[track];

function tellSelection() {
  const seconds = selectedTracks.reduce((sum, track) => sum + Math.max(0, tracks.seconds[track]), 0);
  const count = selectedTracks.length;
  find("selected").textContent = count ? `${counted(count)}, ${clock(seconds)}` : "Nothing is selected.";
  find("select-none").disabled = !count;
  const leftOut = selectedTracks.filter(isLeftOut).length;
  find("other-row").hidden = !leftOut;
  find("other-text").textContent = `Also ${counted(leftOut)} of speech or longer than ${tracks.longest} minutes`;
  find("save").disabled = count === (find("other").checked ? 0 : leftOut);
  tellChosen();
}

function tellChosen() {
  find("choose").setAttribute("aria-pressed", String(chosen !== null && selected[chosen] === 1));
}

function toggle(track) {
  if (track !== null) select([track], selected[track] ? "remove" : "add");
}

function choose(track, { announces = false } = {}) {
  chosen = track;
  panel.show(track);
  tellChosen();
  if (track !== null && grid.has(track)) view.show(placeOf(track));
  if (announces) find("status").textContent = sentenceOf(track);
  draw();
}

const numbersOf = (track) =>
  [...new Set([axes.x, axes.y])].map((axis) => told(axis, valueOn(axis, track, tracks.steps)));

function sentenceOf(track) {
  const state = selected[track] ? ", selected" : "";
  const { label } = tracks.emotions[tracks.top[track]];
  return `${nameOf(tracks, lists, track)}: ${label}, ${numbersOf(track).join(", ")}${state}`;
}

// Pointing

const taken = (track) => isShown(track);

function at(event) {
  const box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left - stage.clientLeft - EDGES.left, y: event.clientY - box.top - stage.clientTop - EDGES.top };
}

const trackAt = (point) => grid.nearest(view.place(point), view.reach(NEAR), taken);

function point(position) {
  const track = position && lists ? trackAt(position) : null;
  if (track !== pointed) {
    pointed = track;
    requestAnimationFrame(drawMarks);
  }
  const tip = find("tip");
  tip.hidden = track === null;
  if (track === null) return;
  const facts = factsOf(tracks, lists, track).filter(([name]) => !["File", "Mood", "Leading"].includes(name));
  const label = tracks.emotions[tracks.top[track]].label;
  tip.replaceChildren(
    element("b", {}, lists.title[track]),
    facts.map(([, value]) => value).join(" · "),
    element("br"),
    `${label}; ${numbersOf(track).join(", ")}`,
  );
  const { x, y } = view.pixels(placeOf(track));
  const [left, top] = [EDGES.left + x + 14, EDGES.top + y + 14];
  tip.style.left = `${Math.max(4, left + tip.offsetWidth > stage.clientWidth ? left - tip.offsetWidth - 28 : left)}px`;
  tip.style.top = `${Math.max(4, top + tip.offsetHeight > stage.clientHeight ? top - tip.offsetHeight - 28 : top)}px`;
}

function wirePointer() {
  const pointers = new Map();
  let start = null; // {x, y} where a click or a lasso began
  let apart = 0; // pixels between two fingers
  const between = () => {
    const [one, other] = [...pointers.values()];
    return { far: Math.hypot(one.x - other.x, one.y - other.y), x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    if (pointers.size === 2) {
      lasso = start = null;
      apart = between().far;
      return;
    }
    start = at(event);
    if (event.shiftKey || stage.classList.contains("lasso")) lasso = [view.place(start)];
  });
  stage.addEventListener("pointermove", (event) => {
    const now = at(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      point(now);
      return;
    }
    pointers.set(event.pointerId, now);
    if (pointers.size === 2) {
      const { far, x, y } = between();
      view.scale(far / Math.max(1, apart), { x, y });
      apart = far;
      draw();
      return;
    }
    point(null);
    if (lasso) {
      for (const one of event.getCoalescedEvents?.() ?? []) lasso.push(view.place(at(one)));
      lasso.push(view.place(now));
      requestAnimationFrame(drawMarks);
    } else if (start && Math.hypot(now.x - start.x, now.y - start.y) > STILL) {
      view.move(now.x - before.x, now.y - before.y);
      pointers.set(event.pointerId, now);
      start.isMoved = true;
      draw();
    } else if (start) pointers.set(event.pointerId, before);
  });
  const ended = (event) => {
    const isLast = pointers.delete(event.pointerId) && !pointers.size;
    if (!isLast || !start || event.type === "pointercancel") {
      lasso = null;
      return;
    }
    const [now, drawn, begun] = [at(event), lasso, start];
    lasso = start = null;
    const isClick = Math.hypot(now.x - begun.x, now.y - begun.y) <= STILL && !begun.isMoved;
    if (isClick && (drawn?.length ?? 0) <= 3) choose(lists ? trackAt(now) : null);
    else if (drawn) select(grid.inside(drawn, isShown), find("does").value);
    draw();
  };
  stage.addEventListener("pointerup", ended);
  stage.addEventListener("pointercancel", ended);
  stage.addEventListener("pointerleave", () => point(null));
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 0 ? 1 : 30);
      view.scale(Math.exp(-TURN * pixels), at(event));
      point(null);
      draw();
    },
    { passive: false },
  );
}

// Keys

function step(direction) {
  if (!lists) return;
  const middle = view.place({ x: view.width / 2, y: view.height / 2 });
  const next =
    chosen !== null && isShown(chosen) && grid.has(chosen)
      ? nextTowards(grid, view, placeOf(chosen), direction, isShown)
      : grid.nearest(middle, { x: 4 * tracks.steps, y: 4 * tracks.steps }, isShown);
  if (next === null) find("status").textContent = "There is no track further that way.";
  else choose(next, { announces: true });
}

function pressed(event) {
  const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey) return;
  const arrow = ARROWS[key];
  if (arrow && shiftKey) view.move(-PANNED * arrow[0], -PANNED * arrow[1]);
  else if (arrow) step(arrow);
  else if (key === "+" || key === "=") view.scale(CLOSER);
  else if (key === "-") view.scale(1 / CLOSER);
  else if (key === "0") view.whole();
  else if (key === " " || key === "Enter") {
    toggle(chosen);
    if (chosen !== null) find("status").textContent = sentenceOf(chosen);
  } else if (key === "p" || key === "P") panel.play();
  else if (key === "Escape") select([]);
  else return;
  event.preventDefault();
  draw();
}

// The page

function fillChoices() {
  const known = tracks.axes.map(({ values }) => values.some((step) => step <= tracks.steps));
  const first = known[0] && known[1] ? [0, 1] : [tracks.axes.length - 3, tracks.axes.length - 1];
  for (const [id, chosenAxis] of [["across", first[0]], ["up", first[1]]]) {
    const options = tracks.axes.map(({ label }, number) => new Option(label, number, false, number === chosenAxis));
    options.forEach((option, number) => (option.disabled = !known[number]));
    find(id).replaceChildren(...options);
    find(id).disabled = false;
  }
}

function fillLegend() {
  const counts = tracks.emotions.map(() => 0);
  for (const emotion of tracks.top) counts[emotion] += 1;
  const labels = tracks.emotions.map(({ label }, emotion) => {
    const box = element("input", { type: "checkbox", checked: "" });
    return element("label", {}, box, dotOf(hexes[emotion]), ` ${label} (${counts[emotion].toLocaleString("en")})`);
  });
  find("legend").append(...labels);
}

function fillGenres() {
  const options = filters.genres().map(([genre, count]) => new Option(`${genre} (${count.toLocaleString("en")})`, genre));
  find("genre").append(...options);
}

function setTheme(isDark) {
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  find("theme").setAttribute("aria-pressed", String(isDark));
  if (!tracks) return;
  takeColours();
  find("legend").querySelectorAll(".dot").forEach((dot, emotion) => dot.style.setProperty("--colour", hexes[emotion]));
  if (panel) {
    panel.show(chosen);
    panelList();
  }
  draw();
}

function setDragging(isLasso) {
  stage.classList.toggle("lasso", isLasso);
  find("lassoes").setAttribute("aria-pressed", String(isLasso));
  find("moves").setAttribute("aria-pressed", String(!isLasso));
}

function wire() {
  const press = (id, action) => find(id).addEventListener("click", action);
  press("moves", () => setDragging(false));
  press("lassoes", () => setDragging(true));
  press("closer", () => (view.scale(CLOSER), draw()));
  press("farther", () => (view.scale(1 / CLOSER), draw()));
  press("fit", fit);
  press("whole", () => (view.whole(), draw()));
  press("choose", () => toggle(chosen));
  press("select-shown", () => select(allShown(), find("does").value));
  press("select-view", () => {
    const { left, right, bottom, top } = view;
    const corners = [[left, bottom], [right, bottom], [right, top], [left, top]];
    select(grid.inside(corners.map(([x, y]) => ({ x, y })), isShown), find("does").value);
  });
  press("select-none", () => (select([]), find("select-shown").focus()));
  press("save", () => {
    const taken = selectedTracks.filter((track) => find("other").checked || !isLeftOut(track));
    save("selection.m3u8", m3u8(tracks, lists, taken));
    find("status").textContent = `${counted(taken.length)} saved as selection.m3u8`;
  });
  find("other").addEventListener("change", tellSelection);
  for (const id of ["across", "up"]) {
    find(id).addEventListener("change", () => {
      takeAxes();
      tellShown();
      point(null);
      fit();
    });
  }
  stage.addEventListener("keydown", pressed);
  wirePointer();
}

function wireFilters() {
  const form = find("filters");
  let waiting = 0;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => {
    if (target.id === "across" || target.id === "up") return;
    clearTimeout(waiting);
    waiting = setTimeout(applyFilters, target.tagName === "SELECT" ? 0 : WAITING);
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault(); // the axes stay
    for (const id of ["text", "artist", "genre", "from", "to"]) find(id).value = "";
    for (const box of find("legend").querySelectorAll("input")) box.checked = true;
    applyFilters();
  });
  find("legend").addEventListener("change", applyFilters);
  for (const field of form.querySelectorAll(":disabled")) field.disabled = false;
}

async function start() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches);
  dark.addEventListener("change", () => setTheme(dark.matches));
  find("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
  try {
    tracks = await readTracks();
  } catch (error) {
    find("notice").textContent = `The page cannot be shown: ${error.message}. It needs a browser of 2023 or newer, and the whole file.`;
    find("notice").hidden = false;
    return;
  }
  [shown, selected] = [new Uint8Array(tracks.count).fill(1), new Uint8Array(tracks.count)];
  view = new View(tracks.steps);
  fillChoices();
  takeColours();
  takeAxes();
  tellShown();
  fillLegend();
  const resize = () => view.resize(stage.clientWidth - EDGES.left - EDGES.right, stage.clientHeight - EDGES.top - EDGES.bottom);
  resize();
  view.fit(grid, isShown, { x: axes.x.low < 0, y: axes.y.low < 0 });
  drawDots();
  drawMarks();
  new ResizeObserver(() => (resize(), draw())).observe(stage);
  requestAnimationFrame(() => setTimeout(startWithNames));
}

// The first picture is there; what follows needs the tracks' names.
async function startWithNames() {
  performance.mark("picture");
  lists = await readNames(tracks);
  filters = new Filters(tracks, lists);
  panel = new Panel(tracks, lists, { chosen: (track) => choose(track), colourOf: (emotion) => hexes[emotion] });
  fillGenres();
  wire();
  wireFilters();
  panelList();
  document.body.classList.add("started");
}

start();
