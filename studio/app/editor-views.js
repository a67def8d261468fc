// Two views of a persona beside its form: the preview, and the persona as JSON.

import { useState } from '../vendor/runtime.js';
import { mayWrite } from './api.js';
import { useLater } from './area.js';
import { Avatar, Button, colourOf, html } from './html.js';
import { changes, editable, isObject } from './merge.js';
import { t } from './strings.js';
import { asText } from './words.js';

/** @typedef {import('./session.js').Session} Session */

/** Most characters that the preview shows of a text; the field has the whole text. */
const SHOWN_CHARS_MAX = 4000;
const BEFORE = /** @type {const} */ (['system_prompt', 'description', 'personality', 'scenario', 'mes_example']);
const BESIDE = /** @type {const} */ (['first_mes', 'post_history_instructions', 'name', 'nickname']);

/** The texts in the order in which a model reads them, with the names filled in. When the API can
 * render a prompt, its result replaces this preview. Markup in texts has no effect.
 * @param {{ session: Session, class?: string }} props */
export function Preview({ session, class: kind = '' }) {
  const names = [...BEFORE, ...BESIDE];
  const texts = useLater(names.map((name) => asText(session.member(name).value.value)));
  const form = Object.fromEntries(names.map((name, place) => [name, texts[place]]));
  const char = form.nickname || form.name;
  const filled = (/** @type {string} */ text) => {
    const shown = text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
    return shown.replace(/\{\{(char|user)\}\}/gi, (_, /** @type {string} */ who) => (who.toLowerCase() === 'char' ? char : t.editor.you));
  };
  const before = BEFORE.filter((name) => form[name]);
  const hasAny = before.length || form.first_mes || form.post_history_instructions;
  return html`<aside class="preview ${kind}" aria-label=${t.editor.preview} tabindex="0">
    <header><h2>${t.editor.preview}</h2><p class="hint">${t.editor.previewAbout}</p></header>
    ${!hasAny && html`<p class="hint">${t.editor.previewEmpty}</p>`}
    ${before.map((name) => html`<section key=${name}><h3>${t.editor.fields[name]}</h3><p class="prose" dir="auto">${filled(form[name])}</p></section>`)}
    ${form.first_mes && html`<section class="said"><${Avatar} name=${form.name || '?'} colour=${colourOf(session.member('extensions').value.value)} size="small" /><div><h3 dir="auto">${char}</h3><p class="bubble prose" dir="auto">${acted(filled(form.first_mes))}</p></div></section>`}
    ${form.post_history_instructions && html`<section><h3>${t.editor.fields.post_history_instructions}</h3><p class="prose" dir="auto">${filled(form.post_history_instructions)}</p></section>`}
  </aside>`;
}

/** Marks text between asterisks, which is an action. @param {string} text */
function acted(text) {
  return text.split(/(\*[^*\n]+\*)/).map((part) => (/^\*[^*\n]+\*$/.test(part) ? html`<em>${part.slice(1, -1)}</em>` : part));
}

/** The persona as JSON, with all members, also those that the form does not show. What is typed is
 * kept with the state of the form that it began with: only what differs from that is applied.
 * @param {{ session: Session }} props */
export function JsonView({ session }) {
  const [why, setWhy] = useState('');
  const [done, setDone] = useState('');
  const draft = /** @type {{ text: string, start: Record<string, any> } | undefined} */ (session.typed.value.json);
  const text = draft?.text ?? JSON.stringify(session.form.value, null, 2);
  const type = (/** @type {string} */ next) => {
    session.type('json', { text: next, start: draft?.start ?? session.form.peek() });
    setWhy('');
    setDone('');
  };
  const apply = () => {
    setDone('');
    let read;
    try {
      read = JSON.parse(text);
    } catch (error) {
      return setWhy(t.json.notJson(/** @type {Error} */ (error).message));
    }
    if (!isObject(read)) return setWhy(t.json.notObject);
    const form = session.form.peek();
    const start = draft?.start ?? form;
    const members = editable(read);
    const unknown = Object.keys(members).find((name) => !(name in form));
    if (unknown) return setWhy(t.json.unknown(unknown));
    const missing = Object.keys(start).find((name) => !(name in members));
    if (missing) return setWhy(t.json.missing(missing));
    session.type('json', null);
    session.mergeAll(start, changes(start, members));
    session.save('');
    setWhy('');
    setDone(t.json.applied);
  };
  return html`<div class="json">
    <p class="hint" id="json-about">${mayWrite.value ? t.json.about : t.json.readOnly}</p>
    <textarea class="code" readonly=${!mayWrite.value} aria-label=${t.json.label} aria-describedby="json-about json-why" aria-invalid=${why ? 'true' : undefined} spellcheck=${false} rows="28" value=${text} onInput=${(/** @type {any} */ event) => type(event.target.value)}></textarea>
    <p id="json-why" class="error" role="alert">${why}</p>
    <div class="dialog-foot writes"><span class="hint" role="status">${['dirty', 'saving', 'saved'].includes(session.state.value) && done}</span><${Button} disabled=${!draft} onClick=${() => { session.type('json', null); setWhy(''); }}>${t.json.reset}</${Button}>
      <${Button} class="primary" disabled=${!draft} onClick=${apply}>${t.json.apply}</${Button}></div>
  </div>`;
}
