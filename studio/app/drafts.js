// Drafts: typed changes, kept in the browser (IndexedDB) from the keystroke until the server has
// them. A page
// that is closed while a draft is on its way there puts it into the local storage, which is written
// before the page is gone; the next page moves it. A
// draft belongs to one window; when the window is gone, the next one that opens the persona takes
// it over.

const DATABASE = 'persona-studio';
const STORE = 'drafts';
const LATE = 'persona-studio:late:';
/** A window that does not hold its lock any more, or has not written for so long where there are no
 * locks (pages without TLS), is gone. */
const GONE_MS = 30_000;

/** @typedef {{ key: string, base: number, changes: Record<string, any>, note?: string, squash?: number, squash_key?: string }} Pending a request without an answer
 *  @typedef {{ id: string, window: string, at: number, by: string, revision: number, changes: Record<string, any>, typed: Record<string, any>,
 *    both: Record<string, { base: any, theirs: any, done?: string[] }>, pending: Pending | null }} Draft by: who typed it */

const WINDOW_KEY = 'persona-studio:window';
const windowId = (() => {
  const made = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  try {
    // A duplicated tab has a copy of the session storage; the lock below tells the two apart.
    const kept = sessionStorage.getItem(WINDOW_KEY);
    const isReload = performance.getEntriesByType('navigation').some((one) => /** @type {any} */ (one).type === 'reload');
    const own = kept && isReload ? kept : made;
    sessionStorage.setItem(WINDOW_KEY, own);
    return own;
  } catch {
    return made;
  }
})();
const lockOf = (/** @type {string} */ window) => `persona-studio:${window}`;
navigator.locks?.request(lockOf(windowId), () => new Promise(() => {}));

/** @type {Promise<IDBDatabase> | undefined} */
let opening;
function openDatabase() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: ['id', 'window'] });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('blocked'));
  });
  opening.catch(() => (opening = undefined));
  return opening;
}

/** @template T @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} act @returns {Promise<T>} */
async function within(mode, act) {
  const database = await openDatabase();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode);
    const request = act(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
  });
}

/** @param {Omit<Draft, 'window' | 'at'>} draft */
export const keepDraft = (draft) => within('readwrite', (store) => store.put({ ...draft, window: windowId, at: Date.now() }));

/** Keeps the draft of another person until that one is signed in. A window has no blank in its name.
 * @param {Omit<Draft, 'window' | 'at'>} draft */
export const setDraftAside = (draft) => within('readwrite', (store) => store.put({ ...draft, window: `${windowId} ${draft.by}`, at: Date.now() }));

/** @param {string} window */
const isAside = (window) => window.includes(' ');

/** Keeps a draft while the page is being closed, at once: an asynchronous write would not be done
 * any more.
 * @param {Omit<Draft, 'window' | 'at'>} draft */
export function keepDraftLate(draft) {
  try {
    localStorage.setItem(`${LATE}${draft.id}:${windowId}`, JSON.stringify({ ...draft, window: windowId, at: Date.now() }));
  } catch {
    // When the storage is full, only the write under way can still keep the draft.
  }
}

// A page that the browser restores from its cache goes on with its own form.
addEventListener('pageshow', (event) => {
  if (!event.persisted) return;
  for (const key of Object.keys(localStorage)) if (key.startsWith(LATE) && key.endsWith(`:${windowId}`)) localStorage.removeItem(key);
});

/** Moves the draft of a persona that a closing page kept to the other drafts. @param {string} id */
async function moveLate(id) {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(`${LATE}${id}:`));
  for (const key of keys) {
    const draft = JSON.parse(localStorage.getItem(key) ?? 'null');
    const kept = draft && await within('readonly', (store) => store.get([draft.id, draft.window]));
    if (draft && (kept?.at ?? 0) <= draft.at) await within('readwrite', (store) => store.put(draft));
    localStorage.removeItem(key);
  }
}

/** The personas for which a page that is gone has left something to be sent.
 * @param {string} by who is signed in @returns {Promise<string[]>} */
export async function unsentIds(by) {
  const late = Object.keys(localStorage).filter((key) => key.startsWith(LATE)).map((key) => key.slice(LATE.length).split(':')[0]);
  for (const id of new Set(late)) await moveLate(id);
  /** @type {Draft[]} */
  const all = await within('readonly', (store) => store.getAll());
  const isGone = await gone();
  const isUnsent = (/** @type {Draft} */ draft) => draft.by === by && (draft.pending || Object.keys(draft.changes).length > 0);
  return [...new Set(all.filter((draft) => isUnsent(draft) && (isAside(draft.window) || isGone(draft))).map((draft) => draft.id))];
}

/** Tells whether the window of a draft is gone, or is this one. @returns {Promise<(draft: Draft) => boolean>} */
async function gone() {
  const held = navigator.locks ? new Set((await navigator.locks.query()).held?.map((lock) => lock.name)) : null;
  return (draft) => draft.window === windowId || (held ? !held.has(lockOf(draft.window)) : Date.now() - draft.at > GONE_MS);
}

/** @param {string} id @param {string} [window] */
export const dropDraft = (id, window = windowId) => within('readwrite', (store) => store.delete([id, window]));

/** The draft of a persona that this window has, or else the newest one of a window that is gone,
 * which it takes over.
 * @param {string} id @param {string} by who is signed in @returns {Promise<Draft | undefined>} */
export async function findDraft(id, by) {
  await moveLate(id).catch(() => {});
  /** @type {Draft[]} */
  const all = await within('readonly', (store) => store.getAll(IDBKeyRange.bound([id, ''], [id, '\uffff'])));
  const isGone = await gone();
  const isFree = (/** @type {Draft} */ draft) => (isAside(draft.window) ? draft.by === by : isGone(draft));
  const found = all.find((draft) => draft.window === windowId) ?? all.filter(isFree).sort((one, other) => other.at - one.at)[0];
  if (found && found.window !== windowId) {
    await keepDraft(found);
    await dropDraft(id, found.window);
  }
  return found;
}

/** Calls a function when another window that has a draft of this persona is gone.
 * @param {string} id @param {() => void} act @param {AbortSignal} signal */
export async function whenOthersEnd(id, act, signal) {
  if (!navigator.locks) return;
  const all = await within('readonly', (store) => store.getAllKeys(IDBKeyRange.bound([id, ''], [id, '\uffff'])));
  for (const [, window] of /** @type {string[][]} */ (all)) {
    if (window !== windowId && !isAside(window)) navigator.locks.request(lockOf(window), { mode: 'shared', signal }, act).catch(() => {});
  }
}
