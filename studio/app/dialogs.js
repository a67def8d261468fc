// The small dialogs: a new persona, saving with a note, the sheet of all shortcuts, and the question
// for a token.

import { useState } from '../vendor/runtime.js';
import { call, get, isLocked, learnWho, newKey } from './api.js';
import { html } from './html.js';
import { shown } from './keys.js';
import { Dialog, explain } from './overlay.js';
import { go, personaLink } from './route.js';
import { token } from './settings-store.js';
import { t } from './strings.js';

// The dialog that begins a persona: a name and a kind, and the editor opens.

const KINDS = /** @type {const} */ (['character', 'user', 'agent', 'prompt']);

/** @param {{ onClose: () => void }} props */
export function CreateDialog({ onClose }) {
  const [name, setName] = useState('');
  const [kind, setKind] = useState('character');
  const [why, setWhy] = useState('');
  const [busy, setBusy] = useState(false);
  // One key for each name and kind: a second press, or a repetition after a lost answer, creates no
  // second persona.
  const [key, setKey] = useState(newKey);
  const create = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy) return;
    if (!name.trim()) return setWhy(t.create.missing);
    setBusy(true);
    try {
      const { body } = await call('POST', 'personas', { body: { name: name.trim(), kind }, headers: { 'Idempotency-Key': key } });
      onClose();
      go(personaLink(body.id));
    } catch (error) {
      setWhy(explain(error));
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${t.create.title} onClose=${onClose}>
    <form onSubmit=${create} class="stack" noValidate>
      <label class="field"><span>${t.create.name}</span>
        <input data-first type="text" name="name" maxlength="256" dir="auto" autocomplete="off" value=${name} aria-invalid=${why ? 'true' : undefined} aria-describedby="create-why"
          onInput=${(/** @type {any} */ event) => { setName(event.target.value); setKey(newKey()); setWhy(''); }} /></label>
      <fieldset class="choices"><legend>${t.create.kind}</legend>
        ${KINDS.map((one) => html`<label key=${one} class="choice"><input type="radio" name="kind" value=${one} checked=${kind === one} onChange=${() => { setKind(one); setKey(newKey()); }} /><span>${t.kinds[one]}</span></label>`)}
      </fieldset>
      <p id="create-why" class="error" role="alert">${why}</p>
      <div class="dialog-foot"><button type="button" class="button" onClick=${onClose}>${t.common.cancel}</button>
        <button type="submit" class="button primary" disabled=${busy}>${t.common.create}</button></div>
    </form>
  </${Dialog}>`;
}

// The dialog that saves with a note.

/** The longest note in characters, as the API has it. */
const NOTE_CHARS_MAX = 500;

/** @param {{ session: import('./session.js').Session, onClose: () => void }} props */
export function NoteDialog({ session, onClose }) {
  const [note, setNote] = useState('');
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    onClose();
    session.save(note.replace(/\p{Cc}+/gu, ' ').trim());
  };
  return html`<${Dialog} title=${t.note.title} onClose=${onClose}>
    <form class="stack" onSubmit=${save}>
      <label class="field"><span>${t.note.label}</span><input data-first type="text" dir="auto" maxlength=${NOTE_CHARS_MAX} autocomplete="off" value=${note} aria-describedby="note-about" onInput=${(/** @type {any} */ event) => setNote(event.target.value)} /></label>
      <p id="note-about" class="hint">${session.isDirty.value ? t.note.about : t.note.nothing}</p>
      <div class="dialog-foot"><button type="button" class="button" onClick=${onClose}>${t.common.cancel}</button><button type="submit" class="button primary" disabled=${!session.isDirty.value}>${t.common.save}</button></div>
    </form>
  </${Dialog}>`;
}

// The sheet of all shortcuts.

const items = t.shortcuts.items;
/** @type {[string, [string, string][]][]} */
const GROUPS = [
  [t.shortcuts.groups.everywhere, [['mod+k', items.palette], ['/', items.search], ['c', items.create], ['g p', items.gallery], ['g i', items.import], ['g h', items.health], ['g s', items.settings], ['?', items.help]]],
  [t.shortcuts.groups.gallery, [['ArrowUp ArrowDown', items.move], ['Enter', items.open], ['x', items.select], ['Shift+x', items.range], ['Delete', items.deleteThem], ['Escape', items.clear]]],
  [t.shortcuts.groups.editor, [['mod+s', items.save], ['mod+Shift+s', items.note], ['Escape', items.back]]],
];

/** @param {{ onClose: () => void }} props */
export function ShortcutSheet({ onClose }) {
  return html`<${Dialog} title=${t.shortcuts.title} onClose=${onClose} class="wide-dialog">
    <div class="sheet">
      ${GROUPS.map(([title, rows]) => html`<section key=${title}><h3>${title}</h3><dl>
        ${rows.map(([keys, text]) => html`<div key=${keys}><dt>${text}</dt><dd>${shown(keys).map((key) => html`<kbd key=${key}>${key}</kbd>`)}</dd></div>`)}
      </dl></section>`)}
    </div>
  </${Dialog}>`;
}

// The dialog that asks for a token, where a server wants one. The token stays in this window.

/** @param {{ onDone: () => void }} props */
export function SignIn({ onDone }) {
  const [text, setText] = useState('');
  const [why, setWhy] = useState('');
  const enter = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const before = token.peek();
    token.value = text.trim().replace(/[^\x21-\x7e]/g, '');
    try {
      await get('personas', { query: { limit: 1, fields: 'id' } });
      await learnWho();
      onDone();
    } catch (error) {
      token.value = before;
      setWhy(explain(error));
    }
  };
  return html`<${Dialog} title=${t.signIn.title} onClose=${() => (isLocked.value = false)}>
    <form class="stack" onSubmit=${enter}><p class="hint" id="token-about">${t.signIn.about}</p>
      <label class="field"><span>${t.signIn.token}</span><input data-first type="password" autocomplete="off" spellcheck=${false} value=${text} aria-describedby="token-about token-why" aria-invalid=${why ? 'true' : undefined} onInput=${(/** @type {any} */ event) => { setText(event.target.value); setWhy(''); }} /></label>
      <p id="token-why" class="error" role="alert">${why}</p>
      <div class="dialog-foot"><button type="submit" class="button primary" disabled=${!text.trim()}>${t.signIn.enter}</button></div></form>
  </${Dialog}>`;
}
