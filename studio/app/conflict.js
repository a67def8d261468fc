// The dialog for what two people changed at once: for each text or item the earlier one, theirs and
// yours, with the words that differ. You take either, or write another one.

import { useRef, useState } from '../vendor/runtime.js';
import { ownName } from './api.js';
import { fieldName } from './editor-head.js';
import { Button, html } from './html.js';
import { Dialog } from './overlay.js';
import { t } from './strings.js';
import { asText, wordDiff } from './words.js';

/** @typedef {import('./session.js').Session} Session */

/** @param {{ session: Session, onClose: () => void }} props */
export function ConflictDialog({ session, onClose }) {
  const last = session.server.value.updated_by;
  const by = session.others.value || (last !== ownName() && last) || t.editor.someone;
  return html`<${Dialog} title=${t.conflict.title} onClose=${onClose} class="conflict-dialog" isRead>
    <p class="hint">${t.conflict.about(by)}</p>
    ${session.clashes.value.map((clash) => html`<${Decision} key=${clash.path} session=${session} clash=${clash} />`)}
    <div class="dialog-foot"><${Button} onClick=${onClose}>${t.conflict.later}</${Button}></div>
  </${Dialog}>`;
}

/** The field of a unit, and its place in it. @param {import('./merge.js').Clash & { name: string }} clash */
const placeOf = ({ name, path }) => [fieldName(name), ...path.split('/').slice(2).map((part) => (/^\d+$/.test(part) ? Number(part) + 1 : part))].join(' · ');

/** How the sides of a clash are written in a box. A list of short texts has a line for each; what is
 * neither such a list nor a text is JSON: numbers, switches and objects.
 * @param {import('./merge.js').Clash} clash
 * @returns {{ text: string, isList: boolean, read: (text: string) => any }} */
function boxOf({ base, theirs, yours }) {
  const known = [yours, theirs, base].filter((one) => one !== undefined && one !== null);
  const isList = known.every(Array.isArray);
  const isLine = (/** @type {any} */ one) => typeof one === 'string' && !one.includes('\n');
  if (known.every((one) => typeof one === 'string')) return { text: asText(known[0]), isList: false, read: (text) => text };
  if (isList && known.every((one) => one.every(isLine))) return { text: asText(known[0]), isList, read: (text) => text.split('\n').filter((line) => line.trim()) };
  return { text: JSON.stringify(known[0], null, 2), isList, read: JSON.parse };
}

/** What is written here is kept with what else is half typed, also when the dialog is left.
 * @param {{ session: Session, clash: import('./merge.js').Clash & { name: string } }} props */
function Decision({ session, clash }) {
  const [why, setWhy] = useState('');
  const { name, path } = clash;
  const [base, theirs, yours] = [clash.base, clash.theirs, clash.yours].map(asText);
  const box = boxOf(clash);
  const text = session.typed.value[path]?.text ?? box.text;
  const id = `decide-${path}`;
  const place = placeOf(clash);
  const decide = (/** @type {any} */ value) => session.decide(name, path, value);
  const write = (/** @type {string} */ next) => {
    setWhy('');
    session.type(path, { text: next });
  };
  const keep = () => {
    let value;
    try {
      value = box.read(text);
    } catch (error) {
      return setWhy(t.json.notJson(/** @type {Error} */ (error).message));
    }
    if (box.isList && !Array.isArray(value)) return setWhy(t.conflict.notList);
    decide(value);
  };
  return html`<section class="decision" aria-labelledby=${id}>
    <h3 id=${id}>${place}</h3>
    <div class="sides">
      <${Side} title=${t.conflict.theirs} base=${base} text=${theirs}><${Button} onClick=${() => decide(clash.theirs)}>${t.conflict.takeTheirs}<span class="hidden"> ${place}</span></${Button}></${Side}>
      <${Side} title=${t.conflict.yours} base=${base} text=${yours}><${Button} onClick=${() => decide(clash.yours)}>${t.conflict.takeYours}<span class="hidden"> ${place}</span></${Button}></${Side}>
    </div>
    <details><summary>${t.conflict.base}</summary><p class="prose" dir="auto">${base || '–'}</p></details>
    <label class="field"><span>${t.conflict.result}</span><textarea dir="auto" rows="4" aria-invalid=${why ? 'true' : undefined} aria-describedby=${`${id}-why`} value=${text} onInput=${(/** @type {any} */ event) => write(event.target.value)}></textarea></label>
    <p id=${`${id}-why`} class="error" role="alert">${why}</p>
    <div class="dialog-foot"><${Button} class="primary" onClick=${keep}>${t.conflict.keep}<span class="hidden"> ${place}</span></${Button}></div>
  </section>`;
}

/** @param {{ title: string, base: string, text: string, children: any }} props */
function Side({ title, base, text, children }) {
  return html`<div class="side"><header><h4>${title}</h4>${children}</header><${Words} before=${base} after=${text} /></div>`;
}

/** A text with its differences to an earlier text; added and removed words are marked by sign,
 * colour and role.
 * @param {{ before: string, after: string }} props */
export function Words({ before, after }) {
  // Compared once, and not with each key of a text beside it.
  const last = useRef({ before: '', after: '', parts: wordDiff('', '') });
  if (last.current.before !== before || last.current.after !== after) last.current = { before, after, parts: wordDiff(before, after) };
  return html`<p class="prose diff" dir="auto">${last.current.parts.map((part, place) => {
    if (part.kind === 'same') return part.text;
    return part.kind === 'added' ? html`<ins key=${place}><span class="hidden">${t.conflict.added}: </span>${part.text}</ins>` : html`<del key=${place}><span class="hidden">${t.conflict.removed}: </span>${part.text}</del>`;
  })}</p>`;
}
