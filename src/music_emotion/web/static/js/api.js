// The server's API: requests with the token where one is asked for, uploads with progress, events.
// Addresses are relative to the page's, which may lie below a path of its host.

import { isReadable } from "./intake.js";

const TOKEN = "music-emotion-token";
const TRIES = 20;
const UNREACHABLE = "the server does not answer; is it still running?";
const CUT_OFF = "the server went away before its answer came; is it still running?";
const UNREADABLE = "the file was changed, moved or deleted since it was chosen; choose it again";
const NO_MATTER_HOW_OFTEN = ["too_large", "too_long", "unsupported_format", "unreadable_audio"];
let askedToken = null;

export class Refused extends Error {
  constructor(status, code, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  // Whether the same file would be refused again.
  get isFinal() {
    return NO_MATTER_HOW_OFTEN.includes(this.code);
  }

  // Whether it is the file that has to be chosen again.
  get isOfTheFile() {
    return this.code === "changed_on_disk";
  }
}

function headers() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

// Asks once, however many requests wait for it; says so where the last token was wrong.
function askToken() {
  askedToken ??= new Promise((resolve, reject) => {
    const dialog = document.getElementById("token-dialog");
    const field = document.getElementById("token");
    document.getElementById("token-problem").hidden = !sessionStorage.getItem(TOKEN);
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      () => {
        const given = dialog.returnValue ? field.value : "";
        field.value = "";
        askedToken = null;
        if (given) {
          sessionStorage.setItem(TOKEN, given);
          resolve();
        } else {
          sessionStorage.removeItem(TOKEN);
          reject(new Refused(401, "unauthorised", "this server asks for its token"));
        }
      },
      { once: true },
    );
    dialog.showModal();
  });
  return askedToken;
}

async function refused(response) {
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    // An answer that is not the server's own, from a proxy say.
  }
  const message = answer.message ?? `the server answered ${response.status}`;
  const wait = Number(response.headers.get("Retry-After")) || 0;
  return new Refused(response.status, answer.code ?? "unknown", message, wait);
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: headers() });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "unreachable", UNREACHABLE);
  }
  if (response.status === 401) {
    await askToken();
    return ask(path, options);
  }
  if (!response.ok) throw await refused(response);
  return response;
}

export async function json(path) {
  return (await ask(path)).json();
}

export async function file(path, name) {
  const blob = await (await ask(path)).blob();
  return new File([blob], name, { type: blob.type });
}

function send(form, signal, tellUpload) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "api/jobs");
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) tellUpload(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // See refused().
      }
      if (request.status === 202) return resolve(answer);
      const wait = Number(request.getResponseHeader("Retry-After")) || 0;
      const message = answer.message ?? `the server answered ${request.status}`;
      return reject(new Refused(request.status, answer.code ?? "unknown", message, wait));
    });
    request.addEventListener("error", () =>
      reject(new Refused(0, "unreachable", UNREACHABLE)),
    );
    request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(new DOMException("cancelled", "AbortError"));
      },
      { once: true },
    );
  });
}

// Sends the file until the server has room for it.
async function begin(form, music, signal, tell) {
  for (let attempt = 1; ; attempt += 1) {
    if (!(await isReadable(music))) throw new Refused(0, "changed_on_disk", UNREADABLE);
    try {
      return await send(form, signal, (share) => tell({ stage: "uploading", share }));
    } catch (error) {
      if (error.status === 401) {
        await askToken();
      } else if ((error.status === 429 || error.status === 503) && attempt < TRIES) {
        tell({ stage: "busy", seconds: error.retryAfter || 2 });
        await pause(error.retryAfter || 2, signal);
      } else if (error.code === "unreachable" && !(await isReadable(music))) {
        throw new Refused(0, "changed_on_disk", UNREADABLE); // while it was sent
      } else {
        throw error;
      }
    }
  }
}

async function* events(path, signal) {
  const response = await ask(path, { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      throw error.name === "AbortError" ? error : new Refused(0, "unreachable", CUT_OFF);
    });
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}

// Uploads a file and follows its job to the result: {prediction, peaks}.
export async function analyse(music, options, signal, tell) {
  const form = new FormData();
  for (const [name, value] of Object.entries(options)) form.append(name, value);
  form.append("file", music, music.name);
  const job = await begin(form, music, signal, tell);
  const place = `api/jobs/${job.id}`;
  const forget = () => {
    fetch(place, { method: "DELETE", headers: headers(), keepalive: true }).catch(() => {});
  };
  addEventListener("pagehide", forget);
  try {
    for await (const state of events(`${place}/events`, signal)) {
      if (state.state === "queued") tell({ stage: "waiting", ahead: state.ahead });
      else if (state.progress) tell(state.progress);
      if (state.problem) throw new Refused(422, state.problem.code, state.problem.message);
    }
    return await json(`${place}/result`).catch((error) => {
      throw error.code === "unreachable" ? new Refused(0, "unreachable", CUT_OFF) : error;
    });
  } finally {
    removeEventListener("pagehide", forget);
    forget();
  }
}
