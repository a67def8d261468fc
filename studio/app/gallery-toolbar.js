// The toolbar above the cards: the search, the order, the view, and the filters as chips. Those that
// need a word or a day have a dialog.

import { useEffect, useState } from '../vendor/runtime.js';
import { get, PAGE, who } from './api.js';
import { filters, FILTER_TAGS_MAX, isFiltered, NO_FILTERS, refine, SORTS } from './gallery-filters.js';
import { loading } from './gallery-list.js';
import { Button, Choices, html, Icon } from './html.js';
import { Box, FormDialog } from './overlay.js';
import { settings } from './settings-store.js';
import { KINDS, t } from './strings.js';
import { dayOf } from './time.js';

/** @typedef {import('./html.js').IconName} IconName */

const OWNER_WORD_CHARS_MAX = 128;
const TAG_CHARS_MAX = 128;

/** @param {string[]} tags @param {string} tag */
const hasTag = (tags, tag) => tags.some((one) => one.toLowerCase() === tag.toLowerCase());

/** @param {{ box: { current: HTMLInputElement | null } }} props */
export function Toolbar({ box }) {
  const now = filters.value;
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Escape' && now.q) {
      event.preventDefault();
      refine({ q: '' });
    } else if (event.key === 'ArrowDown' || (event.key === 'Enter' && !event.isComposing)) {
      event.preventDefault();
      /** @type {HTMLElement | null} */ (document.querySelector('.card-link'))?.focus();
    }
  };
  return html`<div class="toolbar">
    <div class="search" role="search"><${Icon} name="search" />
      <input ref=${box} type="search" aria-label=${t.gallery.search} placeholder=${t.gallery.searchHint} dir="auto" autocomplete="off" spellcheck=${false} maxlength="500" value=${now.q}
        onInput=${(/** @type {any} */ event) => refine({ q: event.target.value, sort: '' }, { replace: true })} onKeyDown=${onKeyDown} />
      ${loading.value && html`<span class="spinner" aria-hidden="true"></span>`}
      ${now.q ? html`<${Button} icon="close" name=${t.gallery.clearSearch} onClick=${() => { refine({ q: '' }); box.current?.focus(); }} />` : html`<kbd aria-hidden="true">/</kbd>`}
    </div>
    <div class="tools">
      <label class="select"><span class="hidden">${t.gallery.sort}</span>
        <select value=${now.sort || (now.q.trim() ? 'relevance' : '-updated_at')} onChange=${(/** @type {any} */ event) => refine({ sort: event.target.value })}>
          ${SORTS.map((one) => (one !== 'relevance' || now.q.trim()) && html`<option key=${one} value=${one}>${t.gallery.sorts[one]}</option>`)}
        </select></label>
      <div class="segments" role="group" aria-label=${t.gallery.view}>
        ${/** @type {const} */ (['grid', 'list']).map((one) => html`<button key=${one} type="button" class="button icon-only quiet" aria-label=${t.gallery[one]} title=${t.gallery[one]}
          aria-pressed=${settings.view.value === one ? 'true' : 'false'} onClick=${() => (settings.view.value = one)}><${Icon} name=${one} /></button>`)}
      </div>
    </div>
  </div>
  <${Chips} />`;
}

function Chips() {
  const now = filters.value;
  const [isOpen, setOpen] = useState(false);
  const press = (/** @type {boolean} */ is) => (is ? 'true' : 'false');
  const set = (/** @type {IconName} */ icon, /** @type {string} */ text, /** @type {Partial<import('./gallery-filters.js').Filters>} */ without) => text && html`<button type="button" class="chip on" dir="auto" aria-label=${t.gallery.removeFilter(text)} onClick=${() => refine(without)}>
    <${Icon} name=${icon} /><span>${text}</span><${Icon} name="close" /></button>`;
  return html`<div class="chips" role="group" aria-label=${t.gallery.filters}>
    ${KINDS.map((kind) => html`<button key=${kind} type="button" class="chip" aria-pressed=${press(now.kind === kind)} onClick=${() => refine({ kind: now.kind === kind ? '' : kind })}>${t.kinds[kind]}</button>`)}
    <span class="chip-gap" aria-hidden="true"></span>
    <button type="button" class="chip" aria-pressed=${press(now.active === 'no')} onClick=${() => refine({ active: now.active === 'no' ? '' : 'no' })}>${t.gallery.inactive}</button>
    <button type="button" class="chip" aria-pressed=${press(now.deleted)} onClick=${() => refine({ deleted: !now.deleted })}>${t.gallery.deleted}</button>
    <span class="chip-gap" aria-hidden="true"></span>
    ${now.tags.map((tag) => html`<${TagChip} key=${tag} tag=${tag} />`)}
    ${now.without.map((tag) => html`<${TagChip} key=${`-${tag}`} tag=${tag} isOut />`)}
    ${set('pin', now.label, { label: '' })}
    ${set('people', now.owner === null ? '' : now.owner || t.filter.noOwner, { owner: null })}
    ${set('clock', now.since && (t.filter.spans[/** @type {'1d'} */ (now.since)] ?? t.filter.sinceDay(dayOf(`${now.since}T00:00`))), { since: '' })}
    <${TagBox} />
    <button type="button" class="chip" aria-haspopup="dialog" onClick=${() => setOpen(true)}><${Icon} name="plus" />${t.filter.more}</button>
    ${isFiltered(now) && html`<button type="button" class="chip clear" onClick=${() => refine(NO_FILTERS)}>${t.gallery.clear}</button>`}
    ${isOpen && html`<${FilterDialog} onClose=${() => setOpen(false)} />`}
  </div>`;
}

