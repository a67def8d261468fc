// Signing in: the question for a token, where a server wants one, and one-time links.

import { signal, useState } from '../vendor/runtime.js';
import { asksToken, call, get, isLocked, learnWho, who } from './api.js';
import { Button, html } from './html.js';
import { Box, Dialog, FormDialog } from './overlay.js';
import { token } from './settings-store.js';
import { t } from './strings.js';
import { explain, toast } from './toasts.js';

/** Asks for a token, which stays in this window. @param {{ onDone: () => void }} props */
export function SignIn({ onDone }) {
  const [text, setText] = useState('');
  const enter = async () => {
    const before = token.peek();
    token.value = text.trim().replace(/[^\x21-\x7e]/g, '');
    try {
      await get('personas', { query: { limit: 1, fields: 'id' } });
      await learnWho();
      onDone();
    } catch (error) {
      token.value = before;
      throw error;
    }
  };
  return html`<${FormDialog} title=${t.signIn.title} onClose=${() => (asksToken.value = false)} onSubmit=${enter} action=${t.signIn.enter} disabled=${!text.trim()}>
    <${Box} data-first label=${t.signIn.token} hint=${t.signIn.about} type="password" spellcheck=${false} value=${text} onText=${setText} />
  </${FormDialog}>`;
}

/** The secret of a link that waits for an answer: this browser is signed in already, and a link
 * from another person would sign it in as that person. */
export const link = signal('');

/** Signs this browser in with a one-time link if the address has its secret. That is behind the #,
 * which no browser sends, and leaves the address at once. */
export async function signInByAddress() {
  const secret = secretOfLink();
  if (!secret) return;
  location.replace('#/');
  await learnWho();
  if (who.peek()?.name) link.value = secret;
  else await exchange(secret);
}

const secretOfLink = () => /^#\/link\/(\w+)$/.exec(location.hash)?.[1];
addEventListener('hashchange', () => secretOfLink() && location.reload());

/** Makes a session of a link. @param {string} secret */
async function exchange(secret) {
  const before = token.peek();
  try {
    // The session counts only where this window sends no token of its own.
    token.value = '';
    await call('POST', 'session', { headers: { Authorization: `Bearer ${secret}` } });
  } catch (/** @type {any} */ error) {
    token.value = before;
    // The link is good still.
    if (error.isPassing) link.value = secret;
    toast(error.status === 401 ? t.signIn.usedUp : explain(error), { kind: 'error' });
    return false;
  }
  await learnWho();
  windows.postMessage('');
  return true;
}

/** Tells the other windows of this browser, which have the same cookie. */
const windows = new BroadcastChannel('persona-studio:session');
windows.onmessage = () => isLocked.peek() && learnWho();

/** Asks whether a link is to replace the present session or token. */
export function LinkQuestion() {
  const name = who.value?.name ?? '';
  const keep = () => (link.value = '');
  const use = async () => {
    const secret = link.peek();
    keep();
    if (await exchange(secret)) location.reload();
  };
  return html`<${Dialog} title=${t.signIn.linkTitle} onClose=${keep}>
    <p>${name ? t.signIn.linkAbout(name) : t.signIn.linkLater}</p>
    <div class="dialog-foot"><${Button} data-first onClick=${keep}>${name ? t.signIn.linkKeep : t.common.cancel}</${Button}><${Button} class="primary" onClick=${use}>${t.signIn.linkUse}</${Button}></div>
  </${Dialog}>`;
}
