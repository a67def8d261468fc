// The changes of a rewrite, of which one is looked at: it is taken, kept as it was, or written anew,
// and the next one follows. Everything works with the keyboard, and can be undone.

import { useLayoutEffect, useRef, useState } from '../vendor/runtime.js';
import { Button, html } from './html.js';
import { chosenText, piecesOf } from './hunks.js';
import { isTyping, nameOf } from './keys.js';
import { settings } from './settings-store.js';
import { t } from './strings.js';

/** @typedef {import('./rewrite.js').Rewriting} Rewriting */
/** @typedef {import('./hunks.js').Piece} Piece */
/** @typedef {import('./hunks.js').Hunk} Hunk */

/** @param {{ rewriting: Rewriting, put: (members: Partial<Rewriting>) => void, onApply: (text: string, done: string) => void, onDiscard: () => void, onLater: () => void }} props */
export function Stepper({ rewriting, put, onApply, onDiscard, onLater }) {
  const { before, after, choices } = rewriting;
  const pieces = usePieces(before, after);
  const hunks = /** @type {Hunk[]} */ (pieces.filter((piece) => 'key' in piece));
  const steps = useSteps(hunks, choices, put);
  const { hunk, open, go, acts } = steps;
  const form = useRef(/** @type {HTMLElement | null} */ (null));
  // The box of what was pasted had the focus, and is gone.
  useLayoutEffect(() => /** @type {HTMLElement | null | undefined} */ (form.current?.querySelector('[data-first], .primary'))?.focus(), []);
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const name = nameOf(event);
    if (isTyping(event.target)) {
      if (name !== 'Escape' || event.isComposing) return;
      steps.edit(false);
      /** @type {HTMLElement | null | undefined} */ (form.current?.querySelector('.marked'))?.focus();
    } else if (hunk && acts[name] && (name.length > 1 || settings.letters.peek() !== 'off')) acts[name]();
    else return;
    event.preventDefault();
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const taken = hunks.filter(({ key, before }) => key in choices && choices[key] !== before).length;
    if (open < hunks.length) onApply(chosenText(pieces, choices), t.rewrite.applied(taken, hunks.length));
  };
  return html`<form class="stack" ref=${form} onSubmit=${submit} onKeyDown=${onKeyDown}>
    ${hunk ? html`<div class="rewrite-head"><p role="status"><strong>${t.rewrite.place(hunks.indexOf(hunk) + 1, hunks.length)}</strong><span class="hidden">: ${t.rewrite.says(hunk.before, hunk.after)}</span><span class="hint"> · ${t.rewrite.left(open)}</span></p>
      <${Button} icon="undo" name=${t.rewrite.undo} disabled=${!steps.canUndo} onClick=${acts['mod+z']} />
      <${Button} class="quiet" disabled=${!open} onClick=${() => steps.rest('before')}>${t.rewrite.keepRest}</${Button}><${Button} class="quiet" disabled=${!open} onClick=${() => steps.rest('after')}>${t.rewrite.takeRest}</${Button}></div>
    <${Marked} pieces=${pieces} choices=${choices} current=${hunk} onPick=${(/** @type {Hunk} */ other) => go(hunks.indexOf(other))} />
    ${steps.isEditing && html`<label class="field" key=${hunk.key}><span>${t.rewrite.edited}</span><textarea ref=${focusOnce} dir="auto" rows="2" value=${choices[hunk.key] ?? hunk.after} onInput=${(/** @type {any} */ event) => put({ choices: { ...choices, [hunk.key]: event.target.value } })}></textarea></label>`}
    <div class="rewrite-acts"><${Button} icon="back" name=${t.rewrite.previous} onClick=${acts.ArrowLeft} />
      <${Act} act=${acts.k} isOn=${choices[hunk.key] === hunk.before} letter="K">${t.rewrite.keep}</${Act}>
      <${Act} act=${acts.t} isOn=${choices[hunk.key] === hunk.after} letter="T" class="primary">${t.rewrite.take}</${Act}>
      <${Act} act=${() => steps.edit(!steps.isEditing)} isOn=${steps.isEditing} letter="E">${t.rewrite.edit}</${Act}>
      <${Button} icon="back" class="flipped" name=${t.rewrite.next} onClick=${acts.ArrowRight} /></div>` : html`<p>${t.rewrite.none}</p>`}
    <div class="dialog-foot"><${Button} class="quiet danger" onClick=${onDiscard}>${t.rewrite.discard}</${Button}><${Button} class="quiet" onClick=${() => put({ isCompared: false })}>${t.rewrite.change}</${Button}><span class="gap"></span>
      <${Button} onClick=${onLater}>${t.rewrite.later}</${Button}>${hunk && html`<${Button} type="submit" class="primary" disabled=${open === hunks.length}>${t.rewrite.apply}</${Button}>`}</div>
  </form>`;
}

/** Focuses a box when it is drawn. @param {HTMLElement | null} box */
export const focusOnce = (box) => box?.focus();

