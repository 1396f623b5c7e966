// One piece of music on the page: its way through the server, then waveform, river and bars.

import { analyse, file } from "./api.js";
import { Bars, top } from "./bars.js";
import { saveCsv, saveJson, savePicture } from "./downloads.js";
import { showExplanation } from "./explanation.js";
import { clock, element, percent, sentence } from "./format.js";
import { forVisitors, isReadable } from "./intake.js";
import { drawPlane, inWords } from "./plane.js";
import { drawAxis, drawRiver, isSilent, series, spanAt, valuesAt } from "./river.js";

const WAVE_HEIGHT = 76;
const STEP = 1; // seconds, arrow keys
const LEAP = 10; // seconds, Page Up and Page Down
const TOLD = 3; // emotions in a sentence
const MOST_OF_MUSIC = 0.99; // all of it nobody knows
const CONTROLS = "select, input, a";
// Needed by the first card that is opened, not by the page.
const waveform = () => import("../vendor/wavesurfer/wavesurfer.esm.js");
const AGAIN = {
  again: "Try again",
  anyway: "Send it all the same",
  choose: "Choose the file again",
};
const LEFT = "the page was left before the answer came; choose the file again";
const nonce = document.querySelector('meta[name="style-nonce"]').content;

const STAGES = {
  queueing: () => "Waiting for the files before it",
  uploading: ({ share }) => `Uploading, ${Math.round(share * 100)} %`,
  busy: ({ seconds }) => `The server is busy; trying again in ${seconds} s`,
  waiting: ({ ahead }) => (ahead ? `Waiting, ${ahead} in front` : "Waiting for its turn"),
  listening: ({ heard, total }) =>
    total ? `Listening, ${clock(heard)} of ${clock(total)}` : `Listening, ${clock(heard)}`,
  explaining: () => "Leaving out one part after the other to see what it does",
};

// In which emotions a track differs most from other music, as a sentence; nothing if not known.
function besideOtherMusic(standing, emotions) {
  const parts = emotions
    .map(({ name, label }) => ({ label, share: standing[name] }))
    .filter(({ share }) => share !== null)
    .sort((a, b) => Math.abs(b.share - 0.5) - Math.abs(a.share - 0.5))
    .slice(0, TOLD)
    .map(({ label, share }) => {
      const most = Math.min(Math.max(share, 1 - share), MOST_OF_MUSIC);
      return `${share >= 0.5 ? "more" : "less"} ${label} than ${percent(most)}`;
    });
  return parts.length ? `Beside other music: ${parts.join(", ")} of it.` : "";
}

// What the river may show, by the name it has in a prediction.
const QUANTITIES = {
  emotions: {
    told: "How likely each emotion is to be the leading one",
    thickness: "Thickness: how likely each emotion is to be the leading one; the whole height is 100 %.",
  },
  intensities: {
    told: "The share of listeners who feel each emotion",
    thickness: "Thickness: the share of listeners who feel each emotion; they may feel several, or none.",
  },
};

let numbered = 0;

export class Track {
  prediction = null;
  problem = null; // {text, remedy}: a key of AGAIN or null
  progress = ""; // in words, while it is asked for
  isOpen = false;
  #card;
  #context;
  #abort = null;
  #wave = null;
  #position = 0;
  #dragging = false;
  #unplayable = false;
  #url = null;
  #sizes = null;
  #isDrawn = false;
  #drawWhy = null;
  #quantity = "emotions";
  // What is done when the file has been chosen again, and whether with the results that are there.
  #whenThere = { act: () => {}, isOfResults: false };

