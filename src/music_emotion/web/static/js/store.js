// Results and settings that outlive the page, in this browser alone. Without storage (a private
// window, say) the page works all the same and forgets when it is left.

const SCHEMA = 1; // of the records; those of another are dropped
const RECORDS = "tracks";
// Pages of several servers may share an origin, each below a path of its own.
const PLACE = `music-emotion:${new URL(".", document.baseURI).pathname}`;

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });

let opening = null;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(PLACE, SCHEMA);
    request.addEventListener("upgradeneeded", () => {
      const database = request.result;
      for (const name of database.objectStoreNames) database.deleteObjectStore(name);
      database.createObjectStore(RECORDS, { keyPath: "id" });
    });
    settled(request).then((database) => {
      // Another tab may have a newer page.
      database.addEventListener("versionchange", () => database.close());
      resolve(database);
    }, reject);
    request.addEventListener("blocked", () => reject(new Error("an older page is open")));
  });
  return opening;
}

// Whether all that `work` asks of the store is written: all of it, or nothing.
async function written(work) {
  try {
    const transaction = (await open()).transaction(RECORDS, "readwrite");
    work(transaction.objectStore(RECORDS));
    transaction.commit(); // at once, since the page may be left before the answers come
    return await new Promise((resolve) => {
      transaction.addEventListener("complete", () => resolve(true));
      transaction.addEventListener("abort", () => resolve(false));
    });
  } catch {
    return false; // see above
  }
}

// The records of tracks, as they were added.
export async function remembered() {
  try {
    const store = (await open()).transaction(RECORDS, "readonly").objectStore(RECORDS);
    return (await settled(store.getAll())).sort((a, b) => a.order - b.order);
  } catch {
    return []; // see above
  }
}

// Whether the records are kept.
export const remember = (records) => written((store) => records.forEach((record) => store.put(record)));
export const forget = (id) => written((store) => store.delete(id));
export const forgetAll = () => written((store) => store.clear());

// How the list is looked at.
export function settings() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}

export function saveSettings(values) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(values));
  } catch {
    // See above.
  }
}
