// The page as a whole: what the server offers, what is dropped, what is on it.

import { file, json } from "./api.js";
import { top } from "./bars.js";
import { saveAllCsv, saveAllJson } from "./downloads.js";
import { clock, element, megabytes, percent, sentence } from "./format.js";
import { dropped, objection, readsOf, remainder } from "./intake.js";
import { List } from "./list.js";
import { Queue } from "./queue.js";
import { forget, forgetAll, remember, remembered, saveSettings, settings } from "./store.js";
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
const STORING = 2000; // milliseconds that rows wait for being kept
const find = (id) => document.getElementById(id);
const queue = new Queue(AT_ONCE);
let tracks = [];
let offer = null;
let list = null;
let early = []; // dropped before the server told what it offers
let lastOrder = 0;
let lastOpened = null;
let isRefreshing = false;
let isLeaving = false;
const changed = new Set(); // tracks that are to be kept as they are now
let wantsFile = null; // the track that a file is being chosen for

const context = {
  get emotions() {
    return offer.emotions;
  },
  queue,
  model: () => find("model").value,
  announce: (text) => {
    find("status").textContent = text;
  },
  changed: (track) => {
    if (!tracks.includes(track)) return;
    keepSoon(track);
    refreshSoon();
  },
  arrived: (track) => {
    if (tracks.length === 1) focusFromNowhere(track.element);
  },
  told: (track) => list.tell(track),
  removed,
  close: (track) => {
    track.close();
    refresh();
    list.focusRow(track);
  },
  chooseFor: (track) => {
    wantsFile = track;
    find("file-again").click();
  },
  playing: (track) => {
    for (const other of tracks) if (other !== track) other.pause();
  },
};

const done = () => tracks.map(({ prediction }) => prediction).filter(Boolean);

// Takes focus that is nowhere in particular, and leaves it where somebody has put it.
function focusFromNowhere(target) {
  const { activeElement } = document;
  if (activeElement === document.body || activeElement === find("choose")) target.focus();
}

// Full or forbidden storage is told where it says that results are kept. One that does not answer
// holds nothing up.
async function keep(some) {
  const isKept = remember(some.map(({ record }) => record)).then((kept) => {
    if (kept) return;
    find("kept").textContent = "This browser keeps no results: they are gone when the page is left.";
  });
  await Promise.race([isKept, new Promise((resolve) => setTimeout(resolve, STORING))]);
}

// Once for all that changes at a time. What changes while the page is left, such as answers that are
// no longer waited for, is nothing to keep.
function keepSoon(track) {
  if (isLeaving) return;
  if (!changed.size) {
    queueMicrotask(() => {
      keep([...changed].filter((each) => tracks.includes(each)));
      changed.clear();
    });
  }
  changed.add(track);
}

// Once for all that happens at a time.
function refreshSoon() {
  if (isRefreshing) return;
  isRefreshing = true;
  queueMicrotask(() => {
    isRefreshing = false;
    refresh();
  });
}

function refresh() {
  const isSeveral = tracks.length > 1;
  document.body.classList.toggle("has-tracks", tracks.length > 0);
  document.body.classList.toggle("several", isSeveral);
  const opened = tracks.filter(({ isOpen }) => isOpen);
  find("tracks").classList.toggle("beside", opened.length > 1);
  find("skip").hash = isSeveral ? "list" : tracks.length ? "tracks" : "main";
  find("list").hidden = !isSeveral;
  find("kept").hidden = !tracks.length;
  for (const id of ["all-json", "all-csv"]) find(id).disabled = !done().length;
  find("again-all").hidden = failedByChance().length < 2;
  if (isSeveral) list.draw(tracks);
  if (others().length === 0) find("offer").hidden = true;
  saveSettings({ ...list.settings, opened: opened.map(({ facts }) => facts.id) });
}

const failedByChance = () => tracks.filter(({ problem }) => problem?.remedy === "again");

// Opens a track's card; with `isSingle` the only one.
function open(track) {
  if (list.settings.isSingle) closeAllBut(track);
  track.open();
  lastOpened = track;
  refresh();
  track.element.focus();
  track.element.scrollIntoView({ block: "start" });
}

function closeAllBut(track) {
  for (const other of tracks) if (other !== track && other.isOpen) other.close();
}

function listChanged({ isSingle }) {
  if (isSingle) closeAllBut(lastOpened?.isOpen ? lastOpened : tracks.findLast((t) => t.isOpen));
  refresh();
}

function removed(track) {
  const next = list.neighbour(track);
  tracks = tracks.filter((other) => other !== track);
  forget(track.facts.id);
  if (tracks.length === 1) tracks[0].open();
  refresh();
  if (tracks.length > 1) list.focusRow(next);
  else (tracks[0]?.element ?? find("choose")).focus();
}

