// Changes from elsewhere. One page of a browser follows the feed of events and tells the others that
// there is something; each page that is seen then lists what changed since its own position. So
// nothing is missed, whatever ends: a stream, the page that had it, the server.

import { effect, signal, untracked } from '../vendor/runtime.js';
import { address, authorization, get, lock, lookForVersion, reachable, Refusal, who } from './api.js';
import { CARD_MEMBERS, cardOf } from './gallery-list.js';
import { token } from './settings-store.js';

/** @typedef {import('./types.js').Card} Card */

const CHANGES_PAGE = 200;
/** The most that is told one by one; with more, whoever listens loads anew. */
const CHANGES_MAX = 2000;
/** The least time between two lists in milliseconds, however fast events come. */
const PAUSE_MS = 120;
/** A stream says something every 15 seconds. */
const SILENCE_MS_MAX = 45_000;
/** A stream that ends earlier counts as a failure, however it ended. */
const SOUND_MS = 5000;
/** The first list of changes waits for so long: a list by a time costs the server more than the
 * page's own first list, which would stand behind it. */
const START_MS = 1000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 15_000;

/** The place in the feed of what was told last, in whichever window: a stream goes on behind it, so
 * that no purge is missed. A list has the other changes, also those that no stream has told of. */
let place = '';
/** How often the feed has told of something; also of labels, which no list of changes has. */
export const heard = signal(0);
/** @type {Set<(cards: Card[] | null) => void>} */
const listeners = new Set();
/** Behind what a list asks for changes: a time at first, then what the last list said. */
let position = new Date(performance.timeOrigin).toISOString();
let isDue = false;
let isAsking = false;
/** Ends the wait for the next attempt. */
let wake = () => {};

/** Calls a function with personas that changed, deleted and purged ones too; with null where too much
 * did.
 * @param {(cards: Card[] | null) => void} listener */
