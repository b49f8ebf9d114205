/** The fixes that wait, kept through closed tabs and empty batteries: IndexedDB, keyed by the time of the fix. */

const NAME = "enroute-fixes";
const STORE = "fixes";

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class FixStore {
  #database;

  /** `technician` keeps the fixes of two people who share a phone apart. */
  static async open(technician, world = globalThis) {
    const request = world.indexedDB.open(`${NAME}-${technician}`, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "fixed_at" });
    const store = new FixStore();
    store.#database = await done(request);
    store.world = world;
    return store;
  }

  #store(mode) {
    return this.#database.transaction(STORE, mode).objectStore(STORE);
  }

  all() {
    return done(this.#store("readonly").getAll());
  }

  put(fix) {
    return done(this.#store("readwrite").put(fix));
  }

  /** Everything up to and including `fixed_at` is in the server's database. */
  forgetUpTo(fixed_at) {
    return done(this.#store("readwrite").delete(this.world.IDBKeyRange.upperBound(fixed_at)));
  }

  /** Everything from `fixed_at` on is of a wrong clock. */
  forgetFrom(fixed_at) {
    return done(this.#store("readwrite").delete(this.world.IDBKeyRange.lowerBound(fixed_at)));
  }
}
