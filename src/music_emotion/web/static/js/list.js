// All files in one table that can be sorted and filtered, and on one plane.

import { element, percent, signed } from "./format.js";
import { ENDS, drawMany, third } from "./plane.js";

const NARROW = matchMedia("(max-width: 640px)"); // as in the style sheet
const FIXED = 2; // columns of every row: the name and the buttons
const ORDERS = { pending: 0, done: 1, failed: 2 };
const STATES = { pending: "in work", done: "done", failed: "failed" };
const SILENCE = "silence"; // stands for the leading emotion where there is none
const ADDED = { key: "added", isDown: false };
export const UNTOUCHED = {
  sort: ADDED,
  filter: { name: "", leading: "", state: "", confidence: 0, valence: "", arousal: "" },
  isSingle: true,
  showsAll: false,
  opened: [],
};
const NAMES = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

// What a track is sorted by; null goes last, whichever way.
const KEYS = {
  added: ({ facts }) => facts.order,
  name: ({ path }) => path,
  leading: (track) => track.prediction && (track.leading ?? SILENCE),
  confidence: ({ prediction }) => prediction?.confidence ?? null,
  valence: ({ prediction }) => prediction?.valence ?? null,
  arousal: ({ prediction }) => prediction?.arousal ?? null,
  state: ({ state }) => ORDERS[state],
};

// The tracks in an order that keeps equal ones as they were added.
export function sorted(tracks, { key, isDown }) {
  const value = KEYS[key] ?? KEYS.added;
  const compare = (a, b) => (typeof a === "string" ? NAMES.compare(a, b) : a - b);
  return [...tracks].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    return (isDown ? -1 : 1) * compare(a, b) || one.facts.order - other.facts.order;
  });
}

// Whether a filter lets a track through; what has no result has no numbers to ask for.
export function passes(track, { name, leading, state, confidence, valence, arousal }) {
  const { prediction } = track;
  const words = name.toLowerCase().split(/\s+/);
  const path = track.path.toLowerCase();
  if (!words.every((word) => path.includes(word))) return false;
  if (state && track.state !== state) return false;
  if (leading && (!prediction || (track.leading ?? SILENCE) !== leading)) return false;
  if (confidence && !(prediction?.confidence >= confidence / 100)) return false;
  return [["valence", valence], ["arousal", arousal]].every(
    ([dimension, wanted]) =>
      wanted === "" || (prediction && third(prediction[dimension]) === Number(wanted)),
  );
}

function rowButton(text, label, act) {
  const button = element("button", { type: "button", "aria-label": label }, text);
  button.addEventListener("click", act);
  return button;
}

const find = (id) => document.getElementById(id);

export class List {
  #tracks = [];
  #rows = new Map(); // of tracks, by their ids
  #largest = 1; // of all shares that are shown
  #columns = FIXED; // that are shown
  #shown = new WeakMap(); // what stands in each row
  #options;
  #emotions;
  #acts;

  // acts: {open(track), changed(settings)}
  constructor(settings, emotions, acts) {
    this.#options = { ...UNTOUCHED, ...settings };
    this.#options.filter = { ...UNTOUCHED.filter, ...settings.filter };
    this.#options.sort = { ...UNTOUCHED.sort, ...settings.sort };
    this.#emotions = emotions;
    this.#acts = acts;
    this.#fillSelects();
    this.#wire();
    this.#showSettings();
  }

  get settings() {
    return this.#options;
  }

