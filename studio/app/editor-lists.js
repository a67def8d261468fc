// Fields that are lists: tags, greetings, sources, the entries of a lorebook. Each list can be
// changed with the keyboard alone, and its order with buttons.

import { useRef, useState } from '../vendor/runtime.js';
import { Area, Counts } from './area.js';
import { Button, Check, html, Icon } from './html.js';
import { isObject, listOf, same } from './merge.js';
import { notePaste, RewriteButton } from './rewrite.js';
import { t } from './strings.js';
import { asText } from './words.js';

/** @typedef {import('./editor-form.js').WidgetProps} WidgetProps */

/** @param {WidgetProps} props */
export function Tags({ session, name, value, id, describedBy, wrong, isFixed }) {
  const text = session.typed.value.tags ?? '';
  const tags = listOf(value);
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing || isFixed) return;
    if (event.key === 'Enter') {
      event.preventDefault();
      session.addTags();
    } else if (event.key === 'Backspace' && !text && tags.length) session.set(name, tags.slice(0, -1));
  };
  return html`<div class="tags-box"><ul>${tags.map((tag) => html`<li key=${tag} class="tag" dir="auto"><span>${asText(tag)}</span><button type="button" class="writes" aria-label=${t.editor.removeTag(asText(tag))} onClick=${() => session.set(name, tags.filter((one) => one !== tag))}><${Icon} name="close" /></button></li>`)}</ul>
    <input id=${id} type="text" dir="auto" autocomplete="off" placeholder=${t.editor.addTag} value=${text} readonly=${isFixed} aria-describedby=${describedBy} aria-invalid=${wrong()}
      onInput=${(/** @type {any} */ event) => {
        session.type('tags', event.target.value);
        if (event.target.value.includes(',') && !event.isComposing) session.addTags();
      }} onKeyDown=${onKeyDown} onBlur=${() => session.addTags()} /></div>`;
}

/** The properties of a box in which a text stands for a list. What is typed stays as it is as long as
 * it means the value, which has no blanks and no empty items.
 * @param {any} value @param {string} separator @param {(list: string[]) => void} put */
function useList(value, separator, put) {
  const show = listOf(value).join(separator === ',' ? ', ' : separator);
  const read = (/** @type {string} */ text) => text.split(separator).map((one) => one.trim()).filter(Boolean);
  const [text, setText] = useState(show);
  const onInput = (/** @type {any} */ event) => {
    setText(event.target.value);
    put(read(event.target.value));
  };
  return { value: same(read(text), value) ? text : show, onInput };
}

/** @param {WidgetProps} props */
export function Lines({ session, name, value, id, describedBy, wrong, isFixed }) {
  const box = useList(value, '\n', (list) => session.set(name, list));
  return html`<textarea id=${id} rows="2" spellcheck=${false} ...${box} readonly=${isFixed} aria-describedby=${describedBy} aria-invalid=${wrong()}></textarea>`;
}

/** A list with one of its items moved. @template T @param {T[]} list @param {number} from @param {number} to */
function moved(list, from, to) {
  const next = [...list];
  next.splice(to, 0, ...next.splice(from, 1));
  return next;
}

/** The buttons of one item. @param {{ name: string, place: number, count: number, onMove: (to: number) => void, onRemove: () => void }} props */
function ItemButtons({ name, place, count, onMove, onRemove }) {
  return html`<span class="item-buttons writes">
    <${Button} icon="up" data-act="up" name=${`${t.common.up}: ${name}`} disabled=${place === 0} onClick=${() => onMove(place - 1)} />
    <${Button} icon="down" data-act="down" name=${`${t.common.down}: ${name}`} disabled=${place === count - 1} onClick=${() => onMove(place + 1)} />
    <${Button} icon="trash" data-act="remove" name=${`${t.common.remove}: ${name}`} onClick=${onRemove} /></span>`;
}

/** Focuses a button of an item when it has been drawn, or the nearest one that there is: an item that
 * was moved keeps the focus, and one that was removed leaves it to the next.
 * @param {{ current: HTMLElement | null }} list @param {number} place @param {string} act */
function focusButton(list, place, act) {
  requestAnimationFrame(() => {
    const items = list.current?.querySelectorAll('.item') ?? [];
    const item = items[Math.min(place, items.length - 1)] ?? list.current;
    const found = item?.querySelector(`[data-act="${act}"]:enabled`) ?? item?.querySelector('[data-act]:enabled') ?? item?.querySelector('button:enabled');
    /** @type {HTMLElement | null | undefined} */ (found)?.focus();
  });
}

/** Focuses the last item of a list when it has been drawn. @param {{ current: HTMLElement | null }} list @param {string} what */
function focusLast(list, what) {
  requestAnimationFrame(() => {
    const all = list.current?.querySelectorAll(what) ?? [];
    /** @type {HTMLElement | undefined} */ (all[all.length - 1])?.focus();
  });
}

