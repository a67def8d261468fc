// Access tokens: their list, and the dialogs that make, rotate and revoke one. What the own token does
// not permit is not offered; the server would refuse it.

import { useEffect, useState } from '../vendor/runtime.js';
import { call, get, learnWho, PAGE, PAGE_MAX } from './api.js';
import { Button, Check, Choices, html, Notice } from './html.js';
import { Box, Dialog, FormDialog } from './overlay.js';
import { token } from './settings-store.js';
import { t } from './strings.js';
import { ago, at, dayOf } from './time.js';
import { toastError } from './toasts.js';

/** @typedef {import('./types.js').Who} Who */
/** @typedef {import('./types.js').Token} Token */
/** @typedef {{ token: Token, secret?: string, note?: string }} Answer */

const TOKEN_NAME_CHARS_MAX = 64;
const OWNER_CHARS_MAX = 128;
/** From so many tokens on there is a box that looks for some. */
const LOOK_FROM = 8;
const words = t.tokens;
const SCOPES = Object.entries(words.scopes);
/** How long a new token counts, and the former secret of a rotated one, in seconds. */
const LIVES = [[2_592_000, words.days(30)], [7_776_000, words.days(90)], [31_536_000, words.days(365)], [0, words.always]];
const KEEPS = [[86_400, words.keeps.day], [3600, words.keeps.hour], [0, words.keeps.none]];

/** @param {{ me: Who }} props */
export function Tokens({ me }) {
  const [list, setList] = useState(/** @type {{ items: Token[], cursor: string | null }} */ ({ items: [], cursor: null }));
  const [hasEnded, setEnded] = useState(false);
  const [dialog, setDialog] = useState(/** @type {{ Kind: any, one?: Token, answer?: Answer } | null} */ (null));
  const [wanted, setWanted] = useState('');
  // A page goes on from the list that there is: one that was asked for twice, or before the list was
  // read anew, is left out.
  const read = (/** @type {string | null} */ cursor) => get('tokens', { query: { limit: wanted ? PAGE_MAX : PAGE, cursor } }).then(({ body }) => setList((before) => cursor && cursor !== before.cursor ? before : { items: cursor ? [...before.items, ...body.items] : body.items, cursor: body.next_cursor }), toastError);
  useEffect(() => void read(null), [me.name]);
  // What is looked for can be on any page.
  useEffect(() => void (wanted && list.cursor && read(list.cursor)), [!wanted, list.cursor]);
  const shown = list.items.filter((one) => (wanted ? wanted.toLowerCase().split(/\s+/).every((word) => textOf(one).includes(word)) : hasEnded || one.state === 'live'));
  const close = () => setDialog(null);
  const onDone = (/** @type {Answer} */ answer) => {
    setDialog(answer.secret ? { Kind: Secret, answer } : null);
    read(null);
  };
  return html`<section class="block"><h2>${words.title}</h2><p class="hint">${me.name ? words.about : words.first}${me.owner && ` ${words.bound(me.owner)}`}</p>
    ${(list.items.length >= LOOK_FROM || list.cursor) && html`<label class="field"><span>${words.look}</span><input type="search" dir="auto" placeholder=${words.lookHint} value=${wanted} onInput=${(/** @type {any} */ event) => setWanted(event.target.value.trimStart())} /></label><p class="hint" role="status">${wanted && words.found(shown.length, list.items.length)}</p>`}
    <ul class="rows">${shown.map((one) => html`<${TokenRow} key=${one.id} one=${one} me=${me} open=${(/** @type {any} */ Kind) => setDialog({ Kind, one })} />`)}</ul>
    <div class="row-foot"><${Button} icon="plus" onClick=${() => setDialog({ Kind: Create })}>${words.create}</${Button}>
      ${list.cursor && html`<${Button} onClick=${() => read(list.cursor)}>${words.more}</${Button}>`}
      ${!wanted && list.items.some((one) => one.state !== 'live') && html`<${Check} checked=${hasEnded} onCheck=${setEnded}>${words.ended}</${Check}>`}</div>
    ${dialog && html`<${dialog.Kind} me=${me} one=${dialog.one} answer=${dialog.answer} onClose=${close} onDone=${onDone} />`}</section>`;
}

/** What is looked through for a token. @param {Token} one */
const textOf = (one) => [one.name, one.scope, words.scopes[one.scope], one.owner, words.kinds[/** @type {'link'} */ (one.kind)], one.state, words.states[one.state], one.act_as && words.acts].join(' ').toLowerCase();

/** @param {{ one: Token, me: Who, open: (kind: any) => void }} props */
function TokenRow({ one, me, open }) {
  const isLive = one.state === 'live';
  const mayRotate = isLive && one.kind === 'token' && (me.act_as || !one.act_as) && (!me.owner || me.shared || !one.shared);
  const badge = (/** @type {any} */ text, kind = '') => text && html`<span class="badge ${kind}">${text}</span>`;
  const facts = [one.owner && words.of(one.owner, one.shared), one.used_at ? words.used(ago(one.used_at)) : words.unused, one.expires_at ? words.until(dayOf(one.expires_at)) : words.always, one.old_secret_until && words.former(at(one.old_secret_until))];
  const action = (/** @type {any} */ Kind, /** @type {string} */ text, kind = '') => html`<${Button} class=${kind} onClick=${() => open(Kind)}>${text}<span class="hidden"> ${one.name}</span></${Button}>`;
  return html`<li><div><p class="names"><strong>${one.name}</strong>${badge(words.scopes[one.scope], 'accent')}${badge(one.act_as && words.acts)}${badge(one.kind !== 'token' && words.kinds[one.kind])}${badge(one.is_own && words.own, 'good')}${badge(words.states[one.state], 'danger')}</p>
    <p class="hint">${facts.filter(Boolean).join(' · ')}</p></div>
    ${mayRotate && action(Rotate, words.rotate)}${isLive && action(Revoke, words.revoke, 'danger')}</li>`;
}

