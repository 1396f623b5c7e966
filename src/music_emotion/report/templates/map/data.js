// What the page was written with: numbers of every track as columns, and their names.

const read = (id) => document.getElementById(`data-${id}`).textContent;

function decoded(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

async function inflated(id) {
  const packed = new Blob([decoded(read(id))]).stream();
  return new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

const KINDS = { u1: Uint8Array, u2: Uint16Array, i4: Int32Array };

// {count, steps, axes: [{name, label, low, high, ends, meaning, values}], emotions, top, year, …}
export async function readTracks() {
  const about = JSON.parse(read("about"));
  const buffer = await inflated("places");
  let at = 0;
  const taken = (kind, length) => {
    const values = new KINDS[kind](buffer, at, length);
    at += Math.ceil(values.byteLength / 4) * 4;
    return values;
  };
  const { count } = about;
  const all = taken("u2", about.axes.length * count);
  const axes = about.axes.map((axis, number) => ({
    ...axis,
    values: all.subarray(number * count, (number + 1) * count),
  }));
  const numbers = about.numbers.map(([name, kind]) => [name, taken(kind, count)]);
  return { ...about, axes, ...Object.fromEntries(numbers) };
}

// The texts by the name of their list.
export async function readNames(tracks) {
  const lines = new TextDecoder().decode(await inflated("names")).split("\n");
  let at = 0;
  const lists = tracks.lists.map(([name, length]) => [name, lines.slice(at, (at += length))]);
  return Object.fromEntries(lists);
}

// A number of a track on an axis; null where it is not known.
export function valueOn(axis, track, steps) {
  const step = axis.values[track];
  return step > steps ? null : axis.low + ((axis.high - axis.low) * step) / steps;
}