function create({ music, folder = "", example = null }) {
  lastOrder = Math.max(Date.now(), lastOrder + 1);
  const { name, size, lastModified: modified } = music;
  const id = `${lastOrder}-${Math.random().toString(36).slice(2)}`;
  return new Track({ id, order: lastOrder, name, folder, size, modified, example }, music, context);
}

function place(track) {
  tracks.push(track);
  find("tracks").append(track.element);
  return track;
}

// files: [{music, folder, example}]
async function add(files) {
  if (!offer) {
    early.push(...files);
    return;
  }
  const added = [];
  for (const given of files) {
    // What is kept without its sound gets it back.
    const known = tracks.find((track) => !track.music && track.isOf(given.music));
    if (known) known.attach(given.music);
    else added.push(create(given));
  }
  await keep(added); // so that what is seen is kept
  const only = tracks.length === 1 ? tracks[0] : null;
  added.forEach(place);
  // The first card opened by itself; beside others it waits in the list, unless it is heard.
  if (only && tracks.length > 1 && !only.isPlaying) only.close();
  if (tracks.length === 1) tracks[0].open();
  const reads = readsOf(find("files").accept);
  for (const track of added) {
    const against = objection(track.music, { reads, limit: offer.limits.upload_bytes });
    if (against) track.fail(against.text, against.remedy);
    else track.analyse();
  }
  refresh();
  if (tracks.length > 1) focusFromNowhere(find("list"));
}

async function restore() {
  for (const record of await remembered()) {
    try {
      place(Track.restored(record, context));
    } catch {
      forget(record.id); // of another version of the page
    }
  }
  const opened = new Set(list.settings.opened);
  for (const track of tracks) {
    if (tracks.length === 1 || opened.has(track.facts.id)) track.open();
  }
  lastOrder = tracks.at(-1)?.facts.order ?? 0;
  refresh();
}

// The files whose results are another model's.
const others = () => tracks.filter(({ prediction }) => prediction && prediction.model !== context.model());

function offerToAsk() {
  const [asked, model] = [others(), context.model()];
  find("offer").hidden = !asked.length;
  if (!asked.length) return;
  const files = asked.length === 1 ? "1 result is" : `${asked.length} results are`;
  const silent = asked.filter(({ music, facts }) => !music && !facts.example).length;
  const missing = silent ? ` Of ${silent} the files have to be dropped or chosen again for that.` : "";
  find("offer-text").textContent = `${files} of another model.${missing}`;
  find("offer-ask").textContent = `Ask ${model}`;
  context.announce(`${find("offer-text").textContent} A button below offers to ask ${model}.`);
}

function askOthers() {
  for (const track of others()) {
    if (track.music || track.facts.example) track.analyse();
    else track.analyseWhenThere();
  }
  find("offer").hidden = true;
  if (tracks.length > 1) find("list").focus();
  else tracks[0]?.element.focus();
}

function removeAll() {
  for (const track of tracks.splice(0)) track.discard();
  forgetAll();
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
    const music = await file(`api/examples/${example.name}`, `${example.name}.flac`);
    add([{ music, example: example.name }]);
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
  select.addEventListener("change", offerToAsk);
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

async function take(transfer) {
  find("notice").hidden = true;
  const found = await dropped(transfer, readsOf(find("files").accept));
  if (found.files.length) add(found.files);
  const text = remainder(found);
  if (text) notice(text);
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
    take(event.dataTransfer);
  });
  find("about").addEventListener("click", showAbout);
  for (const button of document.querySelectorAll("[data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  find("file-again").addEventListener("change", () => {
    const [music] = find("file-again").files;
    find("file-again").value = "";
    if (music && tracks.includes(wantsFile)) wantsFile.choose(music);
  });
  find("again-all").addEventListener("click", () => {
    for (const track of failedByChance()) track.tryAgain();
    find("list").focus();
  });
  find("offer-ask").addEventListener("click", askOthers);
  find("offer-leave").addEventListener("click", () => {
    find("offer").hidden = true;
    find("model").focus();
  });
  find("forget").addEventListener("click", () => find("forget-dialog").showModal());
  // At once: a dialog is told that it closed only later, and the page may be left before.
  find("forget-dialog").addEventListener("submit", ({ submitter }) => {
    if (submitter.value === "forget") removeAll();
  });
  find("forget-dialog").addEventListener("close", () => {
    if (!tracks.length) find("choose").focus();
  });
  // Leaving the page ended its jobs; a browser that shows the same page again knows nothing of it.
  addEventListener("pagehide", () => (isLeaving = true));
  addEventListener("pageshow", ({ persisted }) => {
    isLeaving = false;
    if (persisted && tracks.some(({ state }) => state === "pending")) location.reload();
  });
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
    list = new List(settings(), offer.emotions, { open, changed: listChanged });
    await restore();
    showExamples(await json("api/examples"));
    document.body.classList.add("started");
    add(early.splice(0));
  } catch (error) {
    notice(`${sentence(error.message)} Reload the page to try again.`);
  }
}

start();
