// The dialog that asks for a token, where a server wants one. The token stays in this window.

import { useState } from '../vendor/runtime.js';
import { get, isLocked, learnWho } from './api.js';
import { html } from './html.js';
import { Dialog, explain } from './overlay.js';
import { token } from './settings-store.js';
import { t } from './strings.js';

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