  // facts: {id, order, name, folder, size, modified, example}; the music is null after a reload.
  // context: {emotions, queue, model(), changed(track), told(track), arrived(track),
  //   removed(track), playing(track), announce(text), close(track), chooseFor(track)}
  constructor(facts, music, context) {
    this.facts = facts;
    this.music = music;
    this.#context = context;
    const template = document.getElementById("track-template");
    this.#card = template.content.firstElementChild.cloneNode(true);
    this.#card.hidden = true;
    this.#card.id = `track-${facts.id}`;
    this.#find("h2").textContent = facts.name;
    this.#find("h2").title = this.path;
    this.#card.setAttribute("aria-label", facts.name);
    this.#find('[data-do="remove"]').setAttribute("aria-label", `Remove ${facts.name}`);
    this.#find('[data-do="close"]').setAttribute("aria-label", `Close ${facts.name}`);
    this.#card.addEventListener("click", (event) => {
      const wanted = event.target.closest("[data-do]")?.dataset.do;
      if (wanted) this.#act(wanted);
    });
    this.#wireStage();
    numbered += 1;
    const description = this.#find(".river-told");
    description.id = `river-told-${numbered}`;
    this.#find(".stage").setAttribute("aria-describedby", description.id);
    this.themed = () => {
      this.#paintWave();
      this.#drawWhy?.();
    };
    document.addEventListener("themechange", this.themed);
  }

  // A track as it was before the page was left; throws where the record is not one of these.
  static restored({ result, problem, ...facts }, context) {
    const track = new Track(facts, null, context);
    const { timeline, standing } = result?.prediction ?? {};
    for (const { name } of result ? context.emotions : []) {
      if (!(timeline.intensities[name].length && name in standing)) throw new TypeError(name);
    }
    if (result) track.#take(result);
    if (problem) track.#showProblem(problem.text, problem.remedy && "choose");
    else if (!result) track.#showProblem(sentence(LEFT), "choose");
    return track;
  }

  // What a restored track needs, as plain values.
  get record() {
    const { result = null, problem } = this;
    return { ...this.facts, result, problem };
  }

  get element() {
    return this.#card;
  }

  get name() {
    return this.facts.name;
  }

  get path() {
    const { name, folder } = this.facts;
    return folder ? `${folder}/${name}` : name;
  }

  get state() {
    if (this.progress) return "pending";
    return this.problem ? "failed" : "done";
  }

  get remedy() {
    return this.problem?.remedy ? AGAIN[this.problem.remedy] : null;
  }

  get isPlaying() {
    return this.#wave?.isPlaying() ?? false;
  }

  // The name of the leading emotion, null for silence.
  get leading() {
    return top(this.prediction);
  }

  get peaks() {
    return this.result?.peaks;
  }

  #find(selector) {
    return this.#card.querySelector(selector);
  }

  #act(wanted) {
    const { emotions } = this.#context;
    const acts = {
      remove: () => this.remove(),
      close: () => this.#context.close(this),
      cancel: () => this.cancel(),
      again: () => this.tryAgain(),
      play: () => this.playPause(),
      json: () => saveJson(this.prediction),
      csv: () => saveCsv(this.prediction, emotions),
      png: () => savePicture(this.prediction, this.peaks, emotions),
      explain: () => this.explain(),
      leading: () => this.#flow("emotions"),
      felt: () => this.#flow("intensities"),
    };
    acts[wanted]();
  }

  open() {
    this.isOpen = true;
    this.#card.hidden = false;
    if (this.prediction && !this.#isDrawn) this.#show();
  }

  close() {
    this.pause();
    this.isOpen = false;
    this.#card.hidden = true;
  }

  cancel() {
    if (this.prediction) this.#abort?.abort();
    else this.remove();
  }

  tryAgain() {
    if (this.problem?.remedy === "choose") this.music = null;
    this.analyse();
  }

  // Has the file chosen again, after which something is done.
  async #withMusic(act, isOfResults) {
    this.#whenThere = { act, isOfResults };
    const { example, name } = this.facts;
    if (!example) {
      this.#context.announce(`choose ${name} again: the page keeps results, not the music`);
      this.#context.chooseFor(this);
      return;
    }
    try {
      this.attach(await file(`api/examples/${example}`, name));
    } catch (error) {
      this.fail(error.message, "again");
    }
  }

  // Whether a file is the one that the results are of, as far as its name and stamp tell.
  isOf({ name, size, lastModified }) {
    const { facts } = this;
    return name === facts.name && size === facts.size && lastModified === facts.modified;
  }

  // Takes a file that was chosen again.
  choose(music) {
    if (music.name !== this.name) {
      this.fail(`that was ${music.name}; choose ${this.name}`, "choose");
    } else if (!this.#whenThere.isOfResults || this.isOf(music)) {
      this.attach(music);
    } else {
      this.#put(music);
      this.fail("the file has changed since it was heard; the results are of how it was", "again");
    }
  }

  attach(music) {
    this.#put(music);
    this.#settle();
    const { act } = this.#whenThere;
    this.#whenThere = { act: () => {}, isOfResults: false };
    if (this.prediction) act();
    else this.analyse();
    this.#context.changed(this);
  }

  // Asks as soon as the file is there again.
  analyseWhenThere() {
    this.#whenThere = { act: () => this.analyse(), isOfResults: false };
  }

  #put(music) {
    this.music = music;
    this.facts.size = music.size;
    this.facts.modified = music.lastModified;
    if (this.#isDrawn) this.#openWave();
  }

  // Takes problem and progress off the card.
  #settle() {
    this.problem = null;
    this.#find(".problem").hidden = true;
  }

  // Sends the file through the server and shows what comes back.
  async analyse() {
    if (!this.music) {
      this.#withMusic(() => this.analyse(), false);
      return;
    }
    this.pause();
    const result = await this.#request({ model: this.#context.model() });
    if (!result) return;
    this.#take(result);
    const label = this.#context.emotions.find(({ name }) => name === this.leading)?.label;
    const verdict = label
      ? `mostly ${label}, confidence ${percent(this.prediction.confidence)}`
      : "silence, no emotion";
    this.#context.announce(`${this.name}: ${verdict}`);
    this.#context.changed(this);
    this.#context.arrived(this);
  }

  #take(result) {
    this.result = result;
    this.prediction = result.prediction;
    this.#isDrawn = false;
    this.#drawWhy = null;
    this.#closeWave();
    if (this.isOpen) this.#show();
  }

  async explain(emotion = "") {
    if (!this.music) {
      this.#withMusic(() => this.explain(emotion), true);
      return;
    }
    this.#find('[data-do="explain"]').disabled = true;
    // Of the model whose answer stands here, whichever is chosen by now.
    const { model } = this.prediction;
    const result = await this.#request({ model, explain: "true", emotion });
    this.#find('[data-do="explain"]').disabled = false;
    if (!result) return;
    this.#context.changed(this);
    this.#drawWhy = showExplanation(this.#find(".why"), result.prediction.explanation, this.#context.emotions, {
      seek: (time) => this.seek(time),
      ask: (name) => this.explain(name),
      duration: this.prediction.duration,
    });
    this.#context.announce(this.#find(".why-text").textContent);
  }

  async #request(options) {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#settle();
    this.#find(".pending").hidden = false;
    this.#card.setAttribute("aria-busy", "true");
    const tell = (progress) => {
      if (this.#abort === abort) this.#tell(progress);
    };
    tell({ stage: "queueing" });
    try {
      const { music } = this;
      return await this.#context.queue.add(
        () => analyse(music, options, abort.signal, tell),
        abort.signal,
      );
    } catch (error) {
      if (this.#abort !== abort) return null; // something else is asked for, or nothing any more
      this.#rest();
      if (error.name === "AbortError") this.#context.changed(this);
      else this.#failed(error);
      return null;
    } finally {
      if (this.#abort === abort) this.#rest();
    }
  }

  #rest() {
    this.progress = "";
    this.#find(".pending").hidden = true;
    this.#card.removeAttribute("aria-busy");
  }

  #tell(progress) {
    const bar = this.#find("progress");
    const text = STAGES[progress.stage](progress);
    this.progress = text;
    this.#find(".stage-text").textContent = text;
    bar.setAttribute("aria-label", `${this.name}: ${text}`);
    const { stage, share, heard, total } = progress;
    if (stage === "uploading") bar.value = share;
    else if (stage === "listening" && total) bar.value = heard / total;
    else bar.removeAttribute("value");
    this.#context.told(this);
  }

  #failed(error) {
    const remedy = error.isOfTheFile ? "choose" : error.isFinal ? null : "again";
    this.fail(forVisitors(error), remedy);
  }

  // Says what is wrong, on the card and in the list; for what is not sent at all, too.
  fail(text, remedy) {
    this.#showProblem(sentence(text), remedy);
    this.#context.announce(`${this.name}: ${this.problem.text}`);
    this.#context.changed(this);
  }

  #showProblem(text, remedy) {
    this.problem = { text, remedy };
    this.#find(".pending").hidden = true;
    this.#find(".problem p").textContent = this.problem.text;
    const again = this.#find('[data-do="again"]');
    again.hidden = !remedy;
    again.textContent = this.remedy;
    this.#find(".problem").hidden = false;
  }

  #show() {
    const { emotions } = this.#context;
    const { prediction } = this;
    this.#isDrawn = true;
    this.#find(".outcome").hidden = false;
    this.#find(".why").hidden = true;
    const leader = emotions.find(({ name }) => name === top(prediction));
    this.#find(".group").hidden = false;
    // Nine equal shares of silence would look like emotions.
    const ofSound = ['[data-do="explain"]', '[data-do="png"]', ".river", ".flow", ".bars-pane", ".mood"];
    for (const selector of ofSound) {
      this.#find(selector).toggleAttribute("hidden", !leader); // an SVG has no property for it
    }
    this.#find(".panes").classList.toggle("silent", !leader);
    this.#find(".meta").textContent =
      `${clock(prediction.duration)} · model ${prediction.model} ${prediction.version}`;
    this.#showVerdict(leader);
    const warnings = this.#find(".warnings");
    warnings.replaceChildren(...prediction.warnings.map((line) => element("li", {}, line)));
    warnings.hidden = !prediction.warnings.length;
    this.bars = new Bars(this.#find(".bars"), prediction, emotions);
    this.points = series(prediction, emotions);
    this.moveOnPlane = drawPlane(this.#find(".plane"), prediction);
    this.#showMood(emotions);
    this.#find(".clock .end").textContent = clock(prediction.duration);
    const stage = this.#find(".stage");
    stage.setAttribute("aria-label", `Position in ${this.name}`);
    stage.setAttribute("aria-valuemax", prediction.duration.toFixed(1));
    this.#openWave();
    this.#sizes?.disconnect();
    this.#sizes = new ResizeObserver(() => this.#draw());
    this.#sizes.observe(stage);
    this.#flow(this.#quantity);
    this.#moved(Math.min(this.#position, prediction.duration));
  }

  #showVerdict(leader) {
    const line = this.#find(".top-emotion");
    const confidence = this.#find(".confidence");
    if (!leader) {
      line.textContent = "Silence";
      confidence.textContent = "There is nothing to feel in it.";
      return;
    }
    const share = percent(this.prediction.emotions[leader.name]);
    line.replaceChildren(
      element("span", { class: "dot", colour: leader.colour, "aria-hidden": "true" }),
      element("strong", {}, leader.label),
      ` ${share}`,
    );
    line.title = leader.meaning;
    confidence.replaceChildren(
      "confidence ",
      element("strong", {}, percent(this.prediction.confidence)),
    );
    confidence.title =
      "How likely the leading emotion is the one most listeners would name, as measured on " +
      "music the model had not heard.";
  }

  #showMood(emotions) {
    const { valence, arousal, familiarity, standing } = this.prediction;
    this.#find(".mood-told").textContent =
      `${sentence(`${inWords("valence", valence)}, ${inWords("arousal", arousal)}`)}`;
    const told = (selector, text) => {
      this.#find(selector).textContent = text;
      this.#find(selector).hidden = !text;
    };
    told(".beside", besideOtherMusic(standing, emotions));
    told(
      ".familiarity",
      familiarity === null
        ? ""
        : `Familiarity ${percent(familiarity)}: how like the music behind the model it is.`,
    );
  }

  // Lets the river show a quantity.
  #flow(quantity) {
    const { emotions } = this.#context;
    this.#quantity = quantity;
    this.shown = series(this.prediction, emotions, quantity);
    for (const [name, button] of [["emotions", "leading"], ["intensities", "felt"]]) {
      this.#find(`[data-do="${button}"]`).setAttribute("aria-pressed", String(name === quantity));
    }
    this.#find(".thickness").textContent = QUANTITIES[quantity].thickness;
    this.#find(".river-told").textContent = top(this.prediction)
      ? this.#riverInWords(emotions)
      : "Silence.";
    this.#draw();
  }

  #riverInWords(emotions) {
    const parts = [...emotions]
      .map((emotion) => ({ emotion, share: this.prediction[this.#quantity][emotion.name] }))
      .sort((a, b) => b.share - a.share)
      .slice(0, TOLD)
      .map(({ emotion, share }) => `${emotion.label} ${percent(share)}`);
    const { told } = QUANTITIES[this.#quantity];
    return `${told}, over time. Over the whole: ${parts.join(", ")}.`;
  }

  async #openWave() {
    this.#closeWave();
    this.#unplayable = false;
    const button = this.#find(".play");
    button.disabled = false;
    button.title = this.music ? "" : "Choose the file again to hear it; the page keeps results only.";
    const url = this.music ? URL.createObjectURL(this.music) : null;
    this.#url = url;
    const { prediction } = this;
    let player = null;
    try {
      player = (await waveform()).default;
    } catch {
      this.#cannotPlay("The player does not load; is the server still running?");
      return;
    }
    // While it was loaded the card may have got another result, or a file.
    if (this.#url !== url || this.prediction !== prediction || this.#wave) return;
    this.#wave = player.create({
      container: this.#find(".wave"),
      height: WAVE_HEIGHT,
      cursorWidth: 0,
      barWidth: 2,
      barGap: 1,
      barRadius: 2,
      normalize: true,
      interact: false,
      hideScrollbar: true,
      cspNonce: nonce,
      peaks: [this.peaks],
      duration: prediction.duration,
      ...(url && { url }),
    });
    this.#paintWave();
    if (!url) return;
    const wave = this.#wave;
    // While it stands still the place is where it was put last; the player tells that late.
    wave.on("timeupdate", (time) => wave.isPlaying() && this.#moved(time));
    wave.on("play", () => this.#playing(true));
    wave.on("pause", () => this.#playing(false));
    wave.on("finish", () => this.#playing(false));
    wave.on("error", () => this.#noSound());
    wave.getMediaElement()?.addEventListener("error", () => this.#noSound());
    wave.once("ready", () => this.seek(this.#position));
  }

  #closeWave() {
    const wave = this.#wave;
    this.#wave = null;
    wave?.destroy();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = null;
  }

  // The player has no sound: because of the format, or since the file is not what it was.
  async #noSound() {
    const { music } = this;
    if (this.#unplayable || !this.#wave || !music) return;
    const media = this.#wave.getMediaElement();
    if (await isReadable(music)) {
      // What was decoded plays on without a sound, where there is nothing to hear it by.
      if (media.readyState >= media.HAVE_CURRENT_DATA) this.#context.announce("The browser finds no sound device.");
      else this.#cannotPlay("This browser cannot play the format; the curves are right all the same.");
    } else if (this.music === music) {
      this.music = null;
      this.#openWave();
      this.fail("the file was changed, moved or deleted since it was heard", "choose");
    }
  }

  #cannotPlay(why) {
    this.#unplayable = true;
    const button = this.#find(".play");
    button.disabled = true;
    button.title = why;
    button.setAttribute("aria-label", `Play: ${why}`);
  }

  #paintWave() {
    const style = getComputedStyle(document.documentElement);
    this.#wave?.setOptions({
      waveColor: style.getPropertyValue("--wave").trim(),
      progressColor: style.getPropertyValue("--wave-played").trim(),
    });
  }

  #draw() {
    const river = this.#find(".river");
    const { width, height } = river.getBoundingClientRect();
    if (!width || !this.prediction) return;
    const { duration } = this.prediction;
    const isSum = this.#quantity === "intensities";
    drawRiver(river, this.shown, this.#context.emotions, { width, height, duration, isSum });
    drawAxis(this.#find(".time-pane .axis"), duration, width);
    this.#drawWhy?.();
  }

  #wireStage() {
    const stage = this.#find(".stage");
    const time = (event) => {
      const box = stage.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      return Math.min(1, Math.max(0, share)) * this.prediction.duration;
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      this.#dragging = true;
      this.seek(time(event));
    });
    stage.addEventListener("pointermove", (event) => {
      if (this.#dragging) this.seek(time(event));
      if (event.pointerType === "mouse" || this.#dragging) this.#hover(time(event), event);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      stage.addEventListener(name, () => {
        this.#dragging = false;
      });
    }
    stage.addEventListener("pointerleave", () => this.#unhover());
    this.#card.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!this.prediction || event.target.closest(CONTROLS)) return;
    const { key } = event;
    const { duration } = this.prediction;
    const acts = {
      ArrowLeft: () => this.seek(this.#position - STEP),
      ArrowRight: () => this.seek(this.#position + STEP),
    };
    if (!event.target.closest("button")) acts[" "] = () => this.playPause();
    // Elsewhere these scroll the page.
    if (event.target === this.#find(".stage")) {
      Object.assign(acts, {
        ArrowDown: acts.ArrowLeft,
        ArrowUp: acts.ArrowRight,
        PageUp: () => this.seek(this.#position + LEAP),
        PageDown: () => this.seek(this.#position - LEAP),
        Home: () => this.seek(0),
        End: () => this.seek(duration),
        Enter: acts[" "],
      });
    }
    if (!Object.hasOwn(acts, key)) return;
    acts[key]();
    event.preventDefault();
  }

  #hover(time, event) {
    const stage = this.#find(".stage");
    const line = this.#find(".hairline");
    const tooltip = this.#find(".tooltip");
    const box = stage.getBoundingClientRect();
    line.hidden = tooltip.hidden = false;
    line.style.setProperty("--at", time / this.prediction.duration);
    const values = valuesAt(this.shown, time);
    const row = ({ emotion, value }) =>
      element(
        "li",
        {},
        element("span", { class: "dot", colour: emotion.colour }),
        emotion.label,
        element("b", {}, `${(value * 100).toFixed(1)} %`),
      );
    const rows = isSilent(valuesAt(this.points, time))
      ? [element("li", {}, "silent")]
      : this.#context.emotions
          .map((emotion, number) => ({ emotion, value: values[number] }))
          .sort((a, b) => b.value - a.value)
          .map(row);
    tooltip.replaceChildren(
      element("strong", {}, clock(time)),
      element("p", { class: "span" }, this.#heard(time)),
      element("ul", {}, ...rows),
    );
    const pane = this.#find(".time-pane").getBoundingClientRect();
    const x = event.clientX - pane.left;
    const left = x > pane.width - tooltip.offsetWidth - 24 ? x - tooltip.offsetWidth - 14 : x + 14;
    tooltip.style.left = `${Math.max(0, left)}px`;
    tooltip.style.top = `${box.top - pane.top + 8}px`;
  }

  #heard(time) {
    const { start, end } = spanAt(this.prediction, time);
    return `heard from ${clock(start)} to ${clock(end)}`;
  }

  #unhover() {
    this.#find(".hairline").hidden = true;
    this.#find(".tooltip").hidden = true;
  }

  // Everything that follows the playhead.
  #moved(time) {
    this.#position = time;
    const { duration } = this.prediction;
    const values = valuesAt(this.points, time);
    const silent = isSilent(values);
    this.bars.show(silent ? null : values);
    this.moveOnPlane(time);
    this.#find(".heard").textContent = `At the playhead: ${this.#heard(time)}.`;
    const best = values.indexOf(Math.max(...values));
    const { label, colour } = this.#context.emotions[best];
    const felt = silent ? "silent" : `${label} ${percent(values[best])}`;
    this.#find(".clock .now").textContent = clock(time);
    this.#find(".felt").replaceChildren(
      ...(silent ? [] : [element("span", { class: "dot", colour })]),
      felt,
    );
    const stage = this.#find(".stage");
    stage.style.setProperty("--at", Math.min(1, time / duration));
    stage.setAttribute("aria-valuenow", time.toFixed(1));
    stage.setAttribute("aria-valuetext", `${clock(time)} of ${clock(duration)}, ${felt}`);
  }

  #playing(running) {
    const button = this.#find(".play");
    button.classList.toggle("running", running);
    button.setAttribute("aria-label", running ? "Pause" : "Play");
    if (running) this.#context.playing(this);
  }

  seek(time) {
    const place = Math.min(Math.max(0, time), this.prediction.duration);
    if (this.#wave && this.music && !this.#unplayable) this.#wave.setTime(place);
    this.#moved(place);
  }

  async playPause() {
    if (!this.music) {
      this.#withMusic(() => this.playPause(), true);
      return;
    }
    await waveform().catch(() => {}); // the card may be new
    if (this.#wave && !this.#unplayable) this.#wave.playPause().catch(() => this.#noSound());
  }

  pause() {
    if (this.isPlaying) this.#wave.pause();
  }

  remove() {
    this.discard();
    this.#context.removed(this);
  }

  // Ends all that it does and takes its card off the page.
  discard() {
    const abort = this.#abort;
    this.#abort = null; // what it ends is nobody's any more
    abort?.abort();
    this.#sizes?.disconnect();
    this.#closeWave();
    document.removeEventListener("themechange", this.themed);
    this.#card.remove();
  }
}
