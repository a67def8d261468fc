// The fields of a persona, in sections, in the order in which its kind needs them.

import { mayWrite } from './api.js';
import { ALONE, Area, Counts, useLater } from './area.js';
import { Book, Greetings, Lines, Tags, textsOf } from './editor-lists.js';
import { PERMANENT, sizeOf } from './figures.js';
import { Avatar, Check, Choices, colourOf, html } from './html.js';
import { isObject } from './merge.js';
import { notePaste, RewriteButton } from './rewrite.js';
import { KINDS, t } from './strings.js';
import { asText } from './words.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {'line' | 'text' | 'kind' | 'flag' | 'tags' | 'greetings' | 'book' | 'lines' | 'colour'} Widget */

/** @type {Record<string, [string, Widget][]>} */
const SECTIONS = {
  identity: [['name', 'line'], ['nickname', 'line'], ['kind', 'kind'], ['handle', 'line'], ['tags', 'tags'], ['is_active', 'flag'], ['extensions', 'colour']],
  texts: [['description', 'text'], ['personality', 'text'], ['scenario', 'text'], ['appearance', 'text']],
  greetings: [['first_mes', 'text'], ['alternate_greetings', 'greetings'], ['mes_example', 'text'], ['group_only_greetings', 'greetings']],
  prompts: [['system_prompt', 'text'], ['post_history_instructions', 'text']],
  lorebook: [['character_book', 'book']],
  notes: [['creator_notes', 'text'], ['creator', 'line'], ['character_version', 'line'], ['license', 'line'], ['source', 'lines']],
};
const ORDER = ['identity', 'texts', 'greetings', 'prompts', 'lorebook', 'notes'];
const ORDER_OF_PROMPTS = ['identity', 'prompts', 'texts', 'greetings', 'lorebook', 'notes'];

/** @param {{ session: Session }} props */
export function Form({ session }) {
  const kind = session.member('kind').value.value;
  const order = kind === 'prompt' || kind === 'agent' ? ORDER_OF_PROMPTS : ORDER;
  return html`<form class="form" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()} autocomplete="off">
    ${order.map((section) => html`<section key=${section} class="section" aria-labelledby=${`section-${section}`}>
      <header><h2 id=${`section-${section}`}>${t.editor.sections[/** @type {keyof typeof t.editor.sections} */ (section)]}</h2>
        ${section === order[1] && html`<${Total} session=${session} />`}</header>
      <div class="section-fields ${section}">${SECTIONS[section].map(([name, widget]) => html`<${Field} key=${name} session=${session} name=${name} widget=${widget} />`)}</div>
    </section>`)}
  </form><form id=${ALONE} hidden></form>`;
}

/** @param {{ session: Session }} props */
function Total({ session }) {
  const texts = useLater(PERMANENT.map((name) => asText(session.member(name).value.value)));
  const total = texts.reduce((sum, text) => sum + sizeOf(text).tokens, 0);
  return total > 0 && html`<span class="hint">${t.editor.total(total)}</span>`;
}

/** @param {{ session: Session, name: string, widget: Widget }} props */
function Field({ session, name, widget }) {
  const member = session.member(name);
  const value = member.value.value;
  const label = widget === 'colour' ? t.editor.colour : t.editor.fields[/** @type {keyof typeof t.editor.fields} */ (name)];
  const hint = t.editor.hints[/** @type {keyof typeof t.editor.hints} */ (name)];
  const own = Object.entries(session.errors.value).filter(([pointer]) => pointer === `/${name}` || pointer.startsWith(`/${name}/`));
  const id = `field-${name}`;
  /** @type {(place?: string) => any} */
  const wrong = (place = '') => (own.some(([pointer]) => `${pointer}/`.startsWith(`/${name}/${place}`)) ? 'true' : undefined);
  const props = { session, name, value, id, label, wrong, describedBy: `${id}-hint ${id}-error`, isFixed: !mayWrite.value };
  const Widget = WIDGETS[widget];
  const isGroup = ['tags', 'greetings', 'book', 'kind', 'colour'].includes(widget);
  return html`<div class="editor-field ${widget} ${name} ${member.isChanged.value ? 'changed' : ''}">
    ${widget !== 'flag' && html`<div class="label-row">${isGroup && widget !== 'kind' && widget !== 'tags' ? html`<span class="label" id=${`${id}-label`}>${label}</span>` : html`<label class="label" for=${id}>${label}</label>`}
      ${(widget === 'greetings' || widget === 'book') && html`<${ListCounts} texts=${textsOf(value)} unit=${widget} />`}
      ${widget === 'text' && html`<${RewriteButton} session=${session} path=${`/${name}`} label=${label} text=${asText(value)} box=${id} /><${Counts} text=${asText(value)} />`}</div>`}
    <${Widget} ...${props} />
    ${hint && html`<p id=${`${id}-hint`} class="hint">${hint}</p>`}
    <p id=${`${id}-error`} class="error" role="alert">${own.map(([, message]) => message).join('; ')}</p>
  </div>`;
}

