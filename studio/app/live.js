// What changes elsewhere. The list is asked for what changed since a position, every few seconds
// while the page is seen; a feed of events takes this place when the API has one.

import { get, reachable } from './api.js';
import { CARD_FIELDS, cardOf } from './cards.js';

/** @typedef {import('./types.js').Card} Card */

const EVERY_MS = 1500;
const PAGE = 200;
/** The most that is told one by one; with more, whoever listens loads anew. */
const CHANGES_MAX = 2000;

/** @type {Set<(cards: Card[] | null) => void>} */
const listeners = new Set();
let position = '';
/** @type {ReturnType<typeof setTimeout> | undefined} */
let clock;

/** Calls a function with personas that changed, deleted ones too; with null where too much did.
 * @param {(cards: Card[] | null) => void} listener */
export function onChanges(listener) {
  listeners.add(listener);
  wake();
  return () => listeners.delete(listener);
}

/** Asks at once: after a change of this page, or when it is seen again. */
export function wake() {
  clearTimeout(clock);
  clock = setTimeout(ask, position ? 0 : 50);
}

async function ask() {
  if (document.hidden || !listeners.size) return;
  try {
    if (position) await follow();
    else position = (await get('personas', { query: { limit: 1, fields: 'id', updated_since: new Date().toISOString() } })).body.next_updated_since;
  } catch (error) {
    // 410: the position is of another database, or of a state before a restore.
    if (/** @type {any} */ (error).status === 410) {
      position = '';
      tell(null);
    }
  }
  clearTimeout(clock);
  clock = setTimeout(ask, EVERY_MS);
}

async function follow() {
  /** @type {Card[]} */
  const changed = [];
  let cursor;
  do {
    const query = { updated_since: position, include_deleted: true, fields: CARD_FIELDS, limit: PAGE, cursor };
    const { body } = await get('personas', { query });
    changed.push(...body.items.map(cardOf));
    cursor = body.next_cursor;
    if (!cursor) position = body.next_updated_since;
  } while (cursor && changed.length < CHANGES_MAX);
  if (cursor) position = '';
  if (changed.length) tell(cursor ? null : changed);
}

/** @param {Card[] | null} cards */
function tell(cards) {
  listeners.forEach((listener) => listener(cards));
}

document.addEventListener('visibilitychange', () => !document.hidden && wake());
reachable.subscribe((is) => is && listeners.size && wake());
