// Which tracks are shown: by words, artist, genre, year and leading emotion.

const SEVERAL = /\s*;\s*/; // between genres of one track
const PLAIN = /^[\x00-\x7f]*$/;
const MARKS = /\p{M}/gu;

// A text as it is searched in: whatever its case and accents.
export function folded(text) {
  const plain = PLAIN.test(text) ? text : text.normalize("NFKD").replace(MARKS, "");
  return plain.toLowerCase();
}

const wordsOf = (text) => folded(text).split(/\s+/).filter(Boolean);

export class Filters {
  #folded = {};

  constructor(tracks, lists) {
    [this.tracks, this.lists] = [tracks, lists];
    this.genresOf = lists.genre.map((genre) => genre.split(SEVERAL).filter(Boolean));
  }

  // Genres with the number of their tracks, by name: [[genre, count]].
  genres() {
    const counts = new Map();
    for (const number of this.tracks.genre) {
      for (const genre of new Set(this.genresOf[number])) counts.set(genre, (counts.get(genre) ?? 0) + 1);
    }
    return [...counts].sort(([one], [other]) => one.localeCompare(other));
  }

  // 1 for each track that is shown: {text, artist, genre, from, to, emotions}.
  shown({ text, artist, genre, from, to, emotions }) {
    const { count, top, year } = this.tracks;
    const shown = new Uint8Array(count);
    for (let track = 0; track < count; track += 1) {
      shown[track] = emotions.has(top[track]) ? 1 : 0;
      // What has no year is in no range of them.
      if ((from || to) && !(year[track] && year[track] >= from && year[track] <= (to || Infinity))) {
        shown[track] = 0;
      }
    }
    if (genre) this.#keep(shown, "genre", this.genresOf.map((genres) => genres.includes(genre)));
    for (const word of wordsOf(artist)) this.#keep(shown, "artist", this.#having("artist", word));
    for (const word of wordsOf(text)) this.#keepWord(shown, word);
    return shown;
  }

  #keep(shown, list, kept) {
    const numbers = this.tracks[list];
    for (let track = 0; track < shown.length; track += 1) if (!kept[numbers[track]]) shown[track] = 0;
  }

  #keepWord(shown, word) {
    const shared = ["artist", "album", "genre", "folder"].map((list) => [this.tracks[list], this.#having(list, word)]);
    const own = ["title", "file"].map((list) => this.#texts(list));
    for (let track = 0; track < shown.length; track += 1) {
      if (!shown[track]) continue;
      const has =
        shared.some(([numbers, having]) => having[numbers[track]]) ||
        own.some((texts) => texts[track].includes(word));
      if (!has) shown[track] = 0;
    }
  }

  #having(list, word) {
    return this.#texts(list).map((text) => text.includes(word));
  }

  #texts(list) {
    this.#folded[list] ??= this.lists[list].map(folded);
    return this.#folded[list];
  }
}
