// Starts the studio. The order to read the rest in: route.js, api.js, shell.js, then a screen.

import { render } from '../vendor/runtime.js';
import { learnWho, who } from './api.js';
import { html } from './html.js';
import { Shell } from './shell.js';
import { signInByAddress } from './sign-in.js';

await signInByAddress();
if (!who.peek()) learnWho();
const place = document.getElementById('app');
if (place) render(html`<${Shell} />`, place);
