// Labels of personas, which point to revisions: how one or many of them are moved. A protected one
// asks before it moves.

import { useState } from '../vendor/runtime.js';
import { call, newKey, who } from './api.js';
import { Choices, html, Notice } from './html.js';
import { Box, FormDialog } from './overlay.js';
import { t } from './strings.js';
import { explain, toast, toastError } from './toasts.js';

/** A move of a label, as the API takes it. @typedef {{ id: string, label: string, [more: string]: any }} Move */
/** What became of a move. @typedef {{ id: string, label: string, before: number | null, etag: string | null, moved: boolean }} Moved */

/** Most labels that are moved at once, as the API has it. */
export const MOVES_MAX = 1000;
const LABEL_CHARS_MAX = 64;

let lastRelease = { text: '', key: '' };

/** Moves labels, all of them or none. The same moves after an answer that was lost have the same
 * key, so they are made once.
 * @param {Move[]} moves @returns {Promise<Moved[]>} */
async function release(moves) {
  const text = JSON.stringify(moves);
  if (lastRelease.text !== text) lastRelease = { text, key: newKey() };
  const { body } = await call('POST', 'personas/release', { body: { moves }, headers: { 'Idempotency-Key': lastRelease.key } });
  lastRelease.text = '';
  return body.items;
}

/** The moves that take others back, unless a label was moved on since. @param {Moved[]} items @returns {Move[]} */
const backOf = (items) => items.filter((one) => one.moved).map(({ id, label, before, etag }) => ({
  id, label, ...(etag ? { if_match: etag } : { if_none_match: '*' }), ...(before ? { revision: before } : { remove: true }),
}));

/** @typedef {{ title: string, about?: string, start?: string, known: string[], targets: [string, string][],
 *    movesOf: (label: string, target: string, from: string) => Move[], nameOf?: (place: number) => string,
 *    onClose: () => void, onDone: () => void }} Wish */

/** Asks which label is moved and where to. A target with the name "from" asks for another label.
 * @param {Wish} wish */
export function LabelDialog({ title, about, start = '', known, targets, movesOf, nameOf, onClose, onDone }) {
  const [label, setLabel] = useState(start);
  const [target, setTarget] = useState(targets[0][0]);
  const [from, setFrom] = useState('');
  const [isSure, setSure] = useState(false);
  const isProtected = who.value?.protected_labels?.includes(label) ?? false;
  const put = (/** @type {(value: string) => void} */ set) => (/** @type {string} */ value) => {
    set(value.trim());
    setSure(false);
  };
  const apply = async () => {
    if (isProtected && !isSure) return setSure(true);
    try {
      const items = await release(movesOf(label, target, from));
      const undo = () => release(backOf(items)).then(onDone, toastError);
      const count = items.filter((one) => one.moved).length;
      onClose();
      onDone();
      toast(t.labels.done(label, count), count ? { action: { text: t.common.undo, act: undo }, isNewer: true } : {});
    } catch (/** @type {any} */ error) {
      const place = error.problem?.item;
      setSure(false);
      throw new Error([nameOf && place !== undefined && nameOf(place), explain(error).replace(/^move \d+: /, '')].filter(Boolean).join(': '));
    }
  };
  const word = { list: 'labels-known', maxlength: LABEL_CHARS_MAX, autocapitalize: 'none', spellcheck: false };
  return html`<${FormDialog} title=${title} onClose=${onClose} onSubmit=${apply} action=${isSure ? t.labels.yes : t.labels.apply} disabled=${!label || (target === 'from' && !from)}>
    ${about && html`<p class="hint">${about}</p>`}
    <datalist id="labels-known">${known.map((one) => html`<option key=${one} value=${one} />`)}</datalist>
    <${Box} data-first label=${t.labels.label} hint=${t.labels.hint} value=${label} onText=${put(setLabel)} ...${word} />
    <${Choices} legend=${t.labels.where} options=${targets} value=${target} onChoice=${put(setTarget)} />
    ${target === 'from' && html`<${Box} label=${t.labels.other} value=${from} onText=${put(setFrom)} ...${word} />`}
    ${isSure && html`<${Notice} kind="warn" role="alert" text=${t.labels.sure(label)} />`}
  </${FormDialog}>`;
}
