// The dialogs that are opened from every screen: the command palette, a new persona, and the sheet of
// all shortcuts.

import { useEffect, useRef, useState } from '../vendor/runtime.js';
import { call, get, mayWrite, newKey, PAGE_MAX } from './api.js';
import { filters, FILTER_TAGS_MAX, isFiltered, linkOf, NO_FILTERS, refine } from './gallery-filters.js';
import { stepsOf } from './gallery-folders.js';
import { cards, LIGHT_MEMBERS } from './gallery-list.js';
import { Avatar, Choices, colourOf, html, Icon } from './html.js';
import { shown } from './keys.js';
import { Box, Dialog, FormDialog, overlay } from './overlay.js';
import { go, lastGallery, personaLink } from './route.js';
import { settings } from './settings-store.js';
import { t } from './strings.js';
import { FOLDER, HANDLE_CHARS_MAX, handleIn, numbered, searchText } from './words.js';

const KIND_CHOICES = Object.entries(t.kinds);

/** A name has 256 characters at most, which the server counts; a box counts two units for an emoji. */
const NAME_UNITS_MAX = 512;

/** The next number that makes a free handle of one that is taken. @param {string} handle @param {number} number the last one */
async function nextFree(handle, number) {
  const { body } = await get('personas', { query: { handle_prefix: handle.slice(0, HANDLE_CHARS_MAX - 5), fields: 'handle', limit: PAGE_MAX } });
  const taken = body.items.map((/** @type {any} */ one) => one.handle);
  do number += 1; while (taken.includes(numbered(handle, number)));
  return number;
}

/** A name and a kind, and the editor opens. Where the gallery shows a folder, a handle in it is offered.
 * @param {{ onClose: () => void }} props */
export function CreateDialog({ onClose }) {
  const [folder] = useState(filters.peek().folder);
  const [name, setName] = useState('');
  const [kind, setKind] = useState('character');
  // Until a handle is typed it follows from the name; a number is behind one that is taken.
  const [typed, setTyped] = useState(/** @type {string | null} */ (null));
  const [number, setNumber] = useState(1);
  const [isHandleWrong, setHandleWrong] = useState(false);
  // One key for each name, kind and handle: a second press, or a repetition after a lost answer,
  // creates no second persona.
  const [key, setKey] = useState(newKey);
  const latest = useRef(key);
  latest.current = key;
  const first = typed ?? (name.trim() && handleIn(folder, name, kind));
  const handle = numbered(first.trim(), number);
  const create = async () => {
    setHandleWrong(false);
    if (!name.trim()) throw new Error(t.create.missing);
    try {
      const { body } = await call('POST', 'personas', { body: { name: name.trim(), kind, handle: handle || undefined }, headers: { 'Idempotency-Key': key } });
      onClose();
      go(personaLink(body.id));
    } catch (/** @type {any} */ error) {
      const isTaken = error.code === 'handle_taken';
      setHandleWrong(isTaken || error.problem?.errors?.[0]?.pointer === '/handle');
      if (!isTaken) throw error;
      const next = await nextFree(first.trim(), number).catch(() => { throw error; });
      // What was typed during the look stays.
      if (latest.current !== key) throw error;
      setNumber(next);
      setKey(newKey());
      throw new Error(t.create.taken(handle, numbered(first.trim(), next)));
    }
  };
  const put = (/** @type {(value: string) => void} */ set) => (/** @type {string} */ value) => {
    set(value);
    setNumber(1);
    setKey(newKey());
  };
  return html`<${FormDialog} title=${t.create.title} onClose=${onClose} onSubmit=${create} action=${t.common.create}>
    <${Box} data-first label=${t.create.name} name="name" maxlength=${NAME_UNITS_MAX} isWrong=${!isHandleWrong} value=${name} onText=${put(setName)} />
    <${Choices} legend=${t.create.kind} options=${KIND_CHOICES} value=${kind} onChoice=${put(setKind)} />
    ${folder && html`<${Box} label=${t.editor.fields.handle} hint=${t.create.folder(folder)} maxlength=${HANDLE_CHARS_MAX} autocapitalize="none" spellcheck=${false} isWrong=${isHandleWrong} value=${handle} onText=${put(setTyped)} />`}
  </${FormDialog}>`;
}

const items = t.shortcuts.items;
/** @type {[string, [string, string][]][]} */
const GROUPS = [
  [t.shortcuts.groups.everywhere, [['mod+k', items.palette], ['/', items.search], ['c', items.create], ['g p', items.gallery], ['g i', items.import], ['g h', items.health], ['g s', items.settings], ['u', items.undo], ['?', items.help]]],
  [t.shortcuts.groups.gallery, [['ArrowUp ArrowDown', items.move], ['Enter', items.open], ['x', items.select], ['Shift+x', items.range], ['Delete', items.deleteThem], ['Escape', items.clear]]],
  [t.shortcuts.groups.editor, [['mod+s', items.save], ['mod+Shift+s', items.note], ['Escape', items.back]]],
];

/** Shortcuts of what a token that only reads is refused. */
const WRITES = ['c', 'g i', 'u', 'Delete', 'mod+s', 'mod+Shift+s'];

