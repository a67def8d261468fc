// Draws only the visible cards of a list of any length: the rows have one height, in an element as
// high as all rows. A place that was not read yet has an empty card until its page has come.

import { useEffect, useLayoutEffect, useRef, useState } from '../vendor/runtime.js';
import { cards, clearSelection, fresh, highlights, isSelected, loading, readTexts, selectedCount, toggle, total, want } from './gallery-list.js';
import { filters, refine } from './gallery-filters.js';
import { Avatar, html, Icon } from './html.js';
import { go, personaLink } from './route.js';
import { settings } from './settings-store.js';
import { t } from './strings.js';
import { ago, at } from './time.js';

/** Heights of a row in pixels, gap included; equal to those of gallery.css. */
const HEIGHTS = /** @type {Record<string, number>} */ ({ grid: 172, list: 56 });
const CARD_WIDTH_MIN = 270;
/** How many rows are drawn beyond each edge. */
const MARGIN_ROWS = 4;
/** How many cards before the end of what was read the next page is asked for. */
const AHEAD = 80;
const TAGS_SHOWN = 3;
/** How long the list rests before texts that are missing in it are read, in milliseconds. */
const REST_MS = 150;

export function Cards() {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const view = settings.view.value;
  const [width, setWidth] = useState(0);
  const [seen, setSeen] = useState({ top: 0, height: 900 });
  const columns = view === 'list' ? 1 : Math.max(1, Math.floor((width + 12) / (CARD_WIDTH_MIN + 12)));
  const rowHeight = HEIGHTS[view];
  const count = total.value ?? cards.value.length;
  const rows = Math.ceil(count / columns);
  useLayoutEffect(() => {
    const main = /** @type {HTMLElement} */ (document.querySelector('main'));
    const own = /** @type {HTMLElement} */ (place.current);
    let frame = 0;
    const look = () => {
      frame = 0;
      const top = Math.max(0, main.getBoundingClientRect().top - own.getBoundingClientRect().top);
      setSeen((before) => (before.top === top && before.height === main.clientHeight ? before : { top, height: main.clientHeight }));
    };
    const soon = () => (frame ||= requestAnimationFrame(look));
    const observer = new ResizeObserver(() => { setWidth(own.clientWidth); soon(); });
    observer.observe(own);
    observer.observe(main);
    main.addEventListener('scroll', soon, { passive: true });
    setWidth(own.clientWidth);
    look();
    return () => {
      observer.disconnect();
      main.removeEventListener('scroll', soon);
      cancelAnimationFrame(frame);
    };
  }, []);
  const first = Math.max(0, Math.floor(seen.top / rowHeight) - MARGIN_ROWS);
  const last = Math.min(rows, Math.ceil((seen.top + seen.height) / rowHeight) + MARGIN_ROWS);
  useEffect(() => {
    const end = last * columns;
    if (end + AHEAD > cards.value.length && cards.value.length < count) want(Math.min(count, end + AHEAD));
  }, [last, columns, cards.value, count]);
  useEffect(() => {
    const light = cards.value.slice(first * columns, last * columns).filter((card) => card.excerpt === null);
    if (!light.length) return undefined;
    const stop = new AbortController();
    const clock = setTimeout(() => readTexts(light, stop.signal), REST_MS);
    return () => {
      clearTimeout(clock);
      stop.abort();
    };
  }, [first, last, columns, cards.value]);
  const shown = [];
  for (let row = first; row < last; row += 1) shown.push(row);
  return html`<div class="cards ${view}" role="list" aria-label=${t.gallery.results} aria-busy=${loading.value ? 'true' : 'false'} ref=${place}
      style=${{ height: `${rows * rowHeight}px` }} onKeyDown=${(/** @type {KeyboardEvent} */ event) => onKeyDown(event, columns, rowHeight)}>
    ${shown.map((row) => html`<div key=${row} class="row" style=${{ transform: `translateY(${row * rowHeight}px)`, gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
      ${Array.from({ length: Math.min(columns, count - row * columns) }, (_, column) => html`<${Card} key=${column} place=${row * columns + column} count=${count} />`)}
    </div>`)}
  </div>`;
}

/** @param {{ place: number, count: number }} props */
function Card({ place, count }) {
  const card = cards.value[place];
  if (!card) return html`<div class="card empty" role="listitem" aria-setsize=${count} aria-posinset=${place + 1}><span class="hidden">${t.common.loading}</span></div>`;
  const selected = isSelected(card.id);
  const state = `${selected ? 'selected' : ''} ${fresh.value.has(card.id) ? 'fresh' : ''} ${card.deleted_at ? 'deleted' : ''} ${card.is_active ? '' : 'inactive'}`;
  return html`<div class="card ${state}" role="listitem" aria-setsize=${count} aria-posinset=${place + 1} data-id=${card.id}>
    <${Avatar} name=${card.name} colour=${card.colour} />
    <div class="card-text">
      <a class="card-link" dir="auto" data-place=${place} href=${personaLink(card.id)}>${card.name}</a>
      <p class="card-meta"><span class="kind">${t.kinds[/** @type {keyof typeof t.kinds} */ (card.kind)] ?? card.kind}</span>
        ${card.deleted_at ? html`<span class="badge danger">${t.gallery.deletedBadge}</span>` : !card.is_active && html`<span class="badge">${t.gallery.inactiveBadge}</span>`}
        <time datetime=${card.updated_at} title=${at(card.updated_at)}>${ago(card.updated_at)}</time></p>
    </div>
    <p class="card-excerpt" dir="auto">${highlights.value.get(card.id) ?? (card.excerpt || (card.excerpt === '' && html`<span class="faint">${t.gallery.noText}</span>`))}</p>
    <p class="card-tags">${card.tags.slice(0, TAGS_SHOWN).map((tag) => html`<button key=${tag} type="button" class="tag" dir="auto" tabindex="-1" onClick=${() => addTag(tag)}>${tag}</button>`)}
      ${card.tags.length > TAGS_SHOWN && html`<span class="faint">+${card.tags.length - TAGS_SHOWN}</span>`}</p>
    <label class="pick"><input type="checkbox" tabindex="-1" checked=${selected} aria-label=${t.gallery.select(card.name)}
      onClick=${(/** @type {any} */ event) => { event.stopPropagation(); toggle(place, { range: event.shiftKey }); }} /><span aria-hidden="true"><${Icon} name="check" /></span></label>
  </div>`;
}

/** @param {string} tag */
function addTag(tag) {
  if (!filters.peek().tags.includes(tag)) refine({ tags: [...filters.peek().tags, tag].slice(0, 16) });
}

/** Moves between cards, selects and opens them. @param {KeyboardEvent} event @param {number} columns @param {number} rowHeight */
function onKeyDown(event, columns, rowHeight) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (!target.classList.contains('card-link') || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const place = Number(target.dataset.place);
  const count = total.peek() ?? 0;
  const isRtl = getComputedStyle(target).direction === 'rtl' && document.dir === 'rtl';
  const letters = settings.letters.peek() === 'on';
  /** @type {Record<string, number>} */
  const steps = { ArrowDown: columns, ArrowUp: -columns, ArrowRight: isRtl ? -1 : 1, ArrowLeft: isRtl ? 1 : -1, Home: -place, End: count - 1 - place, ...(letters && { j: columns, k: -columns }) };
  if (event.key in steps) {
    event.preventDefault();
    const next = place + steps[event.key];
    if (next >= 0 && next < count) focusCard(next, columns, rowHeight);
  } else if ((letters && event.key.toLowerCase() === 'x') || event.key === ' ') {
    event.preventDefault();
    toggle(place, { range: event.shiftKey });
  } else if (event.key === 'Escape' && selectedCount.peek()) {
    event.preventDefault();
    clearSelection();
  } else if (event.key === 'Enter') {
    event.preventDefault();
    go(target.getAttribute('href') ?? '#/');
  }
}

/** @param {number} place @param {number} columns @param {number} rowHeight */
function focusCard(place, columns, rowHeight) {
  const main = /** @type {HTMLElement} */ (document.querySelector('main'));
  const list = /** @type {HTMLElement} */ (document.querySelector('.cards'));
  const top = Math.floor(place / columns) * rowHeight + list.getBoundingClientRect().top - main.getBoundingClientRect().top + main.scrollTop;
  const head = document.querySelector('.gallery-head')?.clientHeight ?? 0;
  if (top < main.scrollTop + head) main.scrollTop = top - head;
  else if (top + rowHeight > main.scrollTop + main.clientHeight) main.scrollTop = top + rowHeight - main.clientHeight + 16;
  focusWhenDrawn(`.card-link[data-place="${place}"]`);
}

/** Focuses the element of a selector as soon as it exists: a row is drawn with the next frame, and
 * its page may have to be read first. Where the focus went elsewhere meanwhile, it stays there. The
 * returned function ends the wait.
 * @param {string} selector */
export function focusWhenDrawn(selector) {
  const before = document.activeElement;
  const look = () => {
    if (![before, document.body].includes(document.activeElement)) return true;
    const found = /** @type {HTMLElement | null} */ (document.querySelector(selector));
    found?.focus({ preventScroll: true });
    return found !== null;
  };
  if (look()) return () => {};
  const observer = new MutationObserver(() => look() && observer.disconnect());
  observer.observe(document.querySelector('main') ?? document.body, { childList: true, subtree: true });
  return () => observer.disconnect();
}