export function onChanges(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Lists what changed, once for all events that come meanwhile. A page that is not seen rests. */
async function ask() {
  isDue = true;
  if (isAsking || document.hidden) return;
  isAsking = true;
  while (isDue && !document.hidden) {
    isDue = false;
    heard.value += 1;
    const began = performance.now();
    try {
      await list();
    } catch (error) {
      const { status, retryAfterMs = 0, isPassing } = /** @type {Refusal} */ (error);
      // 410: the position is of another database, or of a state before a restore.
      if (status === 410) startAnew();
      // The announced changes are still to be listed. If the server is away, this is done when it
      // is back.
      else if (status && isPassing) {
        isDue = true;
        await pause(Math.max(retryAfterMs, RETRY_MS_MIN));
      }
    }
    await pause(Math.max(PAUSE_MS, performance.now() - began));
  }
  isAsking = false;
}

async function list() {
  /** @type {Card[]} */
  const changed = [];
  let cursor;
  let next = '';
  do {
    const query = { updated_since: position, include_deleted: true, ...CARD_MEMBERS, limit: CHANGES_PAGE, cursor };
    const { body } = await get('personas', { query });
    changed.push(...body.items.map(cardOf));
    cursor = body.next_cursor;
    next = body.next_updated_since;
  } while (cursor && changed.length < CHANGES_MAX);
  position = next;
  if (changed.length) listeners.forEach((listener) => listener(cursor ? null : changed));
}

function startAnew() {
  position = new Date().toISOString();
  listeners.forEach((listener) => listener(null));
}

/** What is left of a purged persona, as a card that is newer than every other. @param {string} id @returns {any} */
const tombstone = (id) => ({ id, revision: Infinity, deleted_at: '-', isPurged: true });

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a stream has told: that it begins, where it is, and which personas were purged. A list has
 * those no more. @typedef {{ isStart: boolean, place: string, purged: string[] }} News */

/** Follows the feed until it ends. @param {AbortSignal} signal @param {(news: News) => void} tell */
async function follow(signal, tell) {
  const silent = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let clock;
  const heard = () => {
    clearTimeout(clock);
    clock = setTimeout(() => silent.abort(), SILENCE_MS_MAX);
  };
  heard();
  try {
    const asker = who.peek();
    const headers = { Accept: 'text/event-stream', ...authorization() };
    const answer = await fetch(address('events', { after: place }), { headers, cache: 'no-store', redirect: 'error', signal: AbortSignal.any([signal, silent.signal]) });
    if (answer.status === 401) lock(asker);
    if (!answer.ok || !answer.body) throw new Refusal(answer.status, { code: 'unknown', status: answer.status });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    // Changes from before the start of the stream are in none of its events, and the server can be
    // another one by now.
    tell({ isStart: true, place, purged: [] });
    for (let line = ''; ;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      const lines = (line + value).split('\n');
      line = /** @type {string} */ (lines.pop());
      const [told, ids] = ['data:', 'id:'].map((name) => lines.filter((one) => one.startsWith(name)).map((one) => one.slice(name.length)));
      place = ids.at(-1)?.trim() ?? place;
      const events = told.map((one) => JSON.parse(one));
      if (events.length) tell({ isStart: false, place, purged: events.filter((one) => one.kind === 'purged').map((one) => one.persona) });
    }
  } finally {
    clearTimeout(clock);
  }
}

/** Follows the feed again and again. The right to do so is asked for each time: a page that waits
 * after a failure, or whose clocks are slow because it is not seen, keeps no other from trying.
 * @param {string} name @param {AbortSignal} signal @param {(news: News) => void} tell */
async function lead(name, signal, tell) {
  const { locks } = navigator;
  for (let failures = 0; !signal.aborted; ) {
    const began = performance.now();
    let isRefused = false;
    try {
      // Without locks (no TLS, another machine) each page has a stream of its own, and there are few
      // connections to a server: those that are not seen do without.
      if (locks) await locks.request(name, { signal }, () => follow(signal, tell));
      else await follow(AbortSignal.any([signal, hidden()]), tell);
    } catch (error) {
      isRefused = /** @type {any} */ (error)?.status === 401;
    }
    failures = performance.now() - began > SOUND_MS ? 0 : failures + 1;
    if (signal.aborted) return;
    ask();
    const ms = Math.min(RETRY_MS_MIN * 2 ** failures, RETRY_MS_MAX) * (0.5 + Math.random() / 2);
    await Promise.race([new Promise((resolve) => (wake = () => resolve(undefined))), pause(isRefused || (!locks && document.hidden) ? 2 ** 31 - 1 : ms)]);
  }
}

/** Ends when the page is not seen any more. */
function hidden() {
  const stop = new AbortController();
  const look = () => document.hidden && stop.abort();
  document.addEventListener('visibilitychange', look, { signal: stop.signal });
  look();
  return stop.signal;
}

// Pages with other tokens see other personas, so they have another feed. The name of one tells no
// page anything: 32 bits of a token of 256.
effect(() => {
  let hash = 0;
  for (const sign of token.value) hash = Math.imul(hash ^ sign.charCodeAt(0), 0x9e3779b1) ^ (hash >>> 15);
  const name = `persona-studio:feed:${hash}`;
  const stop = new AbortController();
  const channel = new BroadcastChannel(name);
  const hear = (/** @type {News} */ news) => {
    const { isStart, purged } = news;
    place = news.place;
    if (purged.length) listeners.forEach((listener) => listener(purged.map(tombstone)));
    if (isStart) lookForVersion();
    if (isStart && performance.now() < START_MS) setTimeout(ask, START_MS);
    else ask();
  };
  channel.onmessage = ({ data }) => hear(data);
  untracked(() => lead(name, stop.signal, (news) => {
    channel.postMessage(news);
    hear(news);
  }));
  return () => {
    stop.abort();
    channel.close();
  };
});

reachable.subscribe((is) => is && wake());
who.subscribe((is) => is && wake());
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return;
  wake();
  ask();
});