/** A tag that personas have, or do not have: a press of its name turns that over.
 * @param {{ tag: string, isOut?: boolean }} props */
function TagChip({ tag, isOut }) {
  const { tags, without } = filters.value;
  const rest = isOut ? { without: without.filter((one) => one !== tag) } : { tags: tags.filter((one) => one !== tag) };
  const other = isOut ? { ...rest, tags: [...tags, tag].slice(0, FILTER_TAGS_MAX) } : { ...rest, without: [...without, tag].slice(0, FILTER_TAGS_MAX) };
  const turn = isOut ? t.filter.wants(tag) : t.filter.leavesOut(tag);
  return html`<span class="chip on two ${isOut ? 'out' : ''}">
    <button type="button" aria-label=${turn} title=${turn} onClick=${() => refine(other)}><${Icon} name="tag" /><span dir="auto">${isOut ? t.filter.not(tag) : tag}</span></button>
    <button type="button" aria-label=${t.gallery.removeFilter(isOut ? t.filter.not(tag) : tag)} onClick=${() => refine(rest)}><${Icon} name="close" /></button></span>`;
}

function TagBox() {
  const [text, setText] = useState('');
  const add = () => {
    const { tags, without } = filters.peek();
    const isOut = /^\s*-/.test(text);
    const tag = text.replace(/^\s*-/, '').trim();
    const all = isOut ? without : tags;
    if (tag && !hasTag(all, tag) && all.length < FILTER_TAGS_MAX) refine(isOut ? { without: [...without, tag] } : { tags: [...tags, tag] });
    setText('');
  };
  return html`<span class="chip tag-box"><${Icon} name="tag" /><input type="text" aria-label=${t.gallery.addTag} placeholder=${t.gallery.addTag} title=${t.filter.minus} dir="auto" autocomplete="off" maxlength=${TAG_CHARS_MAX} value=${text}
    onInput=${(/** @type {any} */ event) => setText(event.target.value)}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === 'Enter' && !event.isComposing) { event.preventDefault(); add(); } }} /></span>`;
}

/** How long ago a persona changed at most; a day of one's choice is the last one. */
const SPANS = [['', t.filter.spans.any], ['1d', t.filter.spans['1d']], ['7d', t.filter.spans['7d']], ['30d', t.filter.spans['30d']], ['day', t.filter.spans.day]];

/** Filters that need a word or a day. @param {{ onClose: () => void }} props */
function FilterDialog({ onClose }) {
  const now = filters.peek();
  const isDay = now.since.includes('-');
  const [label, setLabel] = useState(now.label);
  const [owner, setOwner] = useState(now.owner ?? '');
  const [hasNone, setNone] = useState(now.owner === '');
  const [out, setOut] = useState(now.without.join(', '));
  const [span, setSpan] = useState(isDay ? 'day' : now.since);
  const [day, setDay] = useState(isDay ? now.since : '');
  const [known, setKnown] = useState({ label: /** @type {string[]} */ ([]), owner: /** @type {string[]} */ ([]) });
  const mayChoose = !who.value?.owner || who.value.shared;
  useEffect(() => {
    const stop = new AbortController();
    for (const by of /** @type {const} */ (['label', 'owner'])) {
      const found = get('counts', { query: { by, limit: PAGE }, signal: stop.signal });
      found.then(({ body }) => setKnown((before) => ({ ...before, [by]: body.items.map((/** @type {any} */ one) => one.name).filter(Boolean) })), () => {});
    }
    return () => stop.abort();
  }, []);
  const apply = () => {
    const without = out.split(',').map((tag) => tag.trim()).filter((tag, place, all) => tag && !hasTag(all.slice(0, place), tag)).slice(0, FILTER_TAGS_MAX);
    refine({ without, label: label.trim(), owner: hasNone ? '' : owner.trim() || null, since: span === 'day' ? day : span });
    onClose();
  };
  const list = (/** @type {string} */ id, /** @type {string[]} */ all) => html`<datalist id=${id}>${all.map((one) => html`<option key=${one} value=${one} />`)}</datalist>`;
  return html`<${FormDialog} title=${t.filter.title} onClose=${onClose} onSubmit=${apply} action=${t.filter.apply} disabled=${span === 'day' && !day}>
    ${list('filter-labels', known.label)}${list('filter-owners', known.owner)}
    <${Box} data-first label=${t.filter.without} hint=${t.bulk.tagHint} value=${out} onText=${setOut} />
    <${Box} label=${t.labels.label} list="filter-labels" autocapitalize="none" spellcheck=${false} value=${label} onText=${setLabel} />
    ${mayChoose && html`<${Box} label=${t.tokens.owner} list="filter-owners" maxlength=${OWNER_WORD_CHARS_MAX} disabled=${hasNone} value=${hasNone ? '' : owner} onText=${setOwner} />
      <label class="check"><input type="checkbox" checked=${hasNone} onChange=${(/** @type {any} */ event) => setNone(event.target.checked)} /><span>${t.filter.noOwner}</span></label>`}
    <${Choices} legend=${t.filter.changed} options=${SPANS} value=${span} onChoice=${setSpan} />
    ${span === 'day' && html`<label class="field"><span>${t.filter.since}</span><input type="date" value=${day} onInput=${(/** @type {any} */ event) => setDay(event.target.value)} /></label>`}
  </${FormDialog}>`;
}
