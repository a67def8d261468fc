// Settings of this browser, and what belongs to no persona: access tokens, the export of everything.

import { useEffect, useState } from '../vendor/runtime.js';
import { address, call, get, who } from './api.js';
import { Button, Check, Choices, html, Icon, Page } from './html.js';
import { overlay } from './overlay.js';
import { LabelCounts, OwnerCounts } from './settings-counts.js';
import { settings, token } from './settings-store.js';
import { t } from './strings.js';
import { downloadFile, toastError } from './toasts.js';
import { Tokens } from './tokens.js';

const THEMES = /** @type {const} */ (['system', 'light', 'dark']).map((one) => [one, t.theme[one]]);
const AUTHOR_CHARS_MAX = 128;

/** Ends the session on the server for good, or forgets the token of this window. */
async function signOut() {
  try {
    if (token.value) token.value = '';
    else await call('DELETE', 'session');
    location.reload();
  } catch (error) {
    toastError(error);
  }
}

export function Settings() {
  const [version, setVersion] = useState('');
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    get('/', { signal: stop.signal }).then(({ body }) => setVersion(body.version), () => {});
    return () => stop.abort();
  }, []);
  const words = t.settings;
  // A link sends the cookie and no token, so the page asks for the file where it has one.
  const exportAll = async () => {
    setBusy(true);
    await get('export', { isLong: true, isFile: true }).then(({ body }) => downloadFile('personas.ndjson', body), toastError);
    setBusy(false);
  };
  return html`<${Page} title=${words.title} class="narrow">
    ${who.value?.act_as && html`<section class="block"><h2>${words.you}</h2>
      <label class="field"><span>${words.author}</span><input type="text" dir="auto" autocomplete="name" maxlength=${AUTHOR_CHARS_MAX} value=${settings.author.value} aria-describedby="author-about"
        onInput=${(/** @type {any} */ event) => (settings.author.value = event.target.value.replace(/\p{Cc}/gu, ''))} /></label>
      <p id="author-about" class="hint">${words.authorAbout}</p></section>`}
    <section class="block"><h2>${words.appearance}</h2>
      <${Choices} legend=${t.theme.label} options=${THEMES} value=${settings.theme.value} onChoice=${(/** @type {string} */ one) => (settings.theme.value = one)} /></section>
    <section class="block"><h2>${words.keyboard}</h2>
      <${Check} checked=${settings.letters.value === 'on'} onCheck=${(/** @type {boolean} */ is) => (settings.letters.value = is ? 'on' : 'off')}>${words.letters}</${Check}>
      <div><${Button} icon="keyboard" onClick=${() => (overlay.value = 'shortcuts')}>${t.shortcuts.title}</${Button}></div></section>
    ${who.value?.name && html`<section class="block"><h2>${t.signIn.title}</h2><p>${t.signIn.as(who.value.name, t.signIn.scopes[who.value.scope])}</p>
      ${(token.value || who.value.is_session) && html`<div><${Button} onClick=${signOut}>${token.value ? t.signIn.out : t.signIn.end}</${Button}></div>`}</section>`}
    ${who.value?.scope === 'admin' && html`<${Tokens} me=${who.value} />`}
    <${LabelCounts} />
    <${OwnerCounts} />
    <section class="block"><h2>${words.data}</h2><p class="hint">${words.exportAllAbout}</p>
      <div>${token.value ? html`<${Button} icon="export" disabled=${isBusy} onClick=${exportAll}>${words.exportAll}</${Button}>` : html`<a class="button" href=${address('export')} download="personas.ndjson"><${Icon} name="export" />${words.exportAll}</a>`}</div></section>
    <section class="block"><h2>${words.about}</h2><p>${t.product} ${version}</p><p><a href="api/v1/docs">${t.nav.docs}</a></p></section>
  </${Page}>`;
}
