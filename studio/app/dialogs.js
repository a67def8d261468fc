// The dialogs that are opened from every screen: a new persona, and the sheet of all shortcuts.

import { useState } from '../vendor/runtime.js';
import { call, newKey } from './api.js';
import { Choices, html } from './html.js';
import { shown } from './keys.js';
import { Box, Dialog, FormDialog } from './overlay.js';
import { go, personaLink } from './route.js';
import { t } from './strings.js';

const KINDS = Object.entries(t.kinds);

/** A name has 256 characters at most, which the server counts; a box counts two units for an emoji. */
const NAME_UNITS_MAX = 512;

/** A name and a kind, and the editor opens. @param {{ onClose: () => void }} props */
export function CreateDialog({ onClose }) {
  const [name, setName] = useState('');
  const [kind, setKind] = useState('character');
  // One key for each name and kind: a second press, or a repetition after a lost answer, creates no
  // second persona.
  const [key, setKey] = useState(newKey);
  const create = async () => {
    if (!name.trim()) throw new Error(t.create.missing);
    const { body } = await call('POST', 'personas', { body: { name: name.trim(), kind }, headers: { 'Idempotency-Key': key } });
    onClose();
    go(personaLink(body.id));
  };
  const put = (/** @type {(value: string) => void} */ set) => (/** @type {string} */ value) => {
    set(value);
    setKey(newKey());
  };
  return html`<${FormDialog} title=${t.create.title} onClose=${onClose} onSubmit=${create} action=${t.common.create}>
    <${Box} data-first label=${t.create.name} name="name" maxlength=${NAME_UNITS_MAX} value=${name} onText=${put(setName)} />
    <${Choices} legend=${t.create.kind} options=${KINDS} value=${kind} onChoice=${put(setKind)} />
  </${FormDialog}>`;
}

const items = t.shortcuts.items;
/** @type {[string, [string, string][]][]} */
const GROUPS = [
  [t.shortcuts.groups.everywhere, [['mod+k', items.palette], ['/', items.search], ['c', items.create], ['g p', items.gallery], ['g i', items.import], ['g h', items.health], ['g s', items.settings], ['?', items.help]]],
  [t.shortcuts.groups.gallery, [['ArrowUp ArrowDown', items.move], ['Enter', items.open], ['x', items.select], ['Shift+x', items.range], ['Delete', items.deleteThem], ['Escape', items.clear]]],
  [t.shortcuts.groups.editor, [['mod+s', items.save], ['mod+Shift+s', items.note], ['Escape', items.back]]],
];

/** All shortcuts. @param {{ onClose: () => void }} props */
export function ShortcutSheet({ onClose }) {
  return html`<${Dialog} title=${t.shortcuts.title} onClose=${onClose} class="wide-dialog">
    <div class="sheet">
      ${GROUPS.map(([title, rows]) => html`<section key=${title}><h3>${title}</h3><dl>
        ${rows.map(([keys, text]) => html`<div key=${keys}><dt>${text}</dt><dd>${shown(keys).map((key) => html`<kbd key=${key}>${key}</kbd>`)}</dd></div>`)}
      </dl></section>`)}
    </div>
  </${Dialog}>`;
}
