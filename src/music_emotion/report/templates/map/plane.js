// The plane: where its tracks are, which of them is near a point, which lie within a line.

const CELLS = 128; // of the grid in each direction
const MOST_ZOOM = 2000;
const ROOM = 0.06; // of the span, beside the outermost tracks

// Tracks in cells, so that few are looked at. Their places are steps on both axes.
export class Grid {
  constructor(xs, ys, steps) {
    [this.xs, this.ys, this.steps] = [xs, ys, steps];
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    const cells = new Uint16Array(xs.length);
    this.unknown = 0;
    for (let track = 0; track < xs.length; track += 1) {
      if (!this.has(track)) {
        this.unknown += 1;
        continue;
      }
      cells[track] = this.cell(ys[track]) * CELLS + this.cell(xs[track]);
      this.starts[cells[track] + 1] += 1;
    }
    for (let cell = 0; cell < CELLS * CELLS; cell += 1) this.starts[cell + 1] += this.starts[cell];
    const ends = this.starts.slice();
    this.tracks = new Uint32Array(xs.length - this.unknown);
    for (let track = 0; track < xs.length; track += 1) {
      if (this.has(track)) this.tracks[ends[cells[track]]++] = track;
    }
  }

  has(track) {
    return this.xs[track] <= this.steps && this.ys[track] <= this.steps;
  }

  cell(step) {
    const cell = Math.floor((step * CELLS) / (this.steps + 1));
    return Math.max(0, Math.min(CELLS - 1, cell));
  }

  // Calls `each` with every track in the cells that a rectangle touches.
  within({ left, right, bottom, top }, each) {
    const [first, last] = [this.cell(left), this.cell(right)];
    for (let row = this.cell(bottom); row <= this.cell(top); row += 1) {
      const end = this.starts[row * CELLS + last + 1];
      for (let at = this.starts[row * CELLS + first]; at < end; at += 1) each(this.tracks[at]);
    }
  }

  // The track of those that `takes` lets through which is nearest to a place, as far as `reach`.
  nearest({ x, y }, reach, takes) {
    let [found, best] = [null, 1];
    const box = { left: x - reach.x, right: x + reach.x, bottom: y - reach.y, top: y + reach.y };
    this.within(box, (track) => {
      const far = Math.hypot((this.xs[track] - x) / reach.x, (this.ys[track] - y) / reach.y);
      if (far <= best && takes(track)) [found, best] = [track, far];
    });
    return found;
  }

  // The tracks within a line through places: [{x, y}], which ends where it begins.
  inside(line, takes) {
    const found = [];
    const box = { left: Infinity, right: -Infinity, bottom: Infinity, top: -Infinity };
    for (const { x, y } of line) {
      [box.left, box.right] = [Math.min(box.left, x), Math.max(box.right, x)];
      [box.bottom, box.top] = [Math.min(box.bottom, y), Math.max(box.top, y)];
    }
    this.within(box, (track) => {
      if (takes(track) && isInside(line, this.xs[track], this.ys[track])) found.push(track);
    });
    return found.sort((a, b) => a - b);
  }
}

// Whether a line from the place to the right crosses the edges an odd number of times.
function isInside(line, x, y) {
  let inside = false;
  for (let at = 0, before = line.length - 1; at < line.length; before = at, at += 1) {
    const [one, other] = [line[at], line[before]];
    if (one.y > y === other.y > y) continue;
    if (x < ((other.x - one.x) * (y - one.y)) / (other.y - one.y) + one.x) inside = !inside;
  }
  return inside;
}

// Which part of the plane is seen: steps of the axes from left to right and from bottom to top.
export class View {
  constructor(steps) {
    this.steps = steps;
    this.resize(1, 1);
    this.whole();
  }

  // Pixels of the area that dots stand in.
  resize(width, height) {
    [this.width, this.height] = [Math.max(1, width), Math.max(1, height)];
  }

  whole() {
    this.set(0, this.steps, 0, this.steps);
  }

  set(left, right, bottom, top) {
    Object.assign(this, { left, right, bottom, top });
  }

