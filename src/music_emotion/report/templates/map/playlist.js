// Playlists of tracks, and where their files are.

const SCHEME = "://";
const WINDOWS = /^([A-Za-z]:|\\\\)/;
const FOR_A_WHILE = 60_000; // milliseconds in which the browser takes the file

export const pathOf = (tracks, lists, track) => lists.folder[tracks.folder[track]] + lists.file[track];

export function nameOf(tracks, lists, track) {
  const by = lists.artist[tracks.artist[track]];
  return by ? `${by} - ${lists.title[track]}` : lists.title[track];
}

// An extended M3U in UTF-8, as the command line writes it.
export function m3u8(tracks, lists, chosen) {
  const entries = chosen.map(
    (track) => `#EXTINF:${tracks.seconds[track]},${nameOf(tracks, lists, track)}\n${pathOf(tracks, lists, track)}\n`,
  );
  return `#EXTM3U\n${entries.join("")}`;
}

// The address at which the browser finds a path.
export function addressOf(path) {
  if (path.includes(SCHEME)) return path;
  const isWindows = WINDOWS.test(path);
  const parts = (isWindows ? path.replaceAll("\\", "/") : path).split("/");
  const quoted = parts.map((part, at) => (isWindows && at === 0 ? part : encodeURIComponent(part))).join("/");
  if (path.startsWith("\\\\")) return `file:${quoted}`;
  if (isWindows) return `file:///${quoted}`;
  return path.startsWith("/") ? `file://${quoted}` : quoted;
}

export function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "audio/x-mpegurl" }));
  const link = document.createElement("a");
  [link.href, link.download] = [url, name];
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), FOR_A_WHILE);
}