/** @param {{ act: () => void, isOn: boolean, letter: string, class?: string, children?: any }} props */
function Act({ act, isOn, letter, class: kind = '', children }) {
  return html`<${Button} class=${kind} aria-pressed=${isOn ? 'true' : 'false'} onClick=${act}>${children}${settings.letters.value !== 'off' && html`<kbd aria-hidden="true">${letter}</kbd>`}</${Button}>`;
}

/** Compared once, and not with each decision. @param {string} before @param {string} after */
function usePieces(before, after) {
  const last = useRef({ before: '', after: '', pieces: /** @type {Piece[]} */ ([]) });
  if (last.current.before !== before || last.current.after !== after) last.current = { before, after, pieces: piecesOf(before, after) };
  return last.current.pieces;
}

/** Which change is looked at, and what is done with it.
 * @param {Hunk[]} hunks @param {Record<string, string>} choices @param {(members: Partial<Rewriting>) => void} put */
function useSteps(hunks, choices, put) {
  const [wanted, setPlace] = useState(() => Math.max(0, hunks.findIndex(({ key }) => !(key in choices))));
  const [isEditing, edit] = useState(false);
  /** What was decided before, the newest last. */
  const past = useRef(/** @type {[Record<string, string>, number][]} */ ([]));
  const place = Math.min(wanted, hunks.length - 1);
  const hunk = hunks[place];
  const left = hunks.filter(({ key }) => !(key in choices));
  const go = (/** @type {number} */ to) => {
    edit(false);
    setPlace((to + hunks.length) % hunks.length);
  };
  const note = () => past.current.push([choices, place]);
  const decide = (/** @type {Record<string, string>} */ more) => {
    note();
    put({ choices: { ...choices, ...more } });
    const open = left.filter(({ key }) => !(key in more));
    const next = open.find((other) => hunks.indexOf(other) > place) ?? open[0];
    go(next ? hunks.indexOf(next) : place);
  };
  /** @type {Record<string, () => void>} */
  const acts = {
    ArrowLeft: () => go(place - 1), ArrowRight: () => go(place + 1), k: () => decide({ [hunk.key]: hunk.before }), t: () => decide({ [hunk.key]: hunk.after }), e: () => {
      note();
      edit(true);
    },
    'mod+z': () => {
      const last = past.current.pop();
      if (!last) return;
      put({ choices: last[0] });
      go(last[1]);
    },
  };
  const rest = (/** @type {'before' | 'after'} */ side) => decide(Object.fromEntries(left.map((one) => [one.key, one[side]])));
  return { hunk, open: left.length, isEditing, edit, go, rest, acts, canUndo: past.current.length > 0 };
}

/** How many pieces are shown before and behind the one that is looked at. */
const AROUND = 80;
/** Of a longer part that is the same in both, its ends are shown. */
const SAME_CHARS_MAX = 600;
const END_CHARS = 160;

/** The text with its changes marked; those that were decided look so.
 * @param {{ pieces: Piece[], choices: Record<string, string>, current: Hunk, onPick: (hunk: Hunk) => void }} props */
function Marked({ pieces, choices, current, onPick }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const own = /** @type {HTMLElement} */ (box.current);
    const here = /** @type {HTMLElement | null} */ (own.querySelector('[aria-current]'));
    if (here) own.scrollTop = here.offsetTop - own.clientHeight / 3;
  }, [current]);
  const here = pieces.indexOf(current);
  const from = Math.max(0, here - AROUND);
  const shown = pieces.slice(from, here + AROUND + 1);
  return html`<div class="prose diff marked" dir="auto" role="region" aria-label=${t.rewrite.text} tabindex="0" data-first ref=${box}>${shown.map((piece, index) => {
    const place = from + index;
    if ('same' in piece) return html`<span key=${place}>${shortened(piece.same, place > from, index < shown.length - 1)}</span>`;
    const choice = choices[piece.key];
    const state = choice === undefined ? 'open' : choice === piece.before ? 'kept' : 'taken';
    return html`<span key=${place} class="hunk ${state}" aria-current=${piece === current ? 'true' : undefined} onClick=${() => onPick(piece)}>
      ${state === 'open' ? [piece.before && html`<del><span class="hidden">${t.conflict.removed}: </span>${seen(piece.before)}</del>`, piece.after && html`<ins><span class="hidden">${t.conflict.added}: </span>${seen(piece.after)}</ins>`]
      : html`<span class="hidden">${t.rewrite.states[state]}: </span>${seen(choice) || '∅'}`}</span>`;
  })}</div>`;
}

/** White space alone would not be seen. @param {string} text */
const seen = (text) => (/\S/.test(text) ? text : text.replace(/ /g, '·').replace(/\n/g, '↵\n'));

/** @param {string} text @param {boolean} hasBefore @param {boolean} hasBehind whether a change is beside it */
function shortened(text, hasBefore, hasBehind) {
  if (text.length <= SAME_CHARS_MAX) return text;
  // A half of a sign is left out.
  const head = hasBefore ? text.slice(0, END_CHARS).replace(/[\ud800-\udbff]$/, '') : '';
  const tail = hasBehind ? text.slice(-END_CHARS).replace(/^[\udc00-\udfff]/, '') : '';
  return [head, html`<span class="same-part"> ${t.rewrite.same(text.length - head.length - tail.length)} </span>`, tail];
}
