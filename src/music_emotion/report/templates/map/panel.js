// Beside the map: what is known of a track, its sound, and the list of tracks.

import { valueOn } from "./data.js";
import { addressOf, nameOf, pathOf } from "./playlist.js";

const AT_ONCE = 100; // rows of the list

export const find = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function dotOf(colour) {
  const dot = element("span", { class: "dot", "aria-hidden": "true" });
  dot.style.setProperty("--colour", colour);
  return dot;
}

export function clock(seconds) {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, at) => (at ? String(part).padStart(2, "0") : part)).join(":");
}

export const counted = (count, one = "track", many = `${one}s`) =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

// A number on an axis in words: "valence −0.31", "calmness 42 %".
export function told(axis, value) {
  if (value === null) return `${axis.label} not known`;
  if (axis.low < 0) return `${axis.label} ${signed(value)}`;
  return `${axis.label} ${Math.round(100 * value)} %`;
}

function signed(value) {
  const text = Math.abs(value).toFixed(2);
  return Number(text) === 0 ? "0.00" : `${value < 0 ? "−" : "+"}${text}`;
}

// What is known of a track: [[name, text]], without what is not.
export function factsOf(tracks, lists, track) {
  const { seconds, year, top } = tracks;
  const text = (list) => lists[list][tracks[list][track]];
  const plane = tracks.axes.slice(0, 2).map((axis) => told(axis, valueOn(axis, track, tracks.steps)));
  return [
    ["Artist", text("artist")],
    ["Album", text("album")],
    ["Year", year[track] ? String(year[track]) : ""],
    ["Genre", text("genre")],
    ["Length", seconds[track] < 0 ? "" : clock(seconds[track])],
    ["Leading", tracks.emotions[top[track]].label],
    ["Mood", plane.join(", ")],
    ["File", pathOf(tracks, lists, track)],
  ].filter(([, value]) => value);
}

// Whether nothing was decoded; what was plays on also where there is no device to hear it by.
const isUnheard = (audio) => audio.error !== null && audio.readyState < audio.HAVE_CURRENT_DATA;

export class Panel {
  #track = null;
  #listed = [];
  #most = AT_ONCE;

  // `chosen` is called with the track whose row was pressed.
  constructor(tracks, lists, { chosen, colourOf }) {
    Object.assign(this, { tracks, lists, colourOf });
    find("list").addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button) chosen(Number(button.dataset.track));
    });
    find("more").addEventListener("click", () => {
      const before = this.#most;
      this.#most += AT_ONCE;
      this.#fill();
      find("list").children[before]?.firstChild.focus();
    });
    find("play").addEventListener("click", () => this.play());
    const audio = find("audio");
    audio.addEventListener("error", () => this.#fail());
    for (const type of ["play", "pause", "ended"]) audio.addEventListener(type, () => this.#label());
  }

  show(track) {
    this.#track = track;
    find("track").hidden = track === null;
    if (track === null) return;
    const { tracks, lists } = this;
    find("track-title").textContent = lists.title[track];
    find("facts").replaceChildren(
      ...factsOf(tracks, lists, track).flatMap(([name, value]) => [
        element("dt", {}, name),
        element("dd", {}, value),
      ]),
    );
    const felt = tracks.axes.slice(2).map((axis, emotion) => {
      const share = valueOn(axis, track, tracks.steps) ?? 0;
      const bar = element("span", { class: "bar" });
      bar.style.width = `${100 * share}%`;
      bar.style.setProperty("--colour", this.colourOf(emotion));
      const percent = `${Math.round(100 * share)} %`;
      return element(
        "tr",
        {},
        element("th", { scope: "row" }, axis.label),
        element("td", {}, bar),
        element("td", {}, percent),
      );
    });
    find("felt").tBodies[0].replaceChildren(...felt);
    find("unheard").hidden = true;
    if (this.#playing !== track) find("audio").hidden = true;
    this.#label();
    this.#mark();
  }

  #playing = null; // the track whose sound is there

  play(track = this.#track) {
    if (track === null) return;
    const audio = find("audio");
    if (this.#playing === track && !isUnheard(audio)) {
      if (audio.paused) audio.play();
      else audio.pause();
      return;
    }
    this.#playing = track;
    find("unheard").hidden = true;
    audio.hidden = false;
    audio.src = addressOf(pathOf(this.tracks, this.lists, track));
    audio.play().catch(() => {}); // what cannot be played is told by its error
  }

  #fail() {
    const audio = find("audio");
    if (!isUnheard(audio)) {
      find("status").textContent = "The browser finds no sound device.";
      return;
    }
    const path = pathOf(this.tracks, this.lists, this.#playing);
    audio.hidden = true;
    find("unheard").textContent = location.protocol.startsWith("http")
      ? `${path} cannot be played from here: a page of a server reads no file of this machine. Save the page and open it from the disk.`
      : `${path} cannot be played: it is not there, or the browser does not read it.`;
    find("unheard").hidden = false;
    this.#label();
  }

  #label() {
    const audio = find("audio");
    const plays = this.#playing === this.#track && !audio.paused && !isUnheard(audio);
    find("play").textContent = plays ? "Pause" : "Play";
  }

  // The list of tracks from its beginning.
  list(tracks) {
    [this.#listed, this.#most] = [tracks, AT_ONCE];
    this.#fill();
  }

  #fill() {
    const { tracks, lists } = this;
    const rows = Array.from(this.#listed.slice(0, this.#most), (track) => {
      const button = element("button", { type: "button" }, dotOf(this.colourOf(tracks.top[track])));
      button.append(element("span", {}, nameOf(tracks, lists, track)));
      button.dataset.track = track;
      return element("li", {}, button);
    });
    find("list").replaceChildren(...rows);
    find("more").hidden = this.#listed.length <= this.#most;
    this.#mark();
  }

  #mark() {
    for (const button of find("list").querySelectorAll("button")) {
      if (Number(button.dataset.track) === this.#track) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
}
