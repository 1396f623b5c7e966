// The page as a whole: what the server offers, what is dropped, what is on it.

import { file, json } from "./api.js";
import { top } from "./bars.js";
import { drawComparison } from "./compare.js";
import { saveAllCsv, saveAllJson } from "./downloads.js";
import { clock, element, megabytes, percent, sentence } from "./format.js";
import { Queue } from "./queue.js";
import { Track } from "./track.js";

// Of a model's card, what a listener may want to know.
const FIGURES = [
  { name: "accuracy", label: "names the emotion most listeners name", show: percent },
  { name: "top3_accuracy", label: "has it among its first three", show: percent },
  { name: "macro_f1", label: "macro F1", show: (value) => value.toFixed(2) },
  { name: "mean_pearson_r", label: "mean correlation with listeners", show: (r) => r.toFixed(2) },
  { name: "ece", label: "calibration error of its probabilities", show: percent },
];
const AT_ONCE = 2; // files on their way to the server
const find = (id) => document.getElementById(id);
const queue = new Queue(AT_ONCE);
let tracks = [];
let offer = null;
let early = []; // dropped before the server told what it offers

const context = {
  get emotions() {
    return offer.emotions;
  },
  queue,
  model: () => find("model").value,
  announce: (text) => {
    find("status").textContent = text;
  },
  changed: refresh,
  removed: (track) => {
    tracks = tracks.filter((other) => other !== track);
    refresh();
    find("choose").focus();
  },
  playing: (track) => {
    for (const other of tracks) if (other !== track) other.pause();
  },
};

function refresh() {
  const done = tracks.filter(({ prediction }) => prediction);
  document.body.classList.toggle("has-tracks", tracks.length > 0);
  find("tracks").classList.toggle("several", tracks.length > 1);
  find("skip").hash = tracks.length ? "tracks" : "main";
  find("compare").hidden = done.length < 2;
  if (done.length > 1) {
    drawComparison(
      find("compare-table"),
      done.map(({ prediction }) => prediction),
      offer.emotions,
    );
  }
}

// files: [{music, isFolder}]
function add(files) {
  if (!offer) {
    early.push(...files);
    return;
  }
  const limit = offer.limits.upload_bytes;
  for (const { music, isFolder } of files) {
    const track = new Track(music, context);
    tracks.push(track);
    find("tracks").append(track.element);
    if (isFolder) {
      track.refuse("this is a folder; open it and drop the files in it");
    } else if (music.size > limit) {
      track.refuse(`the file has ${megabytes(music.size)}; this server takes ${megabytes(limit)}`);
    } else {
      track.analyse();
    }
  }
  refresh();
}

function notice(text) {
  find("notice").textContent = sentence(text);
  find("notice").hidden = false;
}

async function addExample(example, button) {
  button.disabled = true;
  find("notice").hidden = true;
  try {
    add([{ music: await file(`api/examples/${example.name}`, `${example.name}.flac`) }]);
  } catch (error) {
    notice(error.message);
  } finally {
    button.disabled = false;
  }
}

function showModels() {
  const select = find("model");
  select.replaceChildren(
    ...offer.models.map(({ name, summary }) =>
      element("option", { value: name, title: summary, selected: name === offer.default }, name),
    ),
  );
  select.disabled = false;
  select.addEventListener("change", () => {
    context.announce(`model ${select.value}: all files are analysed again`);
    for (const track of tracks) track.analyse();
  });
}

function showExamples(examples) {
  const colours = new Map(offer.emotions.map(({ name, colour }) => [name, colour]));
  find("example-list").replaceChildren(
    ...examples.map((example) => {
      const colour = colours.get(example.name) ?? null;
      const dot = element("span", { class: "dot", "aria-hidden": "true" });
      if (colour) dot.style.setProperty("--colour", colour);
      else dot.classList.add("many");
      const button = element(
        "button",
        { type: "button", class: "chip", title: `${example.description}, ${clock(example.seconds)}` },
        dot,
        example.label,
      );
      button.addEventListener("click", () => addExample(example, button));
      return element("li", {}, button);
    }),
  );
  find("examples").hidden = false;
}

