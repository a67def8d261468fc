// What is typed into a persona: the members in the form, what is half typed, what is to be decided,
// and the draft of all that in the browser. No typed text is given up: it is here, in the draft, or
// acknowledged by the server (session.js).

import { batch, computed, signal } from '../vendor/runtime.js';
import { identity, newKey } from './api.js';
import { dropDraft, keepDraft, keepDraftLate, setDraftAside } from './drafts.js';
import { changes, editable, listOf, merged, reconcile, same } from './merge.js';

/** @typedef {import('./merge.js').Members} Members */
/** @typedef {import('./merge.js').Both} Both */
/** @typedef {import('./drafts.js').Draft} Draft */
/** @typedef {'' | 'saving' | 'offline' | 'busy' | 'locked' | 'invalid' | 'gone' | 'failed'} Trouble */
/** @typedef {'saved' | 'dirty' | 'conflict' | Exclude<Trouble, ''>} State */

/** A member as signals of its own: with a key one field is drawn anew, and not all of them.
 * @typedef {{ value: import('../vendor/runtime.js').ReadonlySignal<any>, isChanged: import('../vendor/runtime.js').ReadonlySignal<boolean> }} Shown */

/** How long after the last keystroke the changes are sent, in milliseconds. */
export const IDLE_MS = 1200;
/** Autosaves within so many seconds are one revision: the one before is dropped from the history. */
const SQUASH_SECONDS = 900;

export class Written {
  /** @param {any} persona as the API answered @param {Draft | undefined} draft */
  constructor(persona, draft) {
    this.id = persona.id;
    /** The server's state of the persona. @type {import('../vendor/runtime.js').Signal<any>} */
    this.server = signal(persona);
    /** The members in the form. @type {import('../vendor/runtime.js').Signal<Members>} */
    this.form = signal(editable(persona));
    /** Members that both sides changed, until all of each is decided.
     * @type {import('../vendor/runtime.js').Signal<Record<string, Both>>} */
    this.both = signal({});
    /** What is to be decided. */
    this.clashes = computed(() => Object.entries(this.both.value).flatMap(([name, both]) => merged(name, both)[1].map((clash) => ({ name, ...clash }))));
    /** What is typed and is no value of a member yet, by its box: a part of a tag, JSON, a note.
     * @type {import('../vendor/runtime.js').Signal<Record<string, any>>} */
    this.typed = signal({});
    /** The server's refusals, by JSON Pointer of the member. @type {import('../vendor/runtime.js').Signal<Record<string, string>>} */
    this.errors = signal({});
    /** @type {import('../vendor/runtime.js').Signal<Trouble>} */
    this.trouble = signal('');
    /** Who typed it, as far as the server tells users apart. */
    this.by = signal(identity());
    /** Another one is signed in now: it is saved when this one wants it. */
    this.isForeign = computed(() => Boolean(this.by.value && identity() && this.by.value !== identity()));
    this.hasDraft = signal(true);
    /** A draft came back; said until the person closes it, as the draft is saved in a moment. */
    this.wasRestored = signal(false);
    this.unsaved = computed(() => {
      const all = changes(editable(this.server.value), this.form.value);
      return Object.fromEntries(Object.entries(all).filter(([name]) => !(name in this.both.value)));
    });
    /** What is shown of each member, by its name. @type {Record<string, Shown>} */
    this.shown = {};
    this.isDirty = computed(() => Object.keys(this.unsaved.value).length > 0);
    /** @type {import('../vendor/runtime.js').ReadonlySignal<State>} */
    this.state = computed(() => {
      if (this.trouble.value) return this.trouble.value;
      if (Object.keys(this.both.value).length) return 'conflict';
      return this.isDirty.value ? 'dirty' : 'saved';
    });
    /** @type {import('./drafts.js').Pending | null} */
    this.pending = null;
    /** The key of the last save that the server has: it says whose that was where nobody has a name. */
    this.savedKey = '';
    /** What is saved now was saved on purpose: the next save leaves it in the history. */
    this.isKept = false;
    /** The last save was asked for by hand. */
    this.isAsked = false;
    /** Others write it too. Their editors need its revisions, which they merge with. */
    this.isShared = false;
    this.isKeeping = false;
    this.keepAgain = false;
    this.hasKept = false;
    if (draft) this.restore(draft, persona);
  }

  /** @param {Draft} draft @param {any} persona */
  restore(draft, persona) {
    this.pending = draft.pending;
    this.hasKept = true;
    const form = { ...this.form.peek(), ...draft.changes };
    this.form.value = form;
    const both = Object.entries(draft.both).map(([name, one]) => /** @type {const} */ ([name, { ...one, theirs: editable(persona)[name], yours: form[name] }]));
    this.both.value = Object.fromEntries(both.filter(([name, one]) => merged(name, one)[1].length));
    this.typed.value = draft.typed ?? {};
    this.by.value = draft.by || this.by.peek();
    this.wasRestored.value = Object.keys({ ...draft.changes, ...draft.typed }).length > 0;
  }

  /** @param {string} name */
  member(name) {
    return this.shown[name] ??= { value: computed(() => this.form.value[name]), isChanged: computed(() => name in this.unsaved.value || name in this.both.value) };
  }

  /** Saves after a while. @param {number} _ms */
  soon(_ms) {}

  /** Takes the draft of somebody else as one's own, or leaves it out: then it waits for that person.
   * @param {boolean} isTaken */
  async claim(isTaken) {
    if (!isTaken) {
      const draft = this.draft();
      if (draft) await setDraftAside(draft);
      this.pending = null;
      this.form.value = editable(this.server.peek());
      [this.both.value, this.typed.value, this.wasRestored.value] = [{}, {}, false];
    }
    this.by.value = identity();
    this.keepDraft();
    this.soon(0);
  }

