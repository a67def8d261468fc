// What was typed in a page that was closed before the server had it is sent when the studio is open
// again, without a visit of its persona.

import assert from 'node:assert/strict';
import { story, until, withBrowser } from './harness.js';

withBrowser();

const edit = (id) => `#/personas/${id}`;

/** How many drafts the browser has on its disk. */
const drafts = (page) => page.evaluate(() => new Promise((resolve, reject) => {
  const request = indexedDB.open('persona-studio');
  request.onerror = () => reject(request.error);
  request.onsuccess = () => {
    if (!request.result.objectStoreNames.contains('drafts')) return resolve(0);
    const count = request.result.transaction('drafts').objectStore('drafts').count();
    count.onsuccess = () => resolve(count.result);
    count.transaction.oncomplete = () => request.result.close();
    return undefined;
  };
}));

/** Types into personas in windows of their own, and closes all of them before the server has it. What a
 * page sends while it is closed passes every route, so the page itself sends nothing. */
async function typeAndClose(open, texts, context) {
  const pages = [];
  for (const [id, text] of Object.entries(texts)) {
    const page = await open(edit(id), { context });
    pages.push(page);
    await page.evaluate(() => {
      const real = fetch;
      globalThis.fetch = (to, how) => (how?.method === 'PATCH' ? Promise.reject(new TypeError('away')) : real(to, how));
    });
    await page.getByLabel('Description').fill(text);
    await page.getByText('Offline · kept here, retrying').waitFor();
  }
  await until('the browser has all of it', async () => (await drafts(pages[0])) === pages.length);
  for (const page of pages) await page.close({ runBeforeUnload: false });
}

story('what was typed in pages that were closed is saved when the studio opens again, and told', async ({ server, open, person }) => {
  const [ada, ben] = [await server.create({ name: 'Ada' }), await server.create({ name: 'Ben', personality: 'Calm.' })];
  const context = await person();
  await typeAndClose(open, { [ada.id]: 'Typed for Ada.', [ben.id]: 'Typed for Ben.' }, context);
  await server.api('PATCH', `personas/${ben.id}`, { personality: 'Changed meanwhile.' });
  const page = await open('#/health', { context });
  await page.locator('.toast', { hasText: 'What you had typed in Ben before the page was closed is saved' }).waitFor();
  await page.locator('.toast', { hasText: 'typed in Ada' }).getByRole('button', { name: 'Show' }).click();
  await page.getByRole('heading', { name: 'Ada' }).waitFor();
  await until('both are saved', async () => (await server.read(ada.id)).description === 'Typed for Ada.' && (await server.read(ben.id)).description === 'Typed for Ben.');
  assert.equal((await server.read(ben.id)).personality, 'Changed meanwhile.');
  await until('no draft is left', async () => (await drafts(page)) === 0);
});

story('of two windows that open together one sends what was left, once', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const context = await person();
  await typeAndClose(open, { [id]: 'Typed once.' }, context);
  await Promise.all([open('#/', { context }), open('#/settings', { context })]);
  await until('it is saved', async () => (await server.read(id)).description === 'Typed once.');
  assert.equal((await server.read(id)).revision, 2);
});

story('what was left for a text that others have changed waits for a decision, and says so', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const context = await person();
  await typeAndClose(open, { [id]: 'Mine.' }, context);
  await server.api('PATCH', `personas/${id}`, { description: 'Theirs.' }, { 'x-persona-author': 'Bea' });
  const page = await open('#/', { context });
  await page.locator('.toast', { hasText: 'What you changed in Ada is not saved. It is kept here.' }).getByRole('button', { name: 'Open' }).click();
  await page.getByRole('dialog', { name: 'Both of you changed this' }).getByRole('button', { name: 'Take yours Description' }).click();
  await until('it is saved', async () => (await server.read(id)).description === 'Mine.');
});

story('what was left for a persona that is gone is shown, until it is discarded', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const context = await person();
  await typeAndClose(open, { [id]: 'The last words.' }, context);
  await server.api('DELETE', `personas/${id}`, undefined, { 'if-match': '*' });
  await server.api('DELETE', `personas/${id}?purge=true`, undefined, { 'if-match': '*' });
  const page = await open('#/', { context });
  await page.locator('.toast', { hasText: 'its persona does not exist any more' }).getByRole('button', { name: 'Show' }).click();
  await page.getByText('The last words.').waitFor();
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.getByText('The last words.').waitFor({ state: 'detached' });
  await page.locator('.toast', { hasText: 'was discarded' }).getByRole('button', { name: 'Undo' }).click();
  await page.getByText('The last words.').waitFor();
  await page.getByRole('button', { name: 'Discard' }).click();
  await page.getByText('The last words.').waitFor({ state: 'detached' });
  await until('no draft is left', async () => (await drafts(page)) === 0);
});

story('what one person left is not sent in the name of another one', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const admin = { authorization: `Bearer ${server.token('create', '--name=admin', '--scope=admin').token}` };
  const [ann, ben] = ['ann', 'ben'].map((name) => server.token('create', `--name=${name}`, '--scope=write').token);
  const context = await person();
  const enter = async (hash, token) => {
    const page = await context.newPage();
    await page.addInitScript((secret) => origin !== 'null' && sessionStorage.setItem('persona-studio:token', secret), token);
    await page.goto(`${server.url}/${hash}`);
    await page.locator('main h1:not(.hidden)').waitFor();
    return page;
  };
  await typeAndClose((hash) => enter(hash, ann), { [id]: 'Typed by Ann.' }, context);
  const page = await enter('#/', ben);
  await page.getByRole('link', { name: 'Ada' }).waitFor();
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByText('ben', { exact: false }).first().waitFor();
  assert.equal((await server.api('GET', `personas/${id}`, undefined, admin)).description, '');
  await page.close();
  await enter('#/', ann);
  await until('it is saved', async () => (await server.api('GET', `personas/${id}`, undefined, admin)).updated_by === 'ann');
});

story('a server that is away when the studio opens gets what was left when it is back', async (tools) => {
  const { server, open, person } = tools;
  const { id } = await server.create({ name: 'Ada' });
  const context = await person();
  await typeAndClose(open, { [id]: 'Typed before.' }, context);
  let isAway = true;
  await context.route('**/api/v1/**', (route) => (isAway ? route.abort() : route.continue()));
  const page = await context.newPage();
  await page.goto(`${server.url}/#/settings`);
  await page.locator('.banner', { hasText: 'The server cannot be reached.' }).waitFor();
  isAway = false;
  await until('it is saved', async () => (await server.read(id)).description === 'Typed before.');
  await page.locator('.toast', { hasText: 'typed in Ada' }).waitFor();
});
