// The command palette: commands by their names, and personas by a search of the server. It is a
// combobox with a list (WAI-ARIA): the focus stays in the box, arrows move along the list.

import { useEffect, useRef, useState } from '../vendor/runtime.js';
import { get, mayWrite } from './api.js';
import { Avatar, html, Icon } from './html.js';
import { Dialog, overlay } from './overlay.js';
import { go, lastGallery, personaLink } from './route.js';
import { settings } from './settings-store.js';
import { t } from './strings.js';
import { searchText } from './words.js';

const PERSONAS_MAX = 8;

/** @typedef {{ id: string, text: string, icon?: any, name?: string, act: () => void }} Entry */

/** @type {() => Entry[]} */
const commands = () => [
  ...(mayWrite.value ? [{ id: 'create', text: t.gallery.new, icon: 'plus', act: () => (overlay.value = 'create') }, { id: 'import', text: t.shortcuts.items.import, icon: 'import', act: () => go('#/import') }] : []),
  { id: 'gallery', text: t.shortcuts.items.gallery, icon: 'people', act: () => go(lastGallery.value) },
  { id: 'health', text: t.shortcuts.items.health, icon: 'pulse', act: () => go('#/health') },
  { id: 'settings', text: t.shortcuts.items.settings, icon: 'gear', act: () => go('#/settings') },
  { id: 'light', text: `${t.theme.label}: ${t.theme.light}`, icon: 'sun', act: () => (settings.theme.value = 'light') },
  { id: 'dark', text: `${t.theme.label}: ${t.theme.dark}`, icon: 'moon', act: () => (settings.theme.value = 'dark') },
  { id: 'system', text: `${t.theme.label}: ${t.theme.system}`, icon: 'half', act: () => (settings.theme.value = 'system') },
  { id: 'shortcuts', text: t.shortcuts.title, icon: 'keyboard', act: () => (overlay.value = 'shortcuts') },
];

/** @param {{ onClose: () => void }} props */
export function Palette({ onClose }) {
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const [found, setFound] = useState(/** @type {Entry[]} */ ([]));
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const text = searchText(typed);
    const stop = new AbortController();
    const query = { q: text || undefined, sort: text ? undefined : '-updated_at', limit: PERSONAS_MAX, fields: 'id,name' };
    get('personas', { query, signal: stop.signal }).then(({ body }) => {
      setFound(body.items.map((/** @type {any} */ one) => ({ id: one.id, text: one.name, name: one.name, act: () => go(personaLink(one.id)) })));
    }, () => !stop.signal.aborted && setFound([]));
    return () => stop.abort();
  }, [typed]);
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = commands().filter((one) => words.every((word) => one.text.toLowerCase().includes(word)));
  const groups = [{ title: t.palette.commands, entries: typed ? fitting : fitting.slice(0, 5) }, { title: t.palette.personas, entries: found }].filter((group) => group.entries.length);
  const all = groups.flatMap((group) => group.entries);
  const chosen = Math.min(at, Math.max(all.length - 1, 0));
  const run = (/** @type {Entry | undefined} */ entry) => {
    if (!entry) return;
    onClose();
    entry.act();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step && all.length) {
      event.preventDefault();
      const next = (chosen + step + all.length) % all.length;
      setAt(next);
      list.current?.querySelector(`[data-at="${next}"]`)?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter' && !event.isComposing) {
      event.preventDefault();
      run(all[chosen]);
    }
  };
  let place = -1;
  return html`<${Dialog} title=${t.palette.title} onClose=${onClose} class="palette" hideTitle>
    <div class="palette-box"><${Icon} name="search" />
      <input data-first type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" aria-label=${t.palette.placeholder}
        aria-activedescendant=${all.length ? `palette-${chosen}` : undefined} placeholder=${t.palette.placeholder} dir="auto" autocomplete="off" spellcheck=${false} value=${typed}
        onInput=${(/** @type {any} */ event) => { setTyped(event.target.value); setAt(0); }} onKeyDown=${onKeyDown} /></div>
    <div id="palette-list" role="listbox" aria-label=${t.palette.title} class="palette-list" ref=${list}>
      ${groups.map((group) => html`<div key=${group.title} role="group" aria-label=${group.title}><div class="palette-title" aria-hidden="true">${group.title}</div>
        ${group.entries.map((entry) => {
          const here = ++place;
          return html`<div key=${entry.id} id=${`palette-${here}`} data-at=${here} role="option" aria-selected=${here === chosen ? 'true' : 'false'} class="palette-entry"
            onPointerMove=${() => setAt(here)} onClick=${() => run(entry)}>
            ${entry.name !== undefined ? html`<${Avatar} name=${entry.name} size="small" />` : html`<${Icon} name=${entry.icon} />`}<span dir="auto">${entry.text}</span></div>`;
        })}</div>`)}
    </div>
    ${!all.length && html`<p class="palette-none" role="status">${t.palette.nothing}</p>`}
  </${Dialog}>`;
}
