// The editor of one persona: its head with the state of saving, and the view that is open.

import { useEffect, useLayoutEffect, useRef, useState } from '../vendor/runtime.js';
import { identity, reachable, Refusal } from './api.js';
import { ConflictDialog } from './conflict.js';
import { dropDraft, findDraft, keepDraft, whenOthersEnd } from './drafts.js';
import { Form } from './editor-form.js';
import { fieldName, Head, NoteDialog, Notices, VIEWS } from './editor-head.js';
import { JsonView, Preview } from './editor-views.js';
import { HistoryView } from './history.js';
import { Button, html, Icon, Notice } from './html.js';
import { isTyping, shortcuts } from './keys.js';
import { onChanges } from './live.js';
import { go, lastGallery, route } from './route.js';
import { leaveSession, openSession } from './sessions.js';
import { t } from './strings.js';
import { explain, toast, toastError } from './toasts.js';
import { asText } from './words.js';

export function Editor() {
  const id = route.value.id;
  const [session, setSession] = useState(/** @type {import('./session.js').Session | null} */ (null));
  const [failure, setFailure] = useState(/** @type {any} */ (null));
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    /** @type {import('./session.js').Session | undefined} */
    let own;
    openSession(id).then((opened) => {
      if (stop.signal.aborted) return leaveSession(opened);
      own = opened;
      setFailure(null);
      setSession(opened);
      // The draft of a window that is gone is taken when there is no other one.
      const anew = () => {
        const end = opened.state.subscribe((state) => {
          if (state !== 'saved' || isTyping(document.activeElement)) return;
          setSession(null);
          setAttempt((before) => before + 1);
        });
        stop.signal.addEventListener('abort', end);
      };
      whenOthersEnd(id, anew, stop.signal).catch(() => {});
    }, (error) => !stop.signal.aborted && setFailure(error));
    const end = onChanges((cards) => {
      const here = cards?.find((card) => card.id === id);
      if (here) own?.changedElsewhere(here.revision);
      else if (!cards) own?.refresh();
    });
    return () => {
      stop.abort();
      end();
      if (own) leaveSession(own);
    };
  }, [id, attempt]);
  if (failure) return html`<${Missing} id=${id} failure=${failure} retry=${() => { setFailure(null); setAttempt(attempt + 1); }} />`;
  if (!session) return html`<div class="editor"><h1 class="hidden" tabindex="-1">${t.editor.loading}</h1><div class="editor-head ghost" aria-hidden="true"></div></div>`;
  return html`<${Opened} key=${attempt} session=${session} />`;
}

/** A persona that cannot be shown, and what this browser has that was typed for it.
 * @param {{ id: string, failure: any, retry: () => void }} props */
function Missing({ id, failure, retry }) {
  const [draft, setDraft] = useState(/** @type {import('./drafts.js').Draft | undefined} */ (undefined));
  const kept = Object.entries(draft?.changes ?? {});
  const discard = async () => {
    await dropDraft(id);
    setDraft(undefined);
    toast(t.editor.discarded, { action: { text: t.common.undo, act: () => draft && keepDraft(draft).then(() => setDraft(draft), toastError) } });
  };
  useEffect(() => {
    findDraft(id, identity()).then(setDraft, () => {});
    // A server that was away is asked again when it is back.
    return failure.status === 0 ? reachable.subscribe((is) => is && retry()) : undefined;
  }, []);
  const isMissing = failure instanceof Refusal && [404, 410].includes(failure.status);
  return html`<div class="nothing"><${Icon} name=${isMissing ? 'search' : 'cloud'} /><h1 tabindex="-1">${isMissing ? t.editor.missing : explain(failure)}</h1>
    ${isMissing && html`<p>${t.editor.missingAbout}</p>`}
    ${isMissing ? html`<a class="button" href=${lastGallery.value}>${t.editor.toGallery}</a>` : html`<${Button} onClick=${retry}>${t.common.retry}</${Button}>`}
    ${kept.length > 0 && html`<${Notice} icon="undo" text=${html`<strong>${t.editor.keptHere}</strong>${kept.map(([name, value]) => html`<h2 key=${name}>${fieldName(name)}</h2><p class="prose" dir="auto">${asText(value)}</p>`)}`}>
      ${isMissing && html`<${Button} class="danger" onClick=${() => discard().catch(toastError)}>${t.editor.discard}</${Button}>`}</${Notice}>`}</div>`;
}

/** @param {{ session: import('./session.js').Session }} props */
function Opened({ session }) {
  const [deciding, setDeciding] = useState(false);
  const [noting, setNoting] = useState(false);
  const seen = useRef(0);
  const name = String(session.member('name').value.value ?? '');
  const open = session.clashes.value.length;
  useEffect(() => {
    document.title = `${name || session.id} · ${t.product}`;
  }, [name]);
  useEffect(() => {
    // The dialog of a conflict opens by itself once; after "decide later" it opens for the next
    // conflict only. It takes no keys from a text that is being typed: there a notice tells of it,
    // unless the save was asked for.
    if (open > seen.current && (session.isAsked || !isTyping(document.activeElement))) setDeciding(true);
    if (!open) setDeciding(false);
    seen.current = open;
  }, [open]);
  useLayoutEffect(() => shortcuts([
    { keys: 'mod+s', always: true, act: () => {
      const form = /** @type {HTMLFormElement | null} */ (document.querySelector('dialog[open] form'));
      if (form) form.requestSubmit();
      else session.save('');
    } },
    { keys: 'mod+Shift+s', always: true, act: () => setNoting(true) },
    { keys: 'Escape', act: (event) => {
      if (isTyping(event.target)) /** @type {HTMLElement} */ (event.target).blur();
      else go(lastGallery.peek());
    } },
  ]), [session]);
  const view = VIEWS.find((one) => one === route.value.view) ?? 'write';
  return html`<div class="editor">
    <${Head} session=${session} name=${name} view=${view} onDecide=${() => setDeciding(true)} />
    <${Notices} session=${session} onDecide=${() => setDeciding(true)} />
    ${view === 'write' && html`<div class="editor-panes"><${Form} session=${session} /><${Preview} session=${session} /></div>`}
    ${view === 'preview' && html`<${Preview} session=${session} class="alone" />`}
    ${view === 'history' && html`<${HistoryView} session=${session} />`}
    ${view === 'json' && html`<${JsonView} session=${session} />`}
    ${noting && html`<${NoteDialog} session=${session} onClose=${() => setNoting(false)} />`}
    ${deciding && open > 0 && html`<${ConflictDialog} session=${session} onClose=${() => setDeciding(false)} />`}
  </div>`;
}
