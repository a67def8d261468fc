// Settings of this browser, and what belongs to no persona.

import { useEffect, useState } from '../vendor/runtime.js';
import { address, call, get, who } from './api.js';
import { html, Icon } from './html.js';
import { overlay } from './overlay.js';
import { settings, token } from './settings-store.js';
import { t } from './strings.js';
import { toastError } from './toasts.js';

const THEMES = /** @type {const} */ (['system', 'light', 'dark']);
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
  useEffect(() => {
    document.title = `${t.settings.title} · ${t.product}`;
    const stop = new AbortController();
    get('/', { signal: stop.signal }).then(({ body }) => setVersion(body.version), () => {});
    return () => stop.abort();
  }, []);
  const words = t.settings;
  return html`<div class="page narrow">
    <header class="page-head"><h1 tabindex="-1">${words.title}</h1></header>
    <section class="block"><h2>${words.you}</h2>
      <label class="field"><span>${words.author}</span><input type="text" dir="auto" autocomplete="name" maxlength=${AUTHOR_CHARS_MAX} value=${settings.author.value} aria-describedby="author-about"
        onInput=${(/** @type {any} */ event) => (settings.author.value = event.target.value.replace(/\p{Cc}/gu, ''))} /></label>
      <p id="author-about" class="hint">${words.authorAbout}</p></section>
    <section class="block"><h2>${words.appearance}</h2>
      <fieldset class="choices"><legend>${t.theme.label}</legend>${THEMES.map((one) => html`<label key=${one} class="choice"><input type="radio" name="theme" checked=${settings.theme.value === one} onChange=${() => (settings.theme.value = one)} /><span>${t.theme[one]}</span></label>`)}</fieldset></section>
    <section class="block"><h2>${words.keyboard}</h2>
      <label class="check"><input type="checkbox" checked=${settings.letters.value === 'on'} onChange=${(/** @type {any} */ event) => (settings.letters.value = event.target.checked ? 'on' : 'off')} /><span>${words.letters}</span></label>
      <div><button type="button" class="button" onClick=${() => (overlay.value = 'shortcuts')}><${Icon} name="keyboard" />${t.shortcuts.title}</button></div></section>
    <section class="block"><h2>${words.data}</h2><p class="hint">${words.exportAllAbout}</p>
      <div><a class="button" href=${address('export')} download="personas.ndjson"><${Icon} name="export" />${words.exportAll}</a></div></section>
    ${who.value?.name && html`<section class="block"><h2>${t.signIn.title}</h2><p>${t.signIn.as(who.value.name, t.signIn.scopes[who.value.scope])}</p>
      ${(token.value || who.value.is_session) && html`<div><button type="button" class="button" onClick=${signOut}>${token.value ? t.signIn.out : t.signIn.end}</button></div>`}</section>`}
    <section class="block"><h2>${words.about}</h2><p>${t.product} ${version}</p><p><a href="api/v1/docs">${t.nav.docs}</a></p></section>
  </div>`;
}