/** @param {{ me: Who, onClose: () => void, onDone: (answer: Answer) => void }} props */
function Create({ me, onClose, onDone }) {
  const [name, setName] = useState('');
  const [scope, setScope] = useState(me.name ? 'write' : 'admin');
  const [owner, setOwner] = useState('');
  const [shared, setShared] = useState(false);
  const [actAs, setActAs] = useState(!me.name);
  const [life, setLife] = useState(LIVES[1][0]);
  const maySee = me.owner ? me.shared : Boolean(owner);
  const make = async () => {
    const body = { name: name.trim(), scope, owner: owner.trim() || undefined, shared: (maySee && shared) || undefined, act_as: actAs || undefined, expires_seconds: life || undefined };
    const answer = (await call('POST', 'tokens', { body })).body;
    // The first token closes the server, also for this window.
    if (!me.name) use(answer.secret);
    onDone(answer);
  };
  return html`<${FormDialog} title=${words.create} onClose=${onClose} onSubmit=${make} action=${t.common.create} disabled=${!name.trim()}>
    ${!me.name && html`<${Notice} kind="warn" text=${words.first} />`}
    <${Box} data-first label=${words.name} hint=${words.nameHint} maxlength=${TOKEN_NAME_CHARS_MAX} spellcheck=${false} value=${name} onText=${setName} />
    <${Choices} legend=${words.scope} options=${SCOPES} value=${scope} onChoice=${setScope} />
    ${!me.owner && html`<${Box} label=${words.owner} hint=${words.ownerHint} maxlength=${OWNER_CHARS_MAX} value=${owner} onText=${setOwner} />`}
    ${maySee && html`<${Check} checked=${shared} onCheck=${setShared}>${words.shared}</${Check}>`}
    ${me.act_as && html`<${Check} checked=${actAs} onCheck=${setActAs}>${words.actAs}</${Check}>`}
    <${Choices} legend=${words.life} options=${LIVES} value=${life} onChoice=${setLife} />
  </${FormDialog}>`;
}

/** Goes on with another secret in this window. @param {string} secret */
function use(secret) {
  token.value = secret;
  learnWho();
}

/** @param {{ one: Token, onClose: () => void, onDone: (answer: Answer) => void }} props */
function Rotate({ one, onClose, onDone }) {
  const [keep, setKeep] = useState(KEEPS[0][0]);
  const rotate = async () => {
    const answer = (await call('POST', `tokens/${one.id}/rotate`, { body: { keep_seconds: keep } })).body;
    if (one.is_own) use(answer.secret);
    onDone(answer);
  };
  return html`<${FormDialog} title=${words.rotateTitle(one.name)} onClose=${onClose} onSubmit=${rotate} action=${words.rotate}>
    <${Choices} legend=${words.keep} options=${KEEPS} value=${keep} onChoice=${setKeep} />
  </${FormDialog}>`;
}

/** @param {{ one: Token, onClose: () => void, onDone: (answer: Answer) => void }} props */
function Revoke({ one, onClose, onDone }) {
  const revoke = async () => {
    const answer = (await call('POST', `tokens/${one.id}/revoke`)).body;
    if (!one.is_own) return onDone(answer);
    token.value = '';
    location.reload();
  };
  return html`<${FormDialog} title=${words.revokeTitle(one.name)} onClose=${onClose} onSubmit=${revoke} action=${words.revoke} kind="danger">
    <p>${words.sure}</p>${one.is_own && html`<${Notice} kind="warn" text=${words.sureOwn} />`}
  </${FormDialog}>`;
}

/** The secret of a token, which no answer has again. @param {{ answer: Answer, onClose: () => void }} props */
function Secret({ answer, onClose }) {
  const [told, setTold] = useState('');
  const copy = async (/** @type {any} */ event) => {
    const box = event.currentTarget.parentElement.querySelector('input');
    box.select();
    // Without TLS a page of another machine may not copy; the person still can.
    const isCopied = await navigator.clipboard?.writeText(box.value).then(() => true, () => false);
    setTold(isCopied ? t.common.copied : words.byHand);
  };
  return html`<${Dialog} title=${words.secret(answer.token.name)} onClose=${onClose} isFirm>
    <p>${words.once}</p>
    <div class="secret"><input type="text" readonly aria-label=${words.secretLabel} value=${answer.secret} /><${Button} data-first icon="copy" onClick=${copy}>${words.copy}</${Button}></div>
    <div class="dialog-foot"><span class="hint" role="status">${told}</span><${Button} class="primary" onClick=${onClose}>${words.done}</${Button}></div>
  </${Dialog}>`;
}
