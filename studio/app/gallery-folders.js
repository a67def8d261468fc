// Folders of the gallery: handles are paths, and each of their words but the last is a folder. Where
// the list is stands above it as links, and what is right below as folders.

import { batch, signal, useEffect, useState } from '../vendor/runtime.js';
import { get, PAGE } from './api.js';
import { filters, isFiltered, linkOf } from './gallery-filters.js';
import { loading, reloads } from './gallery-list.js';
import { Button, html, Icon } from './html.js';
import { t } from './strings.js';

/** @typedef {import('./types.js').Count} Count */

/** Folders that are shown until more are asked for: two rows of a usual window. */
const FOLDERS_SHOWN = 10;

/** The folders right below one, as far as they were read: they stay until those of another one have
 * come. @type {import('../vendor/runtime.js').Signal<Count[]>} */
const folders = signal([]);
/** For which folder, and for which reading of the list, they were read. */
let readFor = '';
const nextFolders = signal(/** @type {string | null} */ (null));

/** @param {string} folder @param {string | null} cursor @param {AbortSignal} [stop] */
async function readFolders(folder, cursor, stop) {
  const { body } = await get('counts', { query: { handle_prefix: folder, limit: PAGE, cursor }, signal: stop });
  batch(() => {
    folders.value = cursor ? folders.peek().concat(body.items) : body.items;
    nextFolders.value = body.next_cursor;
  });
}

/** The words of a folder, each with the folder that ends there. @param {string} folder @returns {[string, string][]} */
export function stepsOf(folder) {
  const parts = folder.split('/').slice(0, -1);
  return parts.map((word, place) => [word, `${parts.slice(0, place + 1).join('/')}/`]);
}

/** Where the list is. */
export function Crumbs() {
  const parts = stepsOf(filters.value.folder);
  if (!parts.length) return null;
  return html`<nav class="crumbs" aria-label=${t.folders.here}><ol>
    <li><a href=${linkOf({ folder: '' })}>${t.folders.all}</a></li>
    ${parts.map(([word, folder], place) => html`<li key=${folder}><a href=${linkOf({ folder })} aria-current=${place === parts.length - 1 ? 'page' : undefined}>${word}</a></li>`)}
  </ol></nav>`;
}

/** The folders below. A search looks through all of them, and has none. */
export function Folders() {
  const now = filters.value;
  const [isOpen, setOpen] = useState(false);
  const isShown = !now.q.trim();
  const key = `${now.folder} ${reloads.value}`;
  useEffect(() => setOpen(false), [now.folder]);
  useEffect(() => {
    // The cards come first.
    if (!isShown || loading.value || readFor === key) return undefined;
    const stop = new AbortController();
    readFolders(now.folder, null, stop.signal).then(() => (readFor = key), () => {});
    return () => stop.abort();
  }, [key, isShown, loading.value]);
  if (!isShown || !folders.value.length) return null;
  const shown = folders.value.slice(0, isOpen ? undefined : FOLDERS_SHOWN);
  const more = () => (isOpen ? readFolders(now.folder, nextFolders.peek()).catch(() => {}) : setOpen(true));
  const hasMore = shown.length < folders.value.length || nextFolders.value !== null;
  // Other filters leave out personas that are counted here.
  const isCounted = !isFiltered(now);
  return html`<ul class="folders" aria-label=${t.folders.label}>
    ${shown.map(({ name, personas }) => html`<li key=${name}><a class="folder" href=${linkOf({ folder: name })}><${Icon} name="folder" /><span>${stepsOf(name).at(-1)?.[0]}</span>
      ${isCounted && html`<span class="faint">${personas.toLocaleString('en')}<span class="hidden"> ${t.folders.count(personas)}</span></span>`}</a></li>`)}
    ${hasMore && html`<li><${Button} class="quiet" onClick=${more}>${t.folders.more}</${Button}></li>`}
  </ul>`;
}
