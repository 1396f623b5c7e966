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

async function transact(mode, work) {
  try {
    const database = await open();
    return await settled(work(database.transaction(RECORDS, mode).objectStore(RECORDS)));
  } catch {
    return null; // see above
  }
}

// The records of tracks, as they were added.
export async function remembered() {
  const records = (await transact("readonly", (store) => store.getAll())) ?? [];
  return records.sort((a, b) => a.order - b.order);
}

// Whether the records are kept: all of them, or none.
export async function remember(records) {
  try {
    const database = await open();
    const transaction = database.transaction(RECORDS, "readwrite");
    const store = transaction.objectStore(RECORDS);
    for (const record of records) store.put(record);
    transaction.commit(); // without waiting for what the page may be left before
    return await new Promise((resolve) => {
      transaction.addEventListener("complete", () => resolve(true));
      transaction.addEventListener("abort", () => resolve(false));
    });
  } catch {
    return false; // see above
  }
}

export const forget = (id) => transact("readwrite", (store) => store.delete(id));
export const forgetAll = () => transact("readwrite", (store) => store.clear());

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
