// Starts the studio. The order to read the rest in: route.js, api.js, shell.js, then a screen.

import { render } from '../vendor/runtime.js';
import { call, learnWho } from './api.js';
import { html } from './html.js';
import { toast } from './overlay.js';
import { token } from './settings-store.js';
import { Shell } from './shell.js';
import { t } from './strings.js';

/** The secret of a one-time link. It is behind the #, which no browser sends, and leaves the
 * address at once. */
const secretOfLink = () => /^#\/link\/(\w+)$/.exec(location.hash)?.[1];
addEventListener('hashchange', () => secretOfLink() && location.reload());

const secret = secretOfLink();
if (secret) {
  location.replace('#/');
  token.value = '';
  await call('POST', 'session', { headers: { Authorization: `Bearer ${secret}` } }).catch(() => toast(t.signIn.usedUp, { kind: 'error' }));
}
learnWho();
const place = document.getElementById('app');
if (place) render(html`<${Shell} />`, place);