/** How many items a list has, and how long they are together. @param {{ texts: string[], unit: 'greetings' | 'book' }} props */
function ListCounts({ texts, unit }) {
  const late = useLater(texts);
  if (!texts.length) return null;
  return html`<span class="hint counts">${t.editor.listCounts[unit](texts.length, late.reduce((sum, text) => sum + sizeOf(text).tokens, 0))}</span>`;
}

/** @typedef {{ session: Session, name: string, value: any, id: string, label: string, describedBy: string, isFixed: boolean,
 *    wrong: (place?: string) => any }} WidgetProps fixed: it can be read only; wrong: whether a place was refused */

/** @param {WidgetProps} props */
function Line({ session, name, value, id, describedBy, wrong, isFixed }) {
  // A handle is null or a word; an empty box is no handle.
  const read = (/** @type {string} */ text) => (name === 'handle' ? text.trim() || null : text);
  // A box counts two units for an emoji, and the server one character.
  return html`<input id=${id} type="text" dir="auto" maxlength=${name === 'handle' ? 64 : 512} spellcheck=${name !== 'handle'} value=${asText(value)} aria-describedby=${describedBy} aria-invalid=${wrong()} readonly=${isFixed}
    onInput=${(/** @type {any} */ event) => session.set(name, read(event.target.value))} />`;
}

/** @param {WidgetProps} props */
function TextBox({ session, name, value, id, describedBy, wrong, isFixed }) {
  return html`<${Area} id=${id} rows="3" text=${asText(value)} aria-describedby=${describedBy} aria-invalid=${wrong()} readonly=${isFixed}
    onText=${(/** @type {string} */ next) => session.set(name, next)} onPasted=${(/** @type {[string, number, string]} */ ...paste) => notePaste(session, `/${name}`, ...paste)} />`;
}

/** @param {WidgetProps} props */
function Kind({ session, name, value, id, describedBy, wrong, isFixed }) {
  const kind = asText(value);
  return html`<select id=${id} value=${kind} disabled=${isFixed} aria-describedby=${describedBy} aria-invalid=${wrong()} onChange=${(/** @type {any} */ event) => session.set(name, event.target.value)}>
    ${[...new Set([...KINDS, kind])].map((one) => html`<option key=${one} value=${one}>${t.kinds[/** @type {keyof typeof t.kinds} */ (one)] ?? one}</option>`)}</select>`;
}

/** @param {WidgetProps} props */
function Flag({ session, name, value, id, label, isFixed }) {
  return html`<${Check} id=${id} disabled=${isFixed} checked=${value === true} onCheck=${(/** @type {boolean} */ is) => session.set(name, is)}>${label}</${Check}>`;
}

/** The colour of the avatar. It is kept where other programs leave it alone, and leaves nothing there
 * when none is chosen. @param {WidgetProps} props */
function Colour({ session, name, value, label, isFixed }) {
  const { persona_studio: mine, ...others } = isObject(value) ? value : {};
  const { colour: _former, ...rest } = isObject(mine) ? mine : {};
  const put = (/** @type {string} */ colour) => {
    const next = colour ? { ...rest, colour } : rest;
    session.set(name, Object.keys(next).length ? { ...others, persona_studio: next } : others);
  };
  const own = asText(session.member('name').value.value);
  const options = Object.entries(t.editor.colours).map(([one, text]) => [one, one ? html`<${Avatar} name=${own} colour=${one} size="small" /><span class="hidden">${text}</span>` : text]);
  return html`<${Choices} class="choices" legend=${label} isQuiet disabled=${isFixed} options=${options} value=${colourOf(value)} onChoice=${put} />`;
}

/** @type {Record<Widget, any>} */
const WIDGETS = { line: Line, text: TextBox, kind: Kind, flag: Flag, tags: Tags, greetings: Greetings, book: Book, lines: Lines, colour: Colour };
