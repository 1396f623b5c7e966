// Dots into pixels: by hand, since a hundred thousand are too many for the canvas to draw each.

const PART = 3; // of contrast, for a dot on its ground (WCAG 2.2, 1.4.11)

// A disc as its pixels: how far from its middle each is, and how much of it is covered, of 256.
export function stamp(radius) {
  const reach = Math.ceil(radius + 0.5);
  const pixels = [];
  for (let y = -reach; y <= reach; y += 1) {
    for (let x = -reach; x <= reach; x += 1) {
      const cover = Math.min(1, radius + 0.5 - Math.hypot(x, y));
      if (cover > 0.05) pixels.push({ x, y, cover: Math.round(256 * cover) });
    }
  }
  return { reach, pixels };
}

// Draws tracks into the pixels of an image; `place` are factors and offsets from steps to pixels.
export function paint(image, tracks, { xs, ys, place, colours, disc, opacity, takes }) {
  const { width, height } = image;
  const pixels = new Uint32Array(image.data.buffer);
  const count = disc.pixels.length;
  const [dx, dy, cover] = [new Int32Array(count), new Int32Array(count), new Int32Array(count)];
  const offset = new Int32Array(count);
  disc.pixels.forEach((pixel, at) => {
    [dx[at], dy[at], offset[at]] = [pixel.x, pixel.y, pixel.y * width + pixel.x];
    cover[at] = Math.round(pixel.cover * opacity);
  });
  const { reach } = disc;
  for (const track of tracks) {
    if (!takes(track)) continue;
    const x = Math.floor(xs[track] * place.ax + place.bx);
    const y = Math.floor(ys[track] * place.ay + place.by);
    if (x < -reach || y < -reach || x >= width + reach || y >= height + reach) continue;
    const isWhole = x >= reach && y >= reach && x < width - reach && y < height - reach;
    const colour = colours[track];
    const [redBlue, green] = [colour & 0xff00ff, colour & 0xff00];
    const base = y * width + x;
    for (let at = 0; at < count; at += 1) {
      if (!isWhole) {
        const [px, py] = [x + dx[at], y + dy[at]];
        if (px < 0 || py < 0 || px >= width || py >= height) continue;
      }
      const [share, to] = [cover[at], base + offset[at]];
      const under = pixels[to];
      const rest = 256 - share;
      const mixed = (Math.imul(redBlue, share) + Math.imul(under & 0xff00ff, rest)) >>> 8;
      const mixedGreen = (Math.imul(green, share) + Math.imul(under & 0xff00, rest)) >>> 8;
      pixels[to] = 0xff000000 | (mixed & 0xff00ff) | (mixedGreen & 0xff00);
    }
  }
}

// "#rrggbb" as a pixel of an image, whose bytes are red, green, blue and opacity.
export function pixelOf([red, green, blue]) {
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}

// Red, green and blue of "#rrggbb".
export const channels = (colour) =>
  [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));

function luminance(colour) {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

// A colour that is seen on a ground: as it is, or so much lighter or darker that it stands out.
export function seen(colour, ground) {
  const towards = luminance(ground) > 0.4 ? 0 : 255;
  let mixed = colour;
  for (let share = 0; share <= 1 && contrast(mixed, ground) < PART; share += 0.02) {
    mixed = colour.map((channel) => Math.round(channel + (towards - channel) * share));
  }
  return mixed;
}
