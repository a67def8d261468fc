// Who writes: tokens with and without names of authors, a sign-in after another one, and what a token
// or a link is needed for.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { deafen, signIn, story, until, withBrowser } from './harness.js';

withBrowser();

const edit = (id) => `#/personas/${id}`;

/** A context of a person with a name in the settings. */
async function named(person) {
  const context = await person();
  await context.addInitScript(() => origin !== 'null' && localStorage.setItem('persona-studio:author', 'Mara'));
  return context;
}

/** Makes a server want a token; the header of an admin. */
const close = (server) => ({ authorization: `Bearer ${server.token('create', '--name=admin', '--scope=admin').token}` });

/** Signs a window in with a token. */
async function enter(page, token) {
  await signIn(page, token);
  await page.getByLabel('Token').waitFor({ state: 'detached' });
}

story('a token that names no other authors is sent no name, and is offered no field for one', async ({ server, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const admin = close(server);
  const page = await (await named(person)).newPage();
  await page.goto(`${server.url}/${edit(id)}`);
  await enter(page, server.token('create', '--name=ann', '--scope=write').token);
  await page.getByLabel('Description').fill('By Ann.');
  await until('it is saved', async () => (await server.api('GET', `personas/${id}`, undefined, admin)).updated_by === 'ann');
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  assert.equal(await page.getByLabel('Your name').count(), 0);
  const other = await (await named(person)).newPage();
  await other.goto(`${server.url}/${edit(id)}`);
  await enter(other, server.token('create', '--name=ben', '--scope=write', '--act-as').token);
  await other.getByLabel('Description').fill('By Mara.');
  await until('it is saved', async () => (await server.api('GET', `personas/${id}`, undefined, admin)).updated_by === 'Mara');
  await other.getByRole('link', { name: 'Settings' }).click();
  await other.getByLabel('Your name').waitFor();
});

story('what one person typed is not saved in the name of the next one who signs in', async ({ server, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const admin = close(server);
  const read = () => server.api('GET', `personas/${id}`, undefined, admin);
  const [ann, ben] = ['ann', 'ben'].map((name) => server.token('create', `--name=${name}`, '--scope=write').token);
  const page = await (await person()).newPage();
  await page.goto(`${server.url}/${edit(id)}`);
  await enter(page, ann);
  await page.getByLabel('Description').waitFor();
  // To the page a token that is revoked and one that the server forgets for a while are the same.
  let isOut = true;
  const refusal = { status: 401, contentType: 'application/problem+json', body: '{"code":"unauthorized","status":401,"title":"Sign in"}' };
  await page.route('**/api/v1/personas/**', (route) => (isOut && route.request().method() === 'PATCH' ? route.fulfill(refusal) : route.continue()));
  await page.getByLabel('Description').fill('Typed by Ann.');
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  // Closed, it stays so while one types on, and a line offers it.
  await page.keyboard.press('Escape');
  await page.getByLabel('Description').fill('Typed by Ann, signed out.');
  await page.getByLabel('Description').press('Control+s');
  await page.getByText('Signed out · kept here').waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  await page.locator('.banner').getByRole('button', { name: 'Sign in' }).click();
  isOut = false;
  await enter(page, ben);
  const notice = page.locator('.notice', { hasText: 'by somebody else who was signed in' });
  await notice.waitFor();
  assert.equal(await page.getByLabel('Description').inputValue(), 'Typed by Ann, signed out.');
  await page.keyboard.press('Control+s');
  assert.equal((await read()).description, '');
  // Left out, it waits for the one who typed it, and comes back where that is so.
  await notice.getByRole('button', { name: 'Leave it out' }).click();
  await notice.waitFor({ state: 'detached' });
  assert.equal(await page.getByLabel('Description').inputValue(), '');
  await page.getByLabel('Personality').fill('By Ben.');
  await until('it is saved', async () => (await read()).personality === 'By Ben.');
  // The page knows it too: a request without an answer is what the next one who signs in is asked about first.
  await page.getByText(`Saved as r${(await read()).revision}`).waitFor();
  await page.evaluate((token) => sessionStorage.setItem('persona-studio:token', token), ann);
  await page.reload();
  await until('it is saved', async () => (await read()).description === 'Typed by Ann, signed out.');
  assert.equal((await read()).updated_by, 'ann');
  // Another one takes what was typed as one's own.
  isOut = true;
  await page.getByLabel('Scenario').fill('Typed by Ann too.');
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  isOut = false;
  await enter(page, ben);
  await notice.getByRole('button', { name: 'Save it' }).click();
  await until('it is saved', async () => (await read()).scenario === 'Typed by Ann too.');
  assert.equal((await read()).updated_by, 'ben');
});

story('a window that was signed out goes on when another one has signed in', async ({ server, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const admin = close(server);
  const link = () => server.token('link', `--url=${server.url}`).url;
  const context = await person();
  // The save is what is refused, and nothing before it: the question would have the keys.
  await deafen(context);
  const [page, other] = [await context.newPage(), await context.newPage()];
  await page.goto(link());
  await page.getByRole('link', { name: 'Ada' }).click();
  await page.getByLabel('Description').waitFor();
  server.token('revoke', await page.evaluate(() => fetch('api/v1/session').then((answer) => answer.json()).then((body) => body.name)));
  await page.getByLabel('Description').fill('Waits for a sign-in.');
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  await other.goto(link());
  await other.getByRole('link', { name: 'Ada' }).waitFor();
  await until('it is saved', async () => (await server.api('GET', `personas/${id}`, undefined, admin)).description === 'Waits for a sign-in.');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
});

story('everything is exported with a token of the window too', async ({ server, person }) => {
  await server.create({ name: 'Ada' });
  close(server);
  const page = await (await person()).newPage();
  await page.goto(`${server.url}/#/settings`);
  await enter(page, server.token('create', '--name=ann', '--scope=read').token);
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByText('Export everything').click()]);
  assert.match(fs.readFileSync(await file.path(), 'utf8'), /"name":"Ada"/);
});

story('a secret stays until it is put away, and is copied also without TLS', async ({ server, open, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  const context = await person();
  await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined }));
  const editor = await open(edit(id), { context });
  await editor.getByRole('button', { name: 'More' }).click();
  await editor.getByRole('button', { name: 'Copy ID' }).click();
  await editor.locator('.toast', { hasText: id }).waitFor();
  const page = await open('#/settings', { context });
  await page.getByRole('button', { name: 'New token' }).click();
  await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('first');
  await page.keyboard.press('Enter');
  const secret = page.getByLabel('Secret', { exact: true });
  await secret.waitFor();
  for (const _time of [1, 2, 3]) await page.keyboard.press('Escape');
  await page.mouse.click(4, 4);
  // Something that takes a turn of the page, so that a dialog that closes would be closed.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  assert.match(await secret.inputValue(), /^psk_/);
  await page.getByRole('button', { name: 'Done' }).click();
  await secret.waitFor({ state: 'detached' });
});

story('a link that could not be exchanged is asked for again, and what a token permits is learnt later', async ({ server, person }) => {
  const { id } = await server.create({ name: 'Ada' });
  close(server);
  const page = await (await person()).newPage();
  let failures = 0;
  await page.route('**/api/v1/session', (route) => (failures++ < 2 ? route.abort() : route.continue()));
  await page.goto(server.token('link', `--url=${server.url}`, '--scope=read').url);
  await page.getByRole('dialog', { name: 'Sign in with this link?' }).getByRole('button', { name: 'Use the link' }).click();
  await page.locator('html[data-scope=read]').waitFor();
  await page.getByRole('link', { name: 'Ada' }).waitFor();
  // The question fails while the rest of the server is there: it is asked again when that was away.
  failures = 0;
  await page.goto(`${server.url}/${edit(id)}`);
  await page.reload();
  await page.locator('html[data-scope=read]').waitFor();
});
