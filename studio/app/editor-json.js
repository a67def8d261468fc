// The persona as JSON: everything that the form shows, and everything that it does not.

import { useState } from '../vendor/runtime.js';
import { html } from './html.js';
import { MANAGED } from './merge.js';
import { t } from './strings.js';

/** @param {{ session: import('./session.js').Session }} props */
export function JsonView({ session }) {
  const [draft, setDraft] = useState(/** @type {string | null} */ (null));
  const [why, setWhy] = useState('');
  const [done, setDone] = useState('');
  const text = draft ?? JSON.stringify(session.form.value, null, 2);
  const apply = () => {
    setDone('');
    let read;
    try {
      read = JSON.parse(text);
    } catch (error) {
      return setWhy(t.json.notJson(/** @type {Error} */ (error).message));
    }
    if (typeof read !== 'object' || read === null || Array.isArray(read)) return setWhy(t.json.notObject);
    const known = session.form.peek();
    const members = Object.fromEntries(Object.entries(read).filter(([name]) => !MANAGED.has(name)));
    const unknown = Object.keys(members).find((name) => !(name in known));
    if (unknown) return setWhy(t.json.unknown(unknown));
    session.setAll(members);
    session.save();
    setDraft(null);
    setWhy('');
    setDone(t.json.applied);
  };
  return html`<div class="json">
    <p class="hint" id="json-about">${t.json.about}</p>
    <textarea class="code" aria-label=${t.json.label} aria-describedby="json-about json-why" aria-invalid=${why ? 'true' : undefined} spellcheck=${false} rows="28" value=${text} onInput=${(/** @type {any} */ event) => { setDraft(event.target.value); setWhy(''); setDone(''); }}></textarea>
    <p id="json-why" class="error" role="alert">${why}</p>
    <div class="dialog-foot"><span class="hint" role="status">${done}</span><button type="button" class="button" disabled=${draft === null} onClick=${() => { setDraft(null); setWhy(''); }}>${t.json.reset}</button>
      <button type="button" class="button primary" disabled=${draft === null} onClick=${apply}>${t.json.apply}</button></div>
  </div>`;
}
