// What comes in: dropped files and folders, and what speaks against a file before it is sent.

import { megabytes } from "./format.js";

const CONVERT = "convert it to WAV, FLAC or MP3";
const MOST_FILES = 1000; // taken from dropped folders at once
// An ending has a letter in it, so that "2. Intro" and "Op. 5.1" have none.
const ENDING = /\.(?=[a-z0-9]*[a-z])[a-z0-9]{1,8}$/i;
// Types that browsers give to lists of music and to scores, which hold no sound.
const NO_SOUND = /^(image|text|font)\/|^application\/(pdf|zip|json)|mpegurl|scpls|midi/;
const FOR_ADMINISTRATORS = /[,;]?[^,;]*pip install '?music-emotion.*$/s;

const ending = (name) => ENDING.exec(name)?.[0].toLowerCase() ?? "";

// What the server reads, from what the page offers to choose: endings, and kinds of media.
export function readsOf(accept) {
  const parts = accept.split(",").map((part) => part.trim());
  return {
    endings: new Set(parts.filter((part) => part.startsWith("."))),
    takesVideos: parts.includes("video/*"),
  };
}

// Whether a name or a type promises something that the server reads.
function isPromising({ name, type }, { endings, takesVideos }) {
  const ends = ending(name);
  if (endings.has(ends)) return true;
  return takesVideos && /^(audio|video)\//.test(type) && !NO_SOUND.test(type);
}

// Why a file is not sent, with the remedy; null where nothing is known against it.
export function objection(music, { reads, limit }) {
  if (music.size === 0) return { text: "the file is empty", remedy: null };
  if (music.size > limit) {
    const text = `the file has ${megabytes(music.size)}; this server takes ${megabytes(limit)}`;
    return { text, remedy: null };
  }
  const ends = ending(music.name);
  if (!ends || isPromising(music, reads)) return null;
  // The first bytes decide in the end, and a name may be wrong: it can be sent all the same.
  const text = NO_SOUND.test(music.type)
    ? `${ends} files hold no sound`
    : `this server does not read ${ends} files; ${CONVERT}`;
  return { text, remedy: "anyway" };
}

// A problem in words for somebody who has a browser and no way into the server.
export function forVisitors({ code, message }) {
  if (code === "unsupported_format") return `this server does not read this kind of file; ${CONVERT}`;
  return message.replace(FOR_ADMINISTRATORS, "");
}

// Whether a file is there as it was when it was chosen. Folders, and files that were changed,
// moved or deleted since, cannot be read.
export async function isReadable(music) {
  try {
    await music.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

// All entries of a folder; a browser gives them a hundred at a time.
async function entriesOf(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...some);
  }
}

const byName = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });

// What lies beside music in a folder is left out; what is dropped by itself is not.
async function walk(folder, path, reads, found) {
  for (const entry of (await entriesOf(folder)).sort(byName)) {
    if (entry.name.startsWith(".")) continue; // of the system's own
    if (entry.isDirectory) {
      await walk(entry, `${path}/${entry.name}`, reads, found);
      continue;
    }
    const music = await fileOf(entry);
    if (!isPromising(music, reads)) found.leftOut.push(music.name);
    else if (found.files.length < MOST_FILES) found.files.push({ music, folder: path });
    else found.beyond += 1;
  }
}

// What a drop carries: {files: [{music, folder}], leftOut: [name], beyond, unreadable: [name]}.
// The items are gone once the event is over, so that they are asked before anything is awaited.
export function dropped({ items }, reads) {
  const carried = [...items]
    .filter(({ kind }) => kind === "file")
    .map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, music: item.getAsFile() }));
  const found = { files: [], leftOut: [], beyond: 0, unreadable: [] };
  const read = async () => {
    for (const { entry, music } of carried) {
      if (!entry?.isDirectory) {
        if (music) found.files.push({ music, folder: "" });
        continue;
      }
      try {
        await walk(entry, entry.name, reads, found);
      } catch {
        found.unreadable.push(entry.name);
      }
    }
    return found;
  };
  return read();
}

// What did not become a row, in words; "" where there is nothing to say.
export function remainder({ files, leftOut, beyond, unreadable }) {
  const parts = [];
  if (unreadable.length) {
    parts.push(`The folder ${unreadable.join(", ")} cannot be read; open it and drop the files in it.`);
  }
  if (leftOut.length) {
    const some = leftOut.slice(0, 3).join(", ") + (leftOut.length > 3 ? ", …" : "");
    const many = leftOut.length === 1 ? "1 file is" : `${leftOut.length} files are`;
    parts.push(`${many} nothing that this server reads, and left out: ${some}.`);
  }
  if (beyond === 1) parts.push("1 more file is left out; drop it after these.");
  if (beyond > 1) parts.push(`${beyond} more files are left out; drop them after these.`);
  if (!files.length && !parts.length) parts.push("There is no file in it.");
  return parts.join(" ");
}