  // Shows some tracks with room beside them; dimensions with two signs keep 0 in the middle.
  fit(grid, takes, isSigned) {
    const box = [Infinity, -Infinity, Infinity, -Infinity];
    for (const track of grid.tracks) {
      if (!takes(track)) continue;
      const [x, y] = [grid.xs[track], grid.ys[track]];
      if (x < box[0]) box[0] = x;
      if (x > box[1]) box[1] = x;
      if (y < box[2]) box[2] = y;
      if (y > box[3]) box[3] = y;
    }
    if (box[0] > box[1]) return this.whole();
    const [across, up] = [this.#span(box[0], box[1], isSigned.x), this.#span(box[2], box[3], isSigned.y)];
    return this.set(...across, ...up);
  }

  #span(low, high, isSigned) {
    const middle = this.steps / 2;
    const far = Math.max(Math.abs(low - middle), Math.abs(high - middle), this.steps / 100);
    const [first, last] = isSigned ? [middle - far, middle + far] : [low, Math.max(high, low + this.steps / 50)];
    const room = ROOM * (last - first);
    return [first - room, last + room];
  }

  pixels({ x, y }) {
    return {
      x: ((x - this.left) / (this.right - this.left)) * this.width,
      y: ((this.top - y) / (this.top - this.bottom)) * this.height,
    };
  }

  place({ x, y }) {
    return {
      x: this.left + (x / this.width) * (this.right - this.left),
      y: this.top - (y / this.height) * (this.top - this.bottom),
    };
  }

  // How many steps some pixels are.
  reach(pixels) {
    return {
      x: (pixels / this.width) * (this.right - this.left),
      y: (pixels / this.height) * (this.top - this.bottom),
    };
  }

  get zoom() {
    return this.steps / Math.max(1, this.right - this.left);
  }

  // Nearer by a factor, so that what is at a point of the screen stays there.
  scale(factor, at = { x: this.width / 2, y: this.height / 2 }) {
    const span = (this.right - this.left) / factor;
    if (span > 2 * this.steps || span < this.steps / MOST_ZOOM) return;
    const { x, y } = this.place(at);
    const moved = (end, fixed) => fixed + (end - fixed) / factor;
    this.set(moved(this.left, x), moved(this.right, x), moved(this.bottom, y), moved(this.top, y));
  }

  // By pixels; some of the plane is always seen.
  move(x, y) {
    const { x: across, y: up } = this.reach(1);
    const [dx, dy] = [x * across, y * up];
    const middle = { x: (this.left + this.right) / 2 - dx, y: (this.bottom + this.top) / 2 + dy };
    if (Math.min(middle.x, middle.y) < 0 || Math.max(middle.x, middle.y) > this.steps) return;
    this.set(this.left - dx, this.right - dx, this.bottom + dy, this.top + dy);
  }

  // Brings a track into view.
  show(place) {
    const { x, y } = this.pixels(place);
    if (x >= 0 && y >= 0 && x <= this.width && y <= this.height) return;
    const [across, up] = [(this.right - this.left) / 2, (this.top - this.bottom) / 2];
    this.set(place.x - across, place.x + across, place.y - up, place.y + up);
  }
}

// Round numbers of an axis between two steps: [{step, value, text}].
export function ticks(axis, steps, low, high) {
  const value = (step) => axis.low + ((axis.high - axis.low) * step) / steps;
  const step = (number) => ((number - axis.low) / (axis.high - axis.low)) * steps;
  const [first, last] = [Math.max(axis.low, value(low)), Math.min(axis.high, value(high))];
  const rough = (value(high) - value(low)) / 7;
  const power = 10 ** Math.floor(Math.log10(rough));
  const every = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let number = Math.ceil(first / every - 1e-9); number * every <= last + 1e-9 * every; number += 1) {
    const at = number * every;
    const text = axis.low < 0 ? signedText(at, every) : `${(100 * at).toFixed(every < 0.01 ? 1 : 0)} %`;
    found.push({ step: step(at), value: at, text });
  }
  return found;
}

function signedText(value, every) {
  const digits = Math.max(0, Math.ceil(-Math.log10(every) - 1e-9));
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? "0" : `${value < 0 ? "−" : "+"}${text}`;
}

// The track that is next in a direction, dx and dy of which one is 0, seen from a place.
export function nextTowards(grid, view, from, [dx, dy], takes) {
  const here = view.pixels(from);
  let [found, best] = [null, Infinity];
  for (const track of grid.tracks) {
    if (!takes(track)) continue;
    const { x, y } = view.pixels({ x: grid.xs[track], y: grid.ys[track] });
    const along = (x - here.x) * dx + (y - here.y) * dy;
    const beside = Math.abs((x - here.x) * dy) + Math.abs((y - here.y) * dx);
    if (along < 1e-6 || beside > along) continue;
    const far = along + 2 * beside;
    if (far < best) [found, best] = [track, far];
  }
  return found;
}