/** All shortcuts. @param {{ onClose: () => void }} props */
export function ShortcutSheet({ onClose }) {
  return html`<${Dialog} title=${t.shortcuts.title} onClose=${onClose} class="wide-dialog">
    <div class="sheet">
      ${GROUPS.map(([title, rows]) => html`<section key=${title}><h3>${title}</h3><dl>
        ${rows.filter(([keys]) => mayWrite.value || !WRITES.includes(keys)).map(([keys, text]) => html`<div key=${keys}><dt>${text}</dt><dd>${shown(keys).map((key) => html`<kbd key=${key}>${key}</kbd>`)}</dd></div>`)}
      </dl></section>`)}
    </div>
  </${Dialog}>`;
}

// The command palette: commands, folders and filters by their names, and personas by a search of the
// server. It is a combobox with a list (WAI-ARIA): the focus stays in the box, arrows move along the list.

const PERSONAS_MAX = 8;
const PLACES_MAX = 6;

/** @typedef {{ id: string, text: string, icon?: any, name?: string, colour?: string, act: () => void }} Entry */

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

/** Folders of the gallery, and what its list can be narrowed to.
 * @param {string[]} counted what personas have: folder, label or owner, and the name of it @returns {Entry[]} */
function places(counted) {
  const narrow = (/** @type {string} */ icon, /** @type {string} */ text, /** @type {Partial<import('./gallery-filters.js').Filters>} */ change) => ({ id: text, text, icon, act: () => refine(change) });
  const { filters: filter, tag, inactive, deleted, clear } = t.gallery;
  const to = (/** @type {string} */ folder) => ({ id: folder, text: folder || t.folders.all, icon: 'folder', act: () => go(linkOf({ folder }, true)) });
  const tags = new Set(cards.peek().slice(0, PAGE_MAX).flatMap((card) => card.tags));
  return [
    ...counted.map((one) => one.split(' ')).map(([by, name]) => by === 'folder' ? to(name) : by === 'label' ? narrow('pin', `${t.labels.label}: ${name}`, { label: name }) : narrow('people', `${t.tokens.owner}: ${name || t.filter.noOwner}`, { owner: name })),
    to(''), ...(isFiltered(filters.peek()) ? [narrow('close', clear, NO_FILTERS)] : []),
    ...KIND_CHOICES.map(([kind, text]) => narrow('people', `${t.create.kind}: ${text}`, { kind })),
    ...Array.from(tags, (one) => narrow('tag', `${tag}: ${one}`, { tags: [...new Set([...filters.peek().tags, one])].slice(0, FILTER_TAGS_MAX) })),
    narrow('half', `${filter}: ${inactive}`, { active: 'no' }), narrow('trash', `${filter}: ${deleted}`, { deleted: true }),
    ...Object.entries(t.filter.spans).slice(1, 4).map(([since, text]) => narrow('clock', `${filter}: ${text}`, { since })),
  ];
}

/** Whether a text has a word that begins so. @param {string} text @param {string} start */
const hasWord = (text, start) => [' ', '/'].some((sign) => ` ${text.toLowerCase()}`.includes(sign + start));

/** @param {{ onClose: () => void }} props */
export function Palette({ onClose }) {
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const [found, setFound] = useState(/** @type {Entry[]} */ ([]));
  const [counted, setCounted] = useState(/** @type {string[]} */ ([]));
  const asked = useRef(new Set());
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!typed) return;
    // A count is work for the server: each is asked for once, and none with each letter.
    const folders = ['', filters.peek().folder, ...stepsOf(typed.toLowerCase()).map(([, folder]) => folder)];
    for (const [by, folder] of [['label', ''], ['owner', ''], ...folders.map((one) => ['folder', one])]) {
      const key = `${by} ${folder}`;
      if (asked.current.has(key) || (folder && !FOLDER.test(folder))) continue;
      asked.current.add(key);
      get('counts', { query: { by, handle_prefix: folder, limit: PAGE_MAX } }).then(({ body }) => setCounted((before) => [...before, ...body.items.map((/** @type {any} */ { name }) => `${by} ${name}`)].sort()), () => {});
    }
  }, [typed]);
  useEffect(() => {
    const text = searchText(typed);
    const stop = new AbortController();
    const query = { q: text || undefined, sort: text ? undefined : '-updated_at', limit: PERSONAS_MAX, ...LIGHT_MEMBERS };
    get('personas', { query, signal: stop.signal }).then(({ body }) => {
      setFound(body.items.map((/** @type {any} */ one) => ({ id: one.id, text: one.name, name: one.name, colour: colourOf(one.extensions), act: () => go(personaLink(one.id)) })));
    }, () => !stop.signal.aborted && setFound([]));
    return () => stop.abort();
  }, [typed]);
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = commands().filter((one) => words.every((word) => one.text.toLowerCase().includes(word)));
  const groups = [{ title: t.palette.commands, entries: typed ? fitting : fitting.slice(0, 5) }, { title: t.palette.places, entries: typed ? places(counted).filter((one) => words.every((word) => hasWord(one.text, word))).slice(0, PLACES_MAX) : [] }, { title: t.palette.personas, entries: found }].filter((group) => group.entries.length);
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
            ${entry.name !== undefined ? html`<${Avatar} name=${entry.name} colour=${entry.colour} size="small" />` : html`<${Icon} name=${entry.icon} />`}<span dir="auto">${entry.text}</span></div>`;
        })}</div>`)}
    </div>
    ${!all.length && html`<p class="palette-none" role="status">${t.palette.nothing}</p>`}
  </${Dialog}>`;
}
