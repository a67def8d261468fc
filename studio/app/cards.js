// What the gallery keeps of a persona: enough for its card, and no long texts.

import { h } from '../vendor/runtime.js';

/** @typedef {import('./types.js').Card} Card */

const IDENTITY = ['id', 'revision', 'name', 'nickname', 'kind', 'handle', 'tags', 'is_active', 'updated_at', 'updated_by', 'deleted_at'];
/** Members for cards that are seen now. */
export const CARD_FIELDS = [...IDENTITY, 'description', 'system_prompt'].join(',');
/** Members for cards on the way to a far place. */
export const LIGHT_FIELDS = IDENTITY.join(',');

const EXCERPT_CHARS = 200;

/** @param {any} item of a list @returns {Card} */
export function cardOf(item) {
  const { description = '', system_prompt = '', ...card } = item;
  // Signs of Markdown say nothing in one line.
  card.excerpt = (description || system_prompt).slice(0, EXCERPT_CHARS).replace(/\s+/g, ' ').replace(/(^|\s)(#+|[-*>]) |\*\*|__|`+/g, '$1');
  return card;
}

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
