// Runs work a few at a time, in order.

export class Queue {
  #waiting = [];
  #running = 0;
  #width;

  constructor(width) {
    this.#width = width;
  }

  // Resolves or rejects as the work does; work that is aborted while it waits never begins.
  add(work, signal) {
    return new Promise((resolve, reject) => {
      const entry = { work, resolve, reject };
      this.#waiting.push(entry);
      signal.addEventListener(
        "abort",
        () => {
          const place = this.#waiting.indexOf(entry);
          if (place >= 0) {
            this.#waiting.splice(place, 1);
            reject(new DOMException("cancelled", "AbortError"));
          }
        },
        { once: true },
      );
      this.#next();
    });
  }

  #next() {
    while (this.#running < this.#width && this.#waiting.length) {
      const { work, resolve, reject } = this.#waiting.shift();
      this.#running += 1;
      work()
        .then(resolve, reject)
        .finally(() => {
          this.#running -= 1;
          this.#next();
        });
    }
  }
}
