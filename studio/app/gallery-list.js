// The personas of the gallery: pages that are read one after the other, as far as they are looked
// at. A cursor leads from each page to the next, so a far place is reached over those before it.

import { batch, computed, h, signal } from '../vendor/runtime.js';
import { each, get, PAGE, PAGE_MAX, Refusal } from './api.js';
import { colourOf } from './html.js';
import { t } from './strings.js';

/** @typedef {import('./types.js').Card} Card */

const FIRST_PAGE = 60;
/** How long a card shows that it has just changed. */
const PULSE_MS = 1800;

/** @type {import('../vendor/runtime.js').Signal<Card[]>} */
export const cards = signal(/** @type {Card[]} */ ([]));
/** Number of personas in the whole list; null until the server has told it. */
export const total = signal(/** @type {number | null} */ (null));
export const loading = signal(false);
/** The error that kept the list from being read. */
export const failure = signal(/** @type {Refusal | null} */ (null));
/** How long the newest first page took, in milliseconds. */
export const tookMs = signal(0);
/** The highlights of a search, by the id of the persona. */
export const highlights = signal(/** @type {Map<string, any>} */ (new Map()));
/** Personas that changed a moment ago. */
export const fresh = signal(/** @type {Set<string>} */ (new Set()));
/** Number of personas that were created or changed elsewhere and are not in the list yet. */
export const news = signal(0);
/** Which ones: one that is saved again and again is one. @type {Set<string>} */
const told = new Set();

let asked = {};
let cursor = /** @type {string | null} */ (null);
let reading = new AbortController();
let wanted = 0;
let isReading = false;

/** Reads the first page of another list. The earlier list stays until this page has come.
 * @param {Record<string, any>} query of the API */
export async function load(query) {
  reading.abort();
  reading = new AbortController();
  const signal = reading.signal;
  const isSame = query === asked;
  asked = query;
  isReading = true;
  loading.value = true;
  const began = performance.now();
  try {
    const { body } = await get('personas', { signal, query: { ...query, ...CARD_MEMBERS, limit: FIRST_PAGE, highlight: Boolean(query.q) } });
    batch(() => {
      cards.value = body.items.map(cardOf);
      if (!body.next_cursor) total.value = body.items.length;
      else if (!isSame) total.value = null;
      highlights.value = new Map();
      noteHighlights(body);
      cursor = body.next_cursor;
      wanted = 0;
      told.clear();
      news.value = 0;
      failure.value = null;
      loading.value = false;
      tookMs.value = Math.round(performance.now() - began);
    });
    if (body.next_cursor) countAll(signal);
  } catch (error) {
    if (signal.aborted) return;
    batch(() => {
      loading.value = false;
      failure.value = error instanceof Refusal ? error : new Refusal(0, { code: 'unknown', title: String(error), status: 0 });
      // The server refuses a search without a word; the last list must not stay for it.
      if (failure.value.status !== 0) [cards.value, total.value, cursor] = [[], 0, null];
    });
  }
  isReading = false;
}

/** How soon a count that failed is asked for again, in milliseconds. */
const COUNT_AGAIN_MS = 3000;

/** Counts the list when its first page is shown: with 100,000 personas a count takes much longer
 * than a page. @param {AbortSignal} signal */
async function countAll(signal) {
  try {
    const { body } = await get('personas', { signal, query: { ...asked, fields: 'id', limit: 1, count: 'exact' } });
    total.value = body.total;
  } catch {
    setTimeout(() => !signal.aborted && countAll(signal), COUNT_AGAIN_MS);
  }
}

/** How often the same list was asked for again: what belongs to it may be other too. */
export const reloads = signal(0);

/** Asks for the same list again. */
export const reload = () => {
  reloads.value += 1;
  return load(asked);
};

/** Reads further pages until this many personas are loaded, or all. @param {number} count */
export function want(count) {
  wanted = Math.max(wanted, count);
  if (!isReading) further = readOn();
  return further;
}