  #fillSelects() {
    const option = (value, text) => element("option", { value }, text);
    find("filter-leading").append(
      ...this.#emotions.map(({ name, label }) => option(name, label)),
      option(SILENCE, SILENCE),
    );
    find("filter-state").append(...Object.entries(STATES).map(([name, text]) => option(name, text)));
    for (const [dimension, [low, high]] of Object.entries(ENDS)) {
      const words = [low, "in between", high];
      find(`filter-${dimension}`).append(...words.map((text, number) => option(number, text)));
    }
  }

  #wire() {
    for (const field of document.querySelectorAll("[data-filter]")) {
      field.addEventListener("input", () => {
        this.#options.filter[field.dataset.filter] = field.value;
        this.#touched();
      });
    }
    find("filter-none").addEventListener("click", () => {
      this.#options.filter = { ...UNTOUCHED.filter };
      this.#showSettings();
      this.#touched();
      find("filter-name").focus();
    });
    for (const button of document.querySelectorAll("[data-sort]")) {
      button.addEventListener("click", () => this.#sortBy(button.dataset.sort));
    }
    find("sort").addEventListener("change", () => {
      const [key, way] = find("sort").value.split(" ");
      this.#options.sort = { key, isDown: way === "down" };
      this.#showSettings();
      this.#touched();
    });
    find("all-nine").addEventListener("change", () => {
      this.#options.showsAll = find("all-nine").checked;
      this.#touched();
    });
    NARROW.addEventListener("change", () => this.draw(this.#tracks));
    find("one-open").addEventListener("change", () => {
      this.#options.isSingle = find("one-open").checked;
      this.#acts.changed(this.#options);
    });
  }

  // Up, down, and as they were added.
  #sortBy(key) {
    const { sort } = this.#options;
    if (sort.key !== key) this.#options.sort = { key, isDown: false };
    else this.#options.sort = sort.isDown ? ADDED : { key, isDown: true };
    this.#showSettings();
    this.#touched();
  }

  #showSettings() {
    const { sort, filter, isSingle, showsAll } = this.#options;
    for (const field of document.querySelectorAll("[data-filter]")) {
      field.value = filter[field.dataset.filter];
    }
    for (const button of document.querySelectorAll("[data-sort]")) {
      const isThis = button.dataset.sort === sort.key;
      const way = sort.isDown ? "descending" : "ascending";
      button.closest("th").setAttribute("aria-sort", isThis ? way : "none");
    }
    find("sort").value = `${sort.key} ${sort.isDown ? "down" : "up"}`;
    find("one-open").checked = isSingle;
    find("all-nine").checked = showsAll;
  }

  #touched() {
    this.#acts.changed(this.#options);
    this.draw(this.#tracks);
  }

  // Draws all; rows that are there stay the same elements, so that focus stays in them.
  draw(tracks) {
    this.#tracks = tracks;
    const models = new Set(tracks.filter((t) => t.prediction).map((t) => modelOf(t.prediction)));
    find("list-table").classList.toggle("all-nine", this.#options.showsAll);
    find("list-table").classList.toggle("models", models.size > 1);
    this.#largest = Math.max(
      ...tracks.flatMap(({ prediction }) => (prediction ? Object.values(prediction.emotions) : [])),
    );
    this.#drawHead();
    this.#countColumns();
    const shown = sorted(tracks, this.#options.sort).filter((t) => passes(t, this.#options.filter));
    const body = find("list-table").tBodies[0];
    const rows = shown.map((track) => this.#row(track));
    for (const id of [...this.#rows.keys()]) {
      if (!tracks.some(({ facts }) => facts.id === id)) this.#rows.delete(id);
    }
    for (const track of shown) this.#fill(track);
    if (rows.length !== body.rows.length || rows.some((row, at) => row !== body.rows[at])) {
      const { activeElement } = document;
      body.replaceChildren(...rows);
      if (body.contains(activeElement)) activeElement.focus({ preventScroll: true });
    }
    const isFiltered = shown.length < tracks.length;
    find("list-count").textContent = isFiltered
      ? `${shown.length} of ${tracks.length} files`
      : `${tracks.length} files`;
    find("filter-none").hidden = !isFiltered;
    find("list-none").hidden = shown.length > 0;
    this.#drawPlane(shown);
  }

  // The columns of the nine emotions stand in the head where they are shown.
  #drawHead() {
    const row = find("list-table").tHead.rows[0];
    for (const old of row.querySelectorAll(".share")) old.remove();
    if (!this.#options.showsAll) return;
    const heads = this.#emotions.map(({ label, meaning }) =>
      element("th", { scope: "col", class: "share", title: meaning }, label),
    );
    row.querySelector(".model").before(...heads);
  }

  // A cell may span those only that are shown, or it makes others.
  #countColumns() {
    const cells = [...find("list-table").tHead.rows[0].cells];
    this.#columns = cells.filter((cell) => getComputedStyle(cell).display !== "none").length;
    // A narrow table has the state of what has no result in the place of that.
    if (NARROW.matches) this.#columns = Math.max(this.#columns, FIXED + 1);
  }

  #drawPlane(shown) {
    const heard = shown
      .filter((track) => track.prediction && track.leading)
      .map(({ facts, path, prediction, leading }) => {
        const { colour } = this.#emotions.find(({ name }) => name === leading);
        return { id: facts.id, name: path, prediction, colour };
      });
    const open = (id) => this.#acts.open(this.#tracks.find(({ facts }) => facts.id === id));
    drawMany(find("list-plane"), heard, open);
    find("list-plane-pane").hidden = !heard.length;
  }

  // The track whose row stands next to that of another.
  neighbour(track) {
    const row = this.#rows.get(track.facts.id);
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    return this.#tracks.find(({ facts }) => facts.id === next?.dataset.id);
  }

  // Where focus goes that has to do with a track; the list itself where its row is filtered away.
  focusRow(track) {
    const row = this.#rows.get(track?.facts.id);
    const target = row?.isConnected ? row.querySelector("button") : find("list");
    target.focus();
  }

  // Says how far a track is, without drawing anything else.
  tell(track) {
    if (this.#rows.has(track.facts.id)) this.#fill(track);
  }

  #row(track) {
    const { id } = track.facts;
    if (!this.#rows.has(id)) {
      const row = element("tr", { "data-id": id });
      const lit = (isOn) => () =>
        find("list-plane").querySelector(`[data-id="${id}"]`)?.classList.toggle("lit", isOn);
      for (const [events, isOn] of [[["mouseenter", "focusin"], true], [["mouseleave", "focusout"], false]]) {
        for (const event of events) row.addEventListener(event, lit(isOn));
      }
      row.append(this.#nameCell(track), this.#stateCell(), this.#removeCell(track));
      this.#rows.set(id, row);
    }
    return this.#rows.get(id);
  }

  #nameCell(track) {
    const button = element("button", { type: "button", class: "opens", title: track.path });
    const { name, folder } = track.facts;
    button.append(name);
    if (folder) button.append(" ", element("span", { class: "folder" }, folder));
    button.setAttribute("aria-controls", track.element.id);
    button.addEventListener("click", () => this.#acts.open(track));
    return element("th", { scope: "row" }, button);
  }

  #fill(track) {
    const row = this.#row(track);
    const { prediction, state } = track;
    row.dataset.state = state;
    const opens = row.querySelector(".opens");
    if (track.isOpen) opens.setAttribute("aria-current", "true");
    else opens.removeAttribute("aria-current");
    const told = { pending: track.progress, failed: track.problem?.text, done: STATES.done }[state];
    // Nothing is made anew that is as it was: there may be hundreds of rows.
    const { showsAll } = this.#options;
    const shows = [prediction, told, this.#columns, showsAll && this.#largest];
    if (shows.every((part, at) => part === this.#shown.get(row)?.[at])) return;
    this.#shown.set(row, shows);
    const cell = row.querySelector(".state");
    for (const old of row.querySelectorAll("td:not(.state, .acts)")) old.remove();
    if (prediction) cell.before(...this.#numbers(track));
    cell.colSpan = prediction ? 1 : this.#columns - FIXED;
    cell.querySelector(".said").textContent = told;
    this.#fillActs(cell.querySelector(".remedies"), track);
  }

  // What can be done in a state; the button stays as long as it says the same, and focus in it.
  #fillActs(place, track) {
    const [text, act] = {
      pending: ["Cancel", () => track.cancel()],
      failed: [track.remedy, () => track.tryAgain()],
      done: [null],
    }[track.state];
    if ((place.firstChild?.textContent ?? null) === text) return;
    place.replaceChildren(...(text ? [rowButton(text, `${text}: ${track.path}`, act)] : []));
  }

  #stateCell() {
    return element(
      "td",
      { class: "state" },
      element("span", { class: "said" }),
      " ",
      element("span", { class: "remedies" }),
    );
  }

  #removeCell(track) {
    const button = rowButton("✕", `Remove ${track.path}`, () => track.remove());
    button.className = "quiet icon-only";
    return element("td", { class: "acts" }, button);
  }

  #numbers(track) {
    const { prediction, leading } = track;
    const leader = this.#emotions.find(({ name }) => name === leading);
    const number = (text, name) => element("td", { class: `number ${name}` }, leader ? text : "–");
    const cells = leader
      ? [
          element("span", { class: "dot", colour: leader.colour, "aria-hidden": "true" }),
          `${leader.label} ${percent(prediction.emotions[leading])}`,
        ]
      : [SILENCE];
    return [
      element("td", { class: "leading" }, ...cells),
      number(percent(prediction.confidence), "confidence"),
      number(signed(prediction.valence), "valence"),
      number(signed(prediction.arousal), "arousal"),
      element("td", { class: "strip" }, ...(leader ? [this.#strip(prediction)] : [])),
      ...(this.#options.showsAll ? this.#nine(prediction, leader) : []),
      element("td", { class: "model" }, modelOf(prediction)),
    ];
  }

  // The nine shares in one line, as in the river.
  #strip({ emotions }) {
    const parts = this.#emotions.map(({ name, label, colour }) => {
      const bar = element("i", { colour, title: `${label} ${percent(emotions[name])}` });
      bar.style.setProperty("--whole", emotions[name]);
      return bar;
    });
    return element("span", { class: "shares", "aria-hidden": "true" }, ...parts);
  }

  // Bars of the same length per share in every column, so that they can be compared.
  #nine(prediction, leader) {
    return this.#emotions.map(({ name, colour }) => {
      if (!leader) return element("td", { class: "share" }, "–");
      const share = prediction.emotions[name];
      const bar = element("i", { class: "cell-bar", "aria-hidden": "true", colour });
      bar.style.setProperty("--whole", share / this.#largest);
      const text = element(name === leader.name ? "strong" : "span", {}, percent(share));
      return element("td", { class: "share" }, text, bar);
    });
  }
}

const modelOf = ({ model, version }) => `${model} ${version}`;