  /** Takes a keystroke, or any other change of one member. @param {string} name @param {any} value */
  set(name, value) {
    this.setAll({ [name]: value });
  }

  /** @param {Members} members */
  setAll(members) {
    this.by.value ||= identity();
    this.isAsked = false;
    batch(() => {
      this.form.value = { ...this.form.peek(), ...members };
      let both = this.both.peek();
      for (const name of Object.keys(members)) {
        if (name in both) both = decided(both, name, members[name]);
        for (const pointer of Object.keys(this.errors.peek())) {
          if (pointer === `/${name}` || pointer.startsWith(`/${name}/`)) this.errors.value = without(this.errors.peek(), pointer);
        }
      }
      this.both.value = both;
      if (['invalid', 'failed'].includes(this.trouble.peek()) && !Object.keys(this.errors.peek()).length) this.trouble.value = '';
    });
    this.keepDraft();
    if (!['offline', 'busy', 'locked', 'gone'].includes(this.trouble.peek())) this.soon(IDLE_MS);
  }

  /** Takes members that were written from an earlier state of the form. What others changed since
   * stays; a unit that they changed too is to be decided, and yours stands in the form until then.
   * @param {Members} start the earlier state @param {Members} members */
  mergeAll(start, members) {
    const [theirs, form] = [editable(this.server.peek()), this.form.peek()];
    const of = (/** @type {Members} */ all) => Object.fromEntries(Object.keys(members).map((name) => [name, all[name]]));
    const { form: next, both } = reconcile(of(start), of(form), members);
    // What differs from the server was typed here too, and the later of both stands.
    const open = Object.entries(both).filter(([name]) => same(form[name], theirs[name]));
    batch(() => {
      this.setAll(next);
      this.both.value = { ...this.both.peek(), ...Object.fromEntries(open) };
    });
    this.keepDraft();
  }

  /** Keeps what is typed in a box, and is no value of a member yet. @param {string} box @param {any} value nothing to forget it */
  type(box, value) {
    this.by.value ||= identity();
    this.typed.value = value ? { ...this.typed.peek(), [box]: value } : without(this.typed.peek(), box);
    this.keepDraft();
  }

  /** Makes tags of what was typed into their box. */
  addTags() {
    if (!('tags' in this.typed.peek())) return;
    const tags = listOf(this.form.peek().tags);
    const has = new Set(tags.map((tag) => String(tag).toLowerCase()));
    const typed = String(this.typed.peek().tags).split(',').map((tag) => tag.trim());
    const fresh = typed.filter((tag) => tag && !has.has(tag.toLowerCase()));
    this.type('tags', '');
    if (fresh.length) this.set('tags', [...tags, ...new Set(fresh)]);
  }

  /** Decides one unit of a member. @param {string} name @param {string} path @param {any} value */
  decide(name, path, value) {
    const [next] = merged(name, this.both.peek()[name], (clash) => (clash.path === path ? value : clash.yours));
    batch(() => {
      this.form.value = { ...this.form.peek(), [name]: next };
      this.both.value = decided(this.both.peek(), name, next, path);
      this.typed.value = without(this.typed.peek(), path);
    });
    this.isKept = true;
    this.keepDraft();
    this.soon(0);
  }

  /** A request that saves members. @param {Members} changes @param {string} note @returns {import('./drafts.js').Pending} */
  wish(changes, note) {
    const squash = this.isKept || this.isShared ? undefined : SQUASH_SECONDS;
    this.isKept = false;
    return { key: newKey(), base: this.server.peek().revision, changes, note, squash, squash_key: squash && this.savedKey };
  }

  /** The draft: the unsaved changes, and a request without an answer; `null` if there is neither. */
  draft() {
    const both = Object.fromEntries(Object.entries(this.both.peek()).map(([name, { base, theirs, done }]) => [name, { base, theirs, done }]));
    const all = changes(editable(this.server.peek()), this.form.peek());
    // A text for a conflict that has ended goes with it.
    const typed = Object.fromEntries(Object.entries(this.typed.peek()).filter(([box]) => !box.startsWith('/') || box.split('/')[1] in both));
    if (!Object.keys({ ...all, ...typed }).length && !this.pending) return null;
    return { id: this.id, by: this.by.peek(), revision: this.server.peek().revision, changes: all, both, typed, pending: this.pending };
  }

  /** Keeps a draft that is on its way to the disk while the page is being closed. */
  keepLate() {
    const draft = this.isKeeping ? this.draft() : null;
    if (draft) keepDraftLate(draft);
  }

  /** Writes the draft at once; while one is being written, the next one follows with the newest. */
  async keepDraft() {
    if (this.isKeeping) return void (this.keepAgain = true);
    this.isKeeping = true;
    try {
      const draft = this.draft();
      if (draft) {
        await keepDraft(draft);
        this.hasKept = true;
      } else if (this.hasKept) {
        await dropDraft(this.id);
        this.hasKept = false;
      }
      this.hasDraft.value = true;
    } catch {
      this.hasDraft.value = false;
    }
    this.isKeeping = false;
    if (this.keepAgain) {
      this.keepAgain = false;
      this.keepDraft();
    }
  }
}

/** The conflicts without a member whose last unit was decided.
 * @param {Record<string, Both>} all @param {string} name @param {any} yours @param {string} [path] a unit that is decided */
function decided(all, name, yours, path) {
  const one = { ...all[name], yours, done: [...(all[name].done ?? []), ...(path ? [path] : [])] };
  return merged(name, one)[1].length ? { ...all, [name]: one } : without(all, name);
}

/** @template T @param {Record<string, T>} all @param {string} name */
export function without(all, name) {
  const { [name]: _gone, ...rest } = all;
  return rest;
}
