// The dialog for fields that two people changed at once: for each field the earlier text, their
// text and your text, with the words that differ. You take either text, or write another one.

import { useState } from '../vendor/runtime.js';
import { fieldName } from './editor-head.js';
import { Button, html } from './html.js';
import { Dialog } from './overlay.js';
import { t } from './strings.js';
import { asText, wordDiff } from './words.js';

/** @param {{ session: import('./session.js').Session, onClose: () => void }} props */
export function ConflictDialog({ session, onClose }) {
  const by = session.server.value.updated_by || t.editor.someone;
  return html`<${Dialog} title=${t.conflict.title} onClose=${onClose} class="conflict-dialog">
    <p class="hint">${t.conflict.about(by)}</p>
    ${Object.entries(session.both.value).map(([name, both]) => html`<${Decision} key=${name} session=${session} name=${name} both=${both} />`)}
    <div class="dialog-foot"><${Button} onClick=${onClose}>${t.conflict.later}</${Button}></div>
  </${Dialog}>`;
}

/** @param {{ session: import('./session.js').Session, name: string, both: import('./merge.js').Both }} props */
function Decision({ session, name, both }) {
  const isText = typeof both.yours === 'string';
  const [text, setText] = useState(asText(both.yours));
  const id = `decide-${name}`;
  return html`<section class="decision" aria-labelledby=${id}>
    <h3 id=${id}>${fieldName(name)}</h3>
    <div class="sides">
      <${Side} title=${t.conflict.theirs} base=${asText(both.base)} text=${asText(both.theirs)}><${Button} onClick=${() => session.decide(name, both.theirs)}>${t.conflict.takeTheirs}</${Button}></${Side}>
      <${Side} title=${t.conflict.yours} base=${asText(both.base)} text=${asText(both.yours)}><${Button} data-first onClick=${() => session.decide(name, both.yours)}>${t.conflict.takeYours}</${Button}></${Side}>
    </div>
    <details><summary>${t.conflict.base}</summary><p class="prose" dir="auto">${asText(both.base) || '–'}</p></details>
    ${isText && html`<label class="field"><span>${t.conflict.result}</span><textarea dir="auto" rows="4" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)}></textarea></label>
      <div class="dialog-foot"><${Button} class="primary" onClick=${() => session.decide(name, text)}>${t.conflict.keep}</${Button}></div>`}
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
  return html`<p class="prose diff" dir="auto">${wordDiff(before, after).map((part, place) => {
    if (part.kind === 'same') return part.text;
    return part.kind === 'added' ? html`<ins key=${place}><span class="hidden">${t.conflict.added}: </span>${part.text}</ins>` : html`<del key=${place}><span class="hidden">${t.conflict.removed}: </span>${part.text}</del>`;
  })}</p>`;
}
