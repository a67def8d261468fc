// The dialog that saves with a note.

import { useState } from '../vendor/runtime.js';
import { Dialog } from './dialog.js';
import { html } from './html.js';
import { t } from './strings.js';

/** As the API has it. */
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
