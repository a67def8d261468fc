// Markup in template strings, and the pictures in it: icons and avatars.

import { h, htm } from '../vendor/runtime.js';

// Markup in template strings: html`<p>...</p>`. Values are texts, never markup.

export const html = htm.bind(h);

// Line icons, 16 by 16, drawn by hand. They only stand beside a text or a name for screen readers.

const PATHS = {
  people: 'M6 7.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM1.500 13.500c0-2.500 2-4 4.500-4s4.500 1.500 4.500 4M10.500 2.800a2.300 2.300 0 0 1 0 4.400M12 9.800c1.500.5 2.500 1.800 2.500 3.700',
  import: 'M8 2v8m0 0 3-3m-3 3L5 7M2.500 11v2.500h11V11',
  export: 'M8 10V2m0 0 3 3M8 2 5 5M2.500 11v2.500h11V11',
  pulse: 'M1.500 8.500h3l2-5 3 9 2-4h3',
  gear: 'M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 1.500v2M8 12.500v2M1.500 8h2M12.500 8h2M3.400 3.400l1.400 1.400M11.200 11.200l1.400 1.400M12.600 3.400l-1.400 1.400M4.800 11.200l-1.400 1.400',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM14 14l-3.400-3.400',
  plus: 'M8 3v10M3 8h10',
  grid: 'M2.500 2.500h4.500v4.500H2.500zM9 2.500h4.500v4.500H9zM2.500 9h4.500v4.500H2.500zM9 9h4.500v4.500H9z',
  list: 'M2.500 4h11M2.500 8h11M2.500 12h11',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3 8.500 6.500 12 13 4.500',
  trash: 'M2.500 4.500h11M6 4.500V2.500h4v2M4 4.500l.6 9h6.800l.6-9',
  tag: 'M8.500 2.500h5v5l-6 6-5-5zM11 5v.01',
  undo: 'M3 6.500h6.500a3.500 3.500 0 0 1 0 7H6M3 6.500l3-3m-3 3 3 3',
  book: 'M8 3.500C6.500 2.500 4.500 2.300 2.500 2.500v10c2-.2 4 0 5.500 1 1.500-1 3.500-1.200 5.500-1v-10c-2-.2-4 0-5.500 1zm0 0v10',
  keyboard: 'M1.500 4h13v8h-13zM4 6.500v.01M6.500 6.500v.01M9 6.500v.01M11.500 6.500v.01M5 9.500h6',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.500V3M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1 1M11.600 11.600l1 1M12.600 3.400l-1 1M4.400 11.600l-1 1',
  moon: 'M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7z',
  half: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 2v12',
  up: 'M8 13V3m0 0L4 7m4-4 4 4',
  down: 'M8 3v10m0 0 4-4m-4 4L4 9',
  back: 'M13 8H3m0 0 4-4M3 8l4 4',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.500V8l2.500 1.500',
  warn: 'M8 2 1.500 13.500h13zM8 6.500v3M8 11.500v.01',
  copy: 'M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3',
  cloud: 'M4.500 12.500a3 3 0 0 1-.3-6 4 4 0 0 1 7.700 0 3 3 0 0 1-.4 6z',
};

/** @param {{ name: keyof typeof PATHS }} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}

// A drawn avatar: letters on a colour that follows from the name. Colours are classes, because the
// policy of the page allows no style in markup. Uploaded pictures get their place here.

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