/** The reading of further pages that is under way. @type {Promise<void>} */
let further = Promise.resolve();

async function readOn() {
  isReading = true;
  const signal = reading.signal;
  try {
    while (cursor && cards.peek().length < wanted) {
      const missing = wanted - cards.peek().length;
      // Pages on the way to a far place have many personas, without texts.
      const isFar = missing > 3 * PAGE;
      // The last pages have texts: they are those that are looked at.
      const query = { ...asked, cursor, ...(isFar ? LIGHT_MEMBERS : CARD_MEMBERS), limit: isFar ? Math.min(PAGE_MAX, missing - 2 * PAGE) : PAGE, highlight: Boolean(/** @type {any} */ (asked).q) && !isFar };
      const { body } = await get('personas', { signal, query });
      batch(() => {
        cards.value = cards.peek().concat(body.items.map(cardOf));
        noteHighlights(body);
        cursor = body.next_cursor;
        if (!cursor) total.value = cards.peek().length;
      });
    }
  } catch (error) {
    if (signal.aborted) return;
    // The next look at the same place asks again.
    wanted = 0;
  }
  isReading = false;
}

/** Reads the texts of cards that were read without. @param {Card[]} light @param {AbortSignal} signal */
export async function readTexts(light, signal) {
  const results = await each(light, (card) => get(`personas/${card.id}`, { signal }));
  const texts = new Map(results.flatMap((one) => (one.status === 'fulfilled' ? [[one.value.body.id, excerptOf(one.value.body)]] : [])));
  if (texts.size) cards.value = cards.peek().map((card) => (card.excerpt === null && texts.has(card.id) ? { ...card, excerpt: texts.get(card.id) } : card));
}

/** @param {any} body of a page */
function noteHighlights(body) {
  if (!body.highlights) return;
  const all = new Map(highlights.peek());
  body.items.forEach((/** @type {any} */ item, /** @type {number} */ place) => {
    const found = body.highlights[place].find((/** @type {any} */ one) => !/^\/(name|tags)/.test(one.pointer));
    if (found) all.set(item.id, marked(found.html));
  });
  highlights.value = all;
}

/** Takes changes from elsewhere: loaded personas are replaced in their places, others are counted.
 * @param {Card[] | null} changed @param {{ showsDeleted: boolean }} how */
export function takeIn(changed, { showsDeleted }) {
  if (!changed) {
    told.add('');
    return void (news.value = told.size);
  }
  const byId = new Map(changed.map((card) => [card.id, card]));
  const touched = new Set();
  let gone = 0;
  /** @type {Card[]} */
  const next = [];
  for (const card of cards.peek()) {
    const other = byId.get(card.id);
    byId.delete(card.id);
    // The page's own copy of a persona can be newer than the change in the feed.
    if (!other || other.revision < card.revision) {
      next.push(card);
      continue;
    }
    if (other.isPurged || (other.deleted_at && !showsDeleted)) gone += 1;
    else {
      if (other.revision !== card.revision) touched.add(card.id);
      next.push(other);
    }
  }
  const unknown = [...byId.values()];
  // Whether one that was not read yet was in the list, only the server can tell.
  if (cursor && total.peek() !== null && unknown.some((card) => card.deleted_at)) countAll(reading.signal);
  unknown.forEach((card) => !card.deleted_at && told.add(card.id));
  batch(() => {
    if (gone || touched.size) cards.value = next;
    if (gone && total.peek() !== null) total.value = /** @type {number} */ (total.peek()) - gone;
    news.value = told.size;
    if (changed.some((card) => card.isPurged && isSelected(card.id))) picked.value = new Map([...picked.peek()].filter(([id]) => !changed.some((card) => card.isPurged && card.id === id)));
    pulse(touched);
  });
}