function showMeanings() {
  find("meaning-list").replaceChildren(
    ...offer.emotions.map(({ label, meaning, colour }) =>
      element(
        "div",
        {},
        element("dt", {}, element("span", { class: "dot", colour, "aria-hidden": "true" }), label),
        element("dd", {}, meaning),
      ),
    ),
  );
  find("meanings").hidden = false;
}

function showAbout() {
  const model = offer.models.find(({ name }) => name === find("model").value);
  find("about-title").textContent = `${model.name} ${model.version}`;
  const body = find("about-body");
  body.replaceChildren();
  const paragraph = (text) => text && body.append(element("p", {}, text));
  paragraph(model.summary);
  paragraph(model.use_when && `Use it ${model.use_when}.`);
  const figures = FIGURES.filter(({ name }) => name in model.figures);
  if (figures.length) {
    const rows = figures.map(({ name, label, show }) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, label),
        element("td", { class: "number" }, show(model.figures[name])),
      ),
    );
    body.append(element("h3", {}, "What it is worth"), element("table", {}, ...rows));
    paragraph(model.protocol && `Measured so: ${model.protocol}`);
  } else {
    paragraph("Its card gives no measured figures.");
  }
  for (const [title, lines] of [
    ["Limits", model.limits],
    ["Licences", model.licences],
  ]) {
    if (!lines.length) continue;
    body.append(
      element("h3", {}, title),
      element("ul", {}, ...lines.map((line) => element("li", {}, line))),
    );
  }
  const window = `${model.window_seconds.toFixed(0)} s`;
  paragraph(
    "The river has a point for every 3 s. " +
      (model.window_seconds > 3
        ? `Each is heard from the ${window} around it, from less at the ends of a track; `
        : `Each is heard from ${window} of sound; `) +
      `the whole is their mean. The model has ${megabytes(model.size_bytes)}.`,
  );
  find("about-dialog").showModal();
}

// A folder arrives as a file that cannot be read; only its entry says what it is.
function dropped({ items }) {
  return [...items]
    .filter(({ kind }) => kind === "file")
    .map((item) => ({
      music: item.getAsFile(),
      isFolder: item.webkitGetAsEntry?.()?.isDirectory ?? false,
    }))
    .filter(({ music }) => music);
}

function wire() {
  const input = find("files");
  find("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add([...input.files].map((music) => ({ music })));
    input.value = "";
  });
  // Anywhere on the page will do.
  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) document.body.classList.remove("dragging");
  });
  addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    document.body.classList.remove("dragging");
    add(dropped(event.dataTransfer));
  });
  find("about").addEventListener("click", showAbout);
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  const done = () => tracks.map(({ prediction }) => prediction).filter(Boolean);
  find("all-json").addEventListener("click", () => saveAllJson(done()));
  find("all-csv").addEventListener("click", () => saveAllCsv(done(), offer.emotions, top));
}

async function start() {
  wire();
  try {
    offer = await json("api/models");
    const { upload_bytes: bytes, audio_seconds: seconds } = offer.limits;
    const more = find("files").accept.includes("video/*") ? "; M4A, WMA, videos and others, too" : "";
    find("limits").textContent =
      `MP3, WAV, FLAC, Ogg, Opus or AIFF, up to ${megabytes(bytes)} and ` +
      `${Math.round(seconds / 60)} minutes each${more}. ` +
      "Files go to this server only, and are gone after the analysis.";
    showModels();
    showMeanings();
    showExamples(await json("api/examples"));
    document.body.classList.add("started");
    add(early.splice(0));
  } catch (error) {
    notice(`${sentence(error.message)} Reload the page to try again.`);
  }
}

start();
