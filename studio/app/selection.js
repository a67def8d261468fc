// Which personas are selected.

import { computed, signal } from '../vendor/runtime.js';
import { cards } from './gallery-list.js';

/** @typedef {import('./types.js').Card} Card */

/** Most personas that are changed in one go: what stays surveyable, and within a batch or few. */
export const SELECT_MAX = 10_000;

/** @type {import('../vendor/runtime.js').Signal<Map<string, Card>>} */
const picked = signal(new Map());
/** Where a range begins. */
let anchor = -1;

export const selectedCount = computed(() => picked.value.size);
/** @param {string} id */
export const isSelected = (id) => picked.value.has(id);
export const selection = () => [...picked.peek().values()];

export function clearSelection() {
  anchor = -1;
  if (picked.peek().size) picked.value = new Map();
}

/** Selects one or not; with a range everything from the last one to this one.
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