/** @param {Set<string>} ids */
export function pulse(ids) {
  if (!ids.size) return;
  fresh.value = new Set([...fresh.peek(), ...ids]);
  setTimeout(() => {
    const rest = new Set(fresh.peek());
    ids.forEach((id) => rest.delete(id));
    fresh.value = rest;
  }, PULSE_MS);
}

/** This many personas from the start of the list, for a selection of all; an error where they cannot
 * all be read. @param {number} most */
export async function allOf(most) {
  for (let before = -1; cursor && cards.peek().length < most && cards.peek().length > before;) {
    before = cards.peek().length;
    await want(most);
  }
  if (cursor && cards.peek().length < most) throw new Error(t.bulk.notAll);
  return cards.peek().slice(0, most);
}

// The members of a persona that the gallery reads: enough for its card, and no long texts.

const IDENTITY = ['id', 'revision', 'name', 'nickname', 'kind', 'handle', 'tags', 'is_active', 'updated_at', 'updated_by', 'deleted_at', 'extensions'];
/** Members for cards on the way to a far place. */
export const LIGHT_MEMBERS = { fields: IDENTITY.join(','), extension: 'persona_studio' };
/** Members for cards that are seen now. */
export const CARD_MEMBERS = { ...LIGHT_MEMBERS, fields: [...IDENTITY, 'description', 'system_prompt'].join(',') };

const EXCERPT_CHARS = 200;

/** @param {any} item of a list @returns {Card} */
export function cardOf(item) {
  const { description: _text, system_prompt: _prompt, extensions, ...card } = item;
  card.colour = colourOf(extensions);
  card.excerpt = 'description' in item ? excerptOf(item) : null;
  return card;
}

/** In one line the signs of Markdown have no meaning. @param {any} item */
const excerptOf = ({ description, system_prompt }) => (description || system_prompt || '').slice(0, EXCERPT_CHARS).replace(/\s+/g, ' ').replace(/(^|\s)(#+|[-*>]) |\*\*|__|`+/g, '$1');

/** A highlight of the server as nodes: its marks are marks, and all else is text.
 * @param {string} text */
export function marked(text) {
  return text.split(/(<mark>.*?<\/mark>)/).map((part) => {
    const inner = /^<mark>(.*)<\/mark>$/.exec(part);
    return inner ? h('mark', null, plain(inner[1])) : plain(part);
  });
}

/** @type {Record<string, string>} */
const ENTITIES = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&#x27;': "'" };
/** @param {string} text */
const plain = (text) => text.replace(/&(amp|lt|gt|quot|#39|#x27);/g, (entity) => ENTITIES[entity]);

// Which personas are selected.

/** Most personas that are changed in one go: what stays surveyable, and within a batch or few. */
export const SELECT_MAX = 10_000;

/** @type {import('../vendor/runtime.js').Signal<Map<string, Card>>} */
const picked = signal(new Map());
/** The place at which a range of selected cards begins. */
let anchor = -1;

export const selectedCount = computed(() => picked.value.size);
/** @param {string} id */
export const isSelected = (id) => picked.value.has(id);
export const selection = () => [...picked.peek().values()];

export function clearSelection() {
  anchor = -1;
  if (picked.peek().size) picked.value = new Map();
}

/** Toggles the selection of one card; with range selects everything from the last selected card to
 * this one.
 * @param {number} place @param {{ range?: boolean }} [how] */
export function toggle(place, { range } = {}) {
  const card = cards.peek()[place];
  if (!card) return;
  const next = new Map(picked.peek());
  const wish = !next.has(card.id);
  const [from, to] = range && anchor >= 0 ? [Math.min(anchor, place), Math.max(anchor, place)] : [place, place];
  for (const one of cards.peek().slice(from, to + 1)) {
    if (range || wish) next.set(one.id, one);
    else next.delete(one.id);
  }
  anchor = place;
  picked.value = next;
}

/** @param {Card[]} all */
export function selectAll(all) {
  picked.value = new Map(all.map((card) => [card.id, card]));
}
