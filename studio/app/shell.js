// The start, and the frame around every screen: the navigation, the notices that every screen shows,
// and the shortcuts that work everywhere. The order to read the rest in: route.js, api.js, a screen.

import { computed, render, useEffect, useLayoutEffect, useState } from '../vendor/runtime.js';
import { asksToken, get, isLocked, isStale, knowSelf, mayWrite, reachable } from './api.js';
import { CreateDialog, Palette, ShortcutSheet } from './dialogs.js';
import { Editor } from './editor.js';
import { Gallery, readAhead } from './gallery.js';
import { Health } from './health.js';
import { Button, html, Icon } from './html.js';
import { DropZone, Import } from './import.js';
import { isMac, shortcuts } from './keys.js';
import { overlay } from './overlay.js';
import { go, lastGallery, route } from './route.js';
import { settings } from './settings-store.js';
import { Settings } from './settings.js';
import { link, LinkQuestion, SignIn, signInByAddress } from './sign-in.js';
import { t } from './strings.js';
import { Toasts, undoLast } from './toasts.js';
import { sendUnsent } from './unsent.js';

const closeOverlay = () => (overlay.value = '');

/** @type {Record<string, any>} */
const SCREENS = { gallery: Gallery, personas: Editor, import: Import, health: Health, settings: Settings };
const shownScreen = computed(() => (route.value.screen in SCREENS ? route.value.screen : 'gallery'));

/** @type {{ to: () => string, screen: string, icon: 'people' | 'import' | 'pulse' | 'gear', text: string }[]} */
const WAYS = [
  { to: () => lastGallery.value, screen: 'gallery', icon: 'people', text: t.nav.gallery },
  { to: () => '#/import', screen: 'import', icon: 'import', text: t.nav.import },
  { to: () => '#/health', screen: 'health', icon: 'pulse', text: t.nav.health },
  { to: () => '#/settings', screen: 'settings', icon: 'gear', text: t.nav.settings },
];

/** The pause between two attempts to reach a server that is away, in milliseconds. */
const KNOCK_MS = 2000;

export function Shell() {
  const [entered, setEntered] = useState(0);
  useLayoutEffect(() => shortcuts([
    { keys: 'mod+k', act: () => (overlay.value = 'palette'), always: true },
    { keys: '?', act: () => (overlay.value = 'shortcuts') },
    { keys: 'c', act: () => mayWrite.peek() && (overlay.value = 'create') },
    { keys: 'g p', act: () => go(lastGallery.value) },
    { keys: 'g i', act: () => mayWrite.peek() && go('#/import') },
    { keys: 'g h', act: () => go('#/health') },
    { keys: 'g s', act: () => go('#/settings') },
    { keys: 'u', act: undoLast },
  ]), []);
  useEffect(() => {
    if (reachable.value) return undefined;
    const clock = setInterval(() => get('/healthz').catch(() => {}), KNOCK_MS);
    return () => clearInterval(clock);
  }, [reachable.value]);
  const shown = shownScreen.value;
  // A new screen is read from its heading on, and the page has its address.
  const place = `${shown}/${route.value.id}`;
  useLayoutEffect(() => {
    if (shown !== 'gallery') document.querySelector('main')?.scrollTo(0, 0);
    if (place !== 'gallery/') /** @type {HTMLElement | null} */ (document.querySelector('main h1'))?.focus({ preventScroll: true });
  }, [place]);
  const Screen = SCREENS[shown];
  return html`
    <div class="shell">
      <${Sidebar} shown=${shown} />
      <div class="stage">
        <div class="banners">
          ${!reachable.value && html`<div class="banner" role="alert"><${Icon} name="cloud" /><span><strong>${t.offline.title}</strong> ${t.offline.about}</span></div>`}
          ${isLocked.value && !asksToken.value && html`<div class="banner" role="status"><${Icon} name="warn" /><span>${t.signIn.locked}</span><${Button} onClick=${() => (asksToken.value = true)}>${t.signIn.enter}</${Button}></div>`}
          ${isStale.value && html`<div class="banner" role="status"><${Icon} name="undo" /><span><strong>${t.stale.title}</strong> ${t.stale.about}</span><${Button} onClick=${() => location.reload()}>${t.stale.reload}</${Button}></div>`}
        </div>
        <main id="content" tabindex="-1">
          <${Screen} key=${`${shown}/${shown === 'personas' ? route.value.id : ''}/${entered}`} />
        </main>
      </div>
    </div>
    <${Toasts} />
    <${DropZone} />
    ${link.value && html`<${LinkQuestion} />`}
    ${asksToken.value && !link.value && html`<${SignIn} onDone=${() => setEntered(entered + 1)} />`}
    ${overlay.value === 'palette' && html`<${Palette} onClose=${closeOverlay} />`}
    ${overlay.value === 'shortcuts' && html`<${ShortcutSheet} onClose=${closeOverlay} />`}
    ${overlay.value === 'create' && html`<${CreateDialog} onClose=${closeOverlay} />`}`;
}

/** @param {MouseEvent} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

/** @param {{ shown: string }} props */
function Sidebar({ shown }) {
  const here = shown === 'personas' ? 'gallery' : shown;
  return html`<header class="sidebar">
    <a class="skip" href=${location.hash || '#/'} onClick=${skip}>${t.nav.skip}</a>
    <a class="brand" href="#/"><span class="brand-mark" aria-hidden="true"></span><span class="wide">${t.product}</span></a>
    <${Button} class="primary new writes" icon="plus" onClick=${() => (overlay.value = 'create')}><span class="wide">${t.gallery.new}</span><kbd class="wide" aria-hidden="true">C</kbd></${Button}>
    <nav aria-label=${t.nav.label}><ul>
      ${WAYS.map((way) => html`<li key=${way.screen} class=${way.screen === 'import' ? 'writes' : ''}><a href=${way.to()} aria-current=${way.screen === here ? 'page' : undefined}>
        <${Icon} name=${way.icon} /><span class="wide">${way.text}</span></a></li>`)}
    </ul></nav>
    <div class="sidebar-foot">
      <${Button} class="quiet find" icon="search" onClick=${() => (overlay.value = 'palette')}><span class="wide">${t.palette.title}</span><kbd class="wide" aria-hidden="true">${isMac ? '⌘K' : 'Ctrl K'}</kbd></${Button}>
      <div class="foot-row">
        <${ThemeButton} />
        <${Button} icon="keyboard" name=${t.shortcuts.title} onClick=${() => (overlay.value = 'shortcuts')} />
        <a class="button icon-only quiet" href="api/v1/docs" aria-label=${t.nav.docs} title=${t.nav.docs}><${Icon} name="book" /></a>
      </div>
    </div>
  </header>`;
}

const NEXT = /** @type {Record<string, 'system' | 'light' | 'dark'>} */ ({ system: 'light', light: 'dark', dark: 'system' });
const FACES = /** @type {Record<string, 'half' | 'sun' | 'moon'>} */ ({ system: 'half', light: 'sun', dark: 'moon' });

function ThemeButton() {
  const theme = settings.theme.value;
  const name = t.theme.switchTo(t.theme[NEXT[theme]]);
  return html`<${Button} icon=${FACES[theme]} name=${name} onClick=${() => (settings.theme.value = NEXT[theme])} />`;
}

await signInByAddress();
knowSelf();
readAhead();
const root = document.getElementById('app');
if (root) render(html`<${Shell} />`, root);
sendUnsent();
