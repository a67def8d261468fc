// Keyboard shortcuts. A single letter does nothing while a text is typed or a dialog is open;
// combinations with Ctrl or Cmd do.

import { settings } from './settings-store.js';

/** @typedef {{ keys: string, act: (event: KeyboardEvent) => void, always?: boolean }} Shortcut */

/** How long the second key of two may take. */
const SEQUENCE_MS_MAX = 1200;
/** @type {Set<Shortcut>} */
const known = new Set();
let before = '';
let beforeAt = 0;

export const isMac = /mac|iphone|ipad/i.test(navigator.platform);

/** Adds shortcuts until the function that is returned is called. @param {Shortcut[]} shortcuts */
export function shortcuts(shortcuts) {
  shortcuts.forEach((one) => known.add(one));
  return () => shortcuts.forEach((one) => known.delete(one));
}

/** @param {EventTarget | null} target */
export function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
    && !(target instanceof HTMLInputElement && /^(checkbox|radio|button)$/.test(target.type));
}

/** The name of a key with its modifiers, such as "mod+k". @param {KeyboardEvent} event */
export function nameOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const modified = (isMac ? event.metaKey : event.ctrlKey) ? 'mod+' : '';
  const shift = modified && event.shiftKey ? 'Shift+' : '';
  return `${modified}${event.altKey ? 'alt+' : ''}${shift}${key}`;
}

addEventListener('keydown', (event) => {
  // A key that finishes a word of an input method is no shortcut.
  if (event.isComposing || event.defaultPrevented) return;
  const name = nameOf(event);
  const isLetter = !name.startsWith('mod+') && !name.startsWith('alt+');
  const hasDialog = document.querySelector('dialog[open]') !== null;
  // Escape is for the dialog, and for nothing behind it.
  if (hasDialog && name === 'Escape') return;
  const isQuiet = isLetter && name !== 'Escape' && (settings.letters.peek() === 'off' || isTyping(event.target) || hasDialog);
  const sequence = event.timeStamp - beforeAt < SEQUENCE_MS_MAX ? `${before} ${name}` : '';
  [before, beforeAt] = [isQuiet ? '' : name, event.timeStamp];
  const found = [...known].reverse().find((one) => one.keys === sequence) ?? [...known].reverse().find((one) => one.keys === name);
  if (!found || (isQuiet && !found.always)) return;
  event.preventDefault();
  before = '';
  found.act(event);
});

/** How a shortcut is shown. @param {string} keys */
export function shown(keys) {
  return keys.split(' ').map((one) => one.split('+').map((part) => {
    if (part === 'mod') return isMac ? '⌘' : 'Ctrl';
    if (part === 'Escape') return 'Esc';
    return part.length === 1 ? part.toUpperCase() : part.replace('Arrow', '');
  }).join(isMac ? '' : '+'));
}
