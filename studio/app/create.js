// The dialog that begins a persona: a name and a kind, and the editor opens.

import { useState } from '../vendor/runtime.js';
import { call, newKey } from './api.js';
import { Dialog } from './dialog.js';
import { html } from './html.js';
import { wake } from './live.js';
import { go, personaLink } from './route.js';
import { t } from './strings.js';
import { explain } from './toast.js';

const KINDS = /** @type {const} */ (['character', 'user', 'agent', 'prompt']);

/** @param {{ onClose: () => void }} props */
export function CreateDialog({ onClose }) {
  const [name, setName] = useState('');
  const [kind, setKind] = useState('character');
  const [why, setWhy] = useState('');
  const [busy, setBusy] = useState(false);
  // One key for each name and kind: a second press, or a repetition after a lost answer, makes no second one.
  const [key, setKey] = useState(newKey);
  const create = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy) return;
    if (!name.trim()) return setWhy(t.create.missing);
    setBusy(true);
    try {
      const { body } = await call('POST', 'personas', { body: { name: name.trim(), kind }, headers: { 'Idempotency-Key': key } });
      onClose();
      wake();
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
