// A text box of the editor. Others can change its text while it is written: the caret stays where it
// is, and a word that is being composed is finished first.

import { useLayoutEffect, useRef, useState } from '../vendor/runtime.js';
import { html } from './html.js';
import { merge3 } from './merge.js';

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

/** @param {{ text: string, onText: (text: string) => void, [more: string]: any }} props */
export function Area({ text, onText, ...more }) {
  const box = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  /** What stands in the box. */
  const shown = useRef(text);
  /** @type {{ current: number[] | null }} */
  const caret = useRef(/** @type {any} */ (null));
  const [isComposing, setComposing] = useState(false);
  const own = box.current;
  caret.current = null;
  if (!isComposing) {
    if (own && own === document.activeElement && own.value !== text) caret.current = [own.selectionStart, own.selectionEnd].map((place) => placeIn(place, own.value, text));
    shown.current = text;
  }
  useLayoutEffect(() => {
    if (caret.current) box.current?.setSelectionRange(caret.current[0], caret.current[1]);
  });
  const onInput = (/** @type {any} */ event) => {
    const typed = event.target.value;
    // What others changed since is in the text, and not in the box.
    const next = shown.current === text ? typed : merge3(shown.current, text, typed, '', (clash) => clash.yours);
    shown.current = typed;
    onText(next);
  };
  return html`<textarea ref=${box} dir="auto" value=${shown.current} onInput=${onInput} onCompositionStart=${() => setComposing(true)} onCompositionEnd=${() => setComposing(false)} ...${more}></textarea>`;
}
