// A drawn avatar: letters on a colour that follows from the name. Colours are classes, because the
// policy of the page allows no style in markup. Uploaded pictures get their place here.

import { html } from './html.js';

const COLOURS = 12;

/** @param {string} text */
function hash(text) {
  let value = 2166136261;
  for (const sign of text) value = Math.imul(value ^ (sign.codePointAt(0) ?? 0), 16777619) >>> 0;
  return value;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** One or two letters of a name, whatever script it is in. @param {string} name */
export function initials(name) {
  const parts = name.trim().split(/\s+/).filter((part) => /[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(part));
  const first = (/** @type {string} */ part) => {
    const bare = part.replace(/^[^\p{L}\p{N}\p{Extended_Pictographic}]+/u, '');
    return [...graphemes.segment(bare)][0]?.segment.toLocaleUpperCase() ?? '';
  };
  if (!parts.length) return '?';
  const letters = first(parts[0]);
  return parts.length > 1 && letters.length === 1 ? letters + first(parts[parts.length - 1]) : letters;
}

/** @param {{ name: string, size?: 'small' | 'large' }} props */
export function Avatar({ name, size }) {
  return html`<span class="avatar avatar-${hash(name) % COLOURS} ${size ?? ''}" aria-hidden="true">${initials(name)}</span>`;
}