/** @param {WidgetProps} props */
export function Greetings({ session, name, value, id, describedBy, wrong, isFixed }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const all = listOf(value);
  const put = (/** @type {any[]} */ next) => session.set(name, next);
  return html`<div class="items" ref=${list} role="group" aria-labelledby=${`${id}-label`}>
    ${!all.length && name === 'alternate_greetings' && html`<p class="hint">${t.editor.noGreetings}</p>`}
    ${all.map((text, place) => html`<div key=${place} class="item"><div class="label-row"><label class="label" for=${`${id}-${place}`}>${t.editor.greeting(place + 1)}</label>
        <${ItemButtons} name=${t.editor.greeting(place + 1)} place=${place} count=${all.length} onMove=${(/** @type {number} */ to) => { put(moved(all, place, to)); focusButton(list, to, to < place ? 'up' : 'down'); }} onRemove=${() => { put(all.filter((_, other) => other !== place)); focusButton(list, place, 'remove'); }} />
        <${RewriteButton} session=${session} path=${`/${name}/${place}`} label=${t.editor.greeting(place + 1)} text=${asText(text)} box=${`${id}-${place}`} /><${Counts} text=${asText(text)} /></div>
      <${Area} id=${`${id}-${place}`} rows="2" readonly=${isFixed} aria-describedby=${describedBy} aria-invalid=${wrong(`${place}/`)} text=${asText(text)} onText=${(/** @type {string} */ next) => put(all.map((one, other) => (other === place ? next : one)))}
        onPasted=${(/** @type {[string, number, string]} */ ...paste) => notePaste(session, `/${name}/${place}`, ...paste)} /></div>`)}
    <div class="writes"><${Button} icon="plus" onClick=${() => { put([...all, '']); focusLast(list, 'textarea'); }}>${t.editor.addGreeting}</${Button}></div>
  </div>`;
}

/** The texts of a list of greetings, or of a lorebook. @param {any} value */
export const textsOf = (value) => (Array.isArray(value) ? value.map(asText) : listOf(value?.entries).map((one) => asText(one?.content)));

/** The entries of a lorebook (Character Card V3). Members that this form does not show stay as they
 * are.
 * @param {WidgetProps} props */
export function Book({ session, name, value, id, describedBy, wrong, isFixed }) {
  const list = useRef(/** @type {HTMLElement | null} */ (null));
  const book = isObject(value) ? value : {};
  // Whatever another program has put there is shown, and stays until it is changed.
  const entries = listOf(book.entries).map((one) => (isObject(one) ? one : {}));
  const put = (/** @type {any[]} */ next) => session.set(name, { ...book, entries: next });
  const change = (/** @type {number} */ place, /** @type {any} */ members) => put(entries.map((one, other) => (other === place ? { ...one, ...members } : one)));
  const add = () => {
    const order = entries.reduce((most, one) => Math.max(most, Number(one.insertion_order) || 0), 0) + 10;
    put([...entries, { keys: [], content: '', enabled: true, insertion_order: order, extensions: {} }]);
    focusLast(list, 'input[type="text"]');
  };
  return html`<div class="items" ref=${list} role="group" aria-labelledby=${`${id}-label`}>
    ${!entries.length && html`<p class="hint">${t.editor.noEntries}</p>`}
    ${entries.map((entry, place) => html`<${Entry} key=${place} session=${session} path=${`/${name}/entries/${place}/content`} entry=${entry} place=${place} count=${entries.length} id=${`${id}-${place}`} isFixed=${isFixed} describedBy=${describedBy} wrong=${wrong(`entries/${place}/`)} onChange=${(/** @type {any} */ members) => change(place, members)}
      onMove=${(/** @type {number} */ to) => { put(moved(entries, place, to)); focusButton(list, to, to < place ? 'up' : 'down'); }} onRemove=${() => { put(entries.filter((_, other) => other !== place)); focusButton(list, place, 'remove'); }} />`)}
    <div class="writes"><${Button} icon="plus" onClick=${add}>${t.editor.addEntry}</${Button}></div>
  </div>`;
}

/** @param {{ session: import('./session.js').Session, path: string, entry: any, place: number, count: number, id: string, isFixed: boolean, describedBy: string, wrong: any, onChange: (members: any) => void, onMove: (to: number) => void, onRemove: () => void }} props */
function Entry({ session, path, entry, place, count, id, isFixed, describedBy, wrong, onChange, onMove, onRemove }) {
  const name = t.editor.entry(place + 1);
  const content = asText(entry.content);
  const keys = useList(entry.keys, ',', (list) => onChange({ keys: list }));
  return html`<div class="item" role="group" aria-label=${name}>
    <div class="label-row"><span class="label">${asText(entry.name || entry.comment || name)}</span>
      <${Check} disabled=${isFixed} checked=${entry.enabled !== false} onCheck=${(/** @type {boolean} */ is) => onChange({ enabled: is })}>${t.editor.entryEnabled}</${Check}>
      <${Check} disabled=${isFixed} checked=${entry.constant === true} onCheck=${(/** @type {boolean} */ is) => onChange({ constant: is })}>${t.editor.entryConstant}</${Check}>
      <${ItemButtons} name=${name} place=${place} count=${count} onMove=${onMove} onRemove=${onRemove} /></div>
    <label class="field"><span>${t.editor.entryKeys}</span><input type="text" dir="auto" ...${keys} readonly=${isFixed} aria-describedby=${`${id}-keys ${describedBy}`} aria-invalid=${wrong} /></label>
    <p id=${`${id}-keys`} class="hint">${t.editor.entryKeysHint}</p>
    <div class="label-row"><label class="label" for=${`${id}-content`}>${t.editor.entryContent}</label>
      <${RewriteButton} session=${session} path=${path} label=${`${t.editor.entryContent}, ${name}`} text=${content} box=${`${id}-content`} /><${Counts} text=${content} /></div>
    <${Area} id=${`${id}-content`} rows="2" readonly=${isFixed} aria-describedby=${describedBy} aria-invalid=${wrong} text=${content} onText=${(/** @type {string} */ next) => onChange({ content: next })} onPasted=${(/** @type {[string, number, string]} */ ...paste) => notePaste(session, path, ...paste)} />
  </div>`;
}
