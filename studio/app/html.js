// Markup in template strings, and the parts that every screen has: its head, icons, buttons, choices,
// notices, avatars.

import { h, htm, useEffect } from '../vendor/runtime.js';
import { t } from './strings.js';

/** Markup: html`<p>...</p>`. Values are texts, never markup. */
export const html = htm.bind(h);

// Line icons, 16 by 16, drawn by hand. They only stand beside a text or a name for screen readers.

const PATHS = {
  people: 'M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 2.8a2.3 2.3 0 0 1 0 4.4M12 9.8c1.5.5 2.5 1.8 2.5 3.7',
  import: 'M8 2v8m0 0 3-3m-3 3L5 7M2.5 11v2.5h11V11',
  export: 'M8 10V2m0 0 3 3M8 2 5 5M2.5 11v2.5h11V11',
  pulse: 'M1.5 8.5h3l2-5 3 9 2-4h3',
  gear: 'M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M12.6 3.4l-1.4 1.4M4.8 11.2l-1.4 1.4',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM14 14l-3.4-3.4',
  plus: 'M8 3v10M3 8h10',
  grid: 'M2.5 2.5h4.5v4.5H2.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5H2.5zM9 9h4.5v4.5H9z',
  list: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  close: 'M4 4l8 8M12 4l-8 8',
  check: 'M3 8.5 6.5 12 13 4.5',
  trash: 'M2.5 4.5h11M6 4.5V2.5h4v2M4 4.5l.6 9h6.8l.6-9',
  tag: 'M8.5 2.5h5v5l-6 6-5-5zM11 5v.01',
  pin: 'M4 14V2.5M4 3h8.5l-2 3 2 3H4',
  undo: 'M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M3 6.5l3-3m-3 3 3 3',
  book: 'M8 3.5C6.5 2.5 4.5 2.3 2.5 2.5v10c2-.2 4 0 5.5 1 1.5-1 3.5-1.2 5.5-1v-10c-2-.2-4 0-5.5 1zm0 0v10',
  keyboard: 'M1.5 4h13v8h-13zM4 6.5v.01M6.5 6.5v.01M9 6.5v.01M11.5 6.5v.01M5 9.5h6',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1.5V3M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  moon: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z',
  half: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 2v12',
  up: 'M8 13V3m0 0L4 7m4-4 4 4',
  down: 'M8 3v10m0 0 4-4m-4 4L4 9',
  fold: 'M4 6l4 4 4-4',
  back: 'M13 8H3m0 0 4-4M3 8l4 4',
  warn: 'M8 2 1.5 13.5h13zM8 6.5v3M8 11.5v.01',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  folder: 'M2 12.5v-9h4l1.5 2H14v7z',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.2 1.5',
  cloud: 'M4.5 12.5a3 3 0 0 1-.3-6 4 4 0 0 1 7.7 0 3 3 0 0 1-.4 6z',
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {{ name: IconName }} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}

/** A button. With a name it shows its icon alone, and the name is for screen readers.
 * @param {{ icon?: IconName, name?: string, class?: string, children?: any, [more: string]: any }} props */
export function Button({ icon, name, class: kind = '', children, ...more }) {
  return html`<button type="button" class="button ${name ? 'icon-only quiet' : ''} ${kind}" aria-label=${name} title=${name} ...${more}>${icon && html`<${Icon} name=${icon} />`}${children}</button>`;
}

/** Tells the styles how tall the head of a screen is: what has the focus, and what sticks below, may
 * not lie behind it. @param {HTMLElement | null} head */
export function noteHeight(head) {
  if (head) new ResizeObserver(() => document.documentElement.style.setProperty('--head', `${head.offsetHeight}px`)).observe(head);
}

/** A page of texts and figures; its heading is the title of the window too.
 * @param {{ title: string, about?: string, class?: string, children?: any }} props */
export function Page({ title, about, class: kind = '', children }) {
  useEffect(() => {
    document.title = `${title} · ${t.product}`;
  }, []);
  return html`<div class="page ${kind}"><header class="page-head"><h1 tabindex="-1">${title}</h1>${about && html`<p class="hint">${about}</p>`}</header>${children}</div>`;
}

/** Choices of which one holds, each with its name and its text.
 * @template {string} T @param {{ legend: string, isQuiet?: boolean, options: readonly (readonly [T, string])[], value: T, onChoice: (name: T) => void, [more: string]: any }} props */
export function Choices({ legend, isQuiet, options, value, onChoice, ...more }) {
  return html`<fieldset class="choices" ...${more}><legend class=${isQuiet ? 'hidden' : ''}>${legend}</legend>${options.map(([name, text]) => html`<label key=${name} class="choice"><input type="radio" name=${legend} checked=${value === name} onChange=${() => onChoice(name)} /><span>${text}</span></label>`)}</fieldset>`;
}

/** A box to tick. @param {{ checked: boolean, onCheck: (is: boolean) => void, children?: any, [more: string]: any }} props */
export function Check({ checked, onCheck, children, ...more }) {
  return html`<label class="check"><input type="checkbox" checked=${checked} onChange=${(/** @type {any} */ event) => onCheck(event.target.checked)} ...${more} /><span>${children}</span></label>`;
}

/** A message in the page, with buttons behind its text.
 * @param {{ kind?: '' | 'good' | 'warn' | 'danger', icon?: IconName, text: any, children?: any, [more: string]: any }} props */
export function Notice({ kind = '', icon = kind === 'good' ? 'check' : 'warn', text, children, ...more }) {
  return html`<div class="notice ${kind}" ...${more}><${Icon} name=${icon} /><div>${text}</div>${children}</div>`;
}

// A drawn avatar: letters on a colour that was chosen, or follows from the name. Colours are classes,
// because the policy of the page allows no style in markup. Uploaded pictures get their place here.

/** None, and then one for each class from 1 on; the last one is that of 0. */
const COLOURS = Object.keys(t.editor.colours);

/** The colour that a persona has, if one was chosen. @param {any} extensions */
export const colourOf = (extensions) => extensions?.persona_studio?.colour ?? '';

/** @param {string} text */
function hueOf(text) {
  let value = 2166136261;
  for (const sign of text) value = Math.imul(value ^ (sign.codePointAt(0) ?? 0), 16777619) >>> 0;
  return value;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** One or two letters of a name, whatever script it is in. @param {string} name */
function initials(name) {
  const parts = name.trim().split(/\s+/).filter((part) => /[\p{L}\p{N}\p{Extended_Pictographic}]/u.test(part));
  const first = (/** @type {string} */ part) => {
    const bare = part.replace(/^[^\p{L}\p{N}\p{Extended_Pictographic}]+/u, '');
    return [...graphemes.segment(bare)][0]?.segment.toLocaleUpperCase() ?? '';
  };
  if (!parts.length) return '?';
  const letters = first(parts[0]);
  return parts.length > 1 && letters.length === 1 ? letters + first(parts[parts.length - 1]) : letters;
}

/** @param {{ name: string, colour?: string, size?: 'small' | 'large' }} props */
export function Avatar({ name, colour = '', size }) {
  const own = COLOURS.indexOf(colour);
  return html`<span class="avatar avatar-${(own > 0 ? own : hueOf(name)) % (COLOURS.length - 1)} ${size ?? ''}" aria-hidden="true">${initials(name)}</span>`;
}
