// The dialog for what two people changed at once: for each text or item the earlier one, theirs and
// yours, with the words that differ. You take either, or write another text.

import { useRef } from '../vendor/runtime.js';
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

/** What is written here is kept with what else is half typed, also when the dialog is left.
 * @param {{ session: Session, clash: import('./merge.js').Clash & { name: string } }} props */
function Decision({ session, clash }) {
  const { name, path } = clash;
  const [base, theirs, yours] = [clash.base, clash.theirs, clash.yours].map(asText);
  const text = session.typed.value[path]?.text ?? yours;
  const id = `decide-${path}`;
  const place = placeOf(clash);
  const decide = (/** @type {any} */ value) => session.decide(name, path, value);
  return html`<section class="decision" aria-labelledby=${id}>
    <h3 id=${id}>${place}</h3>
    <div class="sides">
      <${Side} title=${t.conflict.theirs} base=${base} text=${theirs}><${Button} onClick=${() => decide(clash.theirs)}>${t.conflict.takeTheirs}<span class="hidden"> ${place}</span></${Button}></${Side}>
      <${Side} title=${t.conflict.yours} base=${base} text=${yours}><${Button} onClick=${() => decide(clash.yours)}>${t.conflict.takeYours}<span class="hidden"> ${place}</span></${Button}></${Side}>
    </div>
    <details><summary>${t.conflict.base}</summary><p class="prose" dir="auto">${base || '–'}</p></details>
    ${typeof clash.yours === 'string' && html`<label class="field"><span>${t.conflict.result}</span><textarea dir="auto" rows="4" value=${text} onInput=${(/** @type {any} */ event) => session.type(path, { text: event.target.value })}></textarea></label>
      <div class="dialog-foot"><${Button} class="primary" onClick=${() => decide(text)}>${t.conflict.keep}<span class="hidden"> ${place}</span></${Button}></div>`}
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
