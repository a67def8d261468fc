// A text box of the editor, and how long its text is. Others can change its text while it is written: the caret stays where it
// is, and a word that is being composed is finished first.

import { useEffect, useLayoutEffect, useRef, useState } from '../vendor/runtime.js';
import { bytes, sizeOf } from './figures.js';
import { html } from './html.js';
import { merge3 } from './merge.js';
import { t } from './strings.js';

/** Where a place in a text is in another text, which differs in one part.
 * @param {number} place @param {string} before @param {string} after */
export function placeIn(place, before, after) {
  let start = 0;
  while (start < place && before[start] === after[start]) start += 1;
  if (start === place) return place;
  const rest = Math.min(before.length, after.length) - start;
  let end = 0;
  while (end < rest && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  return place >= before.length - end ? place + after.length - before.length : after.length - end;
}

/** Above this many characters a box scrolls and does not grow, is not checked for spelling, has the
 * direction of its first letter throughout, and is alone in its form: else the browser lays out all of
 * it, and looks at all boxes beside it, with each key. */
const GROW_CHARS_MAX = 20_000;
/** @param {string} text */
const isLong = (text) => text.length > GROW_CHARS_MAX;
/** A first letter that is written from right to left. */
const RIGHT_TO_LEFT = /^\P{L}*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/u;
/** The form that has long texts. */
export const ALONE = 'long-texts';

/** @param {{ text: string, onText: (text: string) => void, onPasted?: (before: string, replaced: number, after: string) => void, [more: string]: any }} props
 * onPasted: what stood in the box, how many characters of it a paste replaced, and what stands in it */
export function Area({ text, onText, onPasted, ...more }) {
  const box = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  /** What stands in the box: to read it from there copies all of it. @type {{ current: string | null }} */
  const shown = useRef(/** @type {any} */ (null));
  /** The text with what was typed since it was drawn: a browser can tell of several lines one by one. */
  const current = useRef(text);
  current.current = text;
  /** How many characters were selected when something was pasted. */
  const replaced = useRef(0);
  const [isComposing, setComposing] = useState(false);
  useLayoutEffect(() => {
    const own = box.current;
    const before = shown.current;
    if (!own || before === text || (isComposing && before !== null)) return;
    const carets = own === document.activeElement && before !== null ? [own.selectionStart, own.selectionEnd].map((place) => placeIn(place, before, text)) : null;
    own.value = text;
    shown.current = text;
    if (carets) own.setSelectionRange(carets[0], carets[1]);
  });
  const onInput = (/** @type {any} */ event) => {
    const typed = event.target.value;
    const before = shown.current ?? '';
    if (event.inputType === 'insertFromPaste') onPasted?.(before, replaced.current, typed);
    // What others changed since is in the text, and not in the box.
    const next = before === current.current ? typed : merge3(before, current.current, typed, '', (clash) => clash.yours);
    shown.current = typed;
    current.current = next;
    onText(next);
  };
  const far = isLong(text) && { class: 'long', dir: RIGHT_TO_LEFT.test(text) ? 'rtl' : 'ltr', spellcheck: false, form: ALONE };
  return html`<textarea ref=${box} dir="auto" onInput=${onInput} onPaste=${(/** @type {any} */ event) => (replaced.current = event.target.selectionEnd - event.target.selectionStart)} onCompositionStart=${() => setComposing(true)} onCompositionEnd=${() => setComposing(false)} ...${more} ...${far}></textarea>`;
}

/** How long one pauses in a long text before what is told of it follows, in milliseconds. */
const LATER_MS = 200;

/** Texts that are shown elsewhere too; with a long one among them, as they were before the last keys.
 * @param {string[]} texts @returns {string[]} */
export function useLater(texts) {
  const shown = useRef(texts);
  const [, draw] = useState(0);
  if (!texts.some(isLong)) shown.current = texts;
  const isDue = texts.length !== shown.current.length || texts.some((text, place) => text !== shown.current[place]);
  useEffect(() => {
    if (!isDue) return undefined;
    const clock = setTimeout(() => {
      shown.current = texts;
      draw((before) => before + 1);
    }, LATER_MS);
    return () => clearTimeout(clock);
  });
  return shown.current;
}

/** The most that the server takes of one text. */
const TEXT_BYTES_MAX = 256 * 1024;

/** @param {{ text: string }} props */
export function Counts({ text }) {
  const [late] = useLater([text]);
  if (!text) return null;
  const size = sizeOf(late);
  const isOver = size.bytes > TEXT_BYTES_MAX;
  return html`<span class="hint counts ${isOver ? 'over' : ''}">${isOver ? t.editor.tooLong(bytes(size.bytes), bytes(TEXT_BYTES_MAX)) : t.editor.counts(size.characters, size.tokens)}</span>`;
}
