// Signing in by a one-time link, and what a token of each scope is offered.

import assert from 'node:assert/strict';
import { deafen, signIn, story, until, withBrowser } from './harness.js';

withBrowser();

/** A server with a persona that wants a token, and the header of an admin. */
async function closed(server) {
  const { id } = await server.create({ name: 'Ada', description: 'a' });
  const admin = { authorization: `Bearer ${server.token('create', '--name=admin', '--scope=admin').token}` };
  return { id, admin };
}

const linkOf = (server, ...flags) => server.token('link', `--url=${server.url}`, ...flags).url;

story('a link signs a browser in once, for all of its windows, until one signs out', async ({ server, person }) => {
  await closed(server);
  const context = await person();
  const page = await context.newPage();
  const asked = [];
  context.on('request', (request) => asked.push(request.url()));
  await page.goto(`${server.url}/`);
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  const link = linkOf(server);
  await page.goto(link);
  await page.getByRole('link', { name: 'Ada' }).waitFor();
  assert.equal(new URL(page.url()).hash, '#/');
  const secret = link.split('/').pop();
  assert.ok(asked.every((url) => !url.includes(secret)), 'no address that was asked for has the secret');
  assert.equal(await page.evaluate(() => document.cookie), '');
  // Other windows, and the feed of changes, are signed in too.
  const other = await context.newPage();
  await other.goto(`${server.url}/#/settings`);
  await other.getByText('may do everything').waitFor();
  await page.reload();
  await page.getByRole('link', { name: 'Ada' }).waitFor();
  const [cookie] = (await context.cookies()).filter((one) => one.name.startsWith('persona_session'));
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict']);
  // The link is used up: another browser gets nothing by it.
  const stranger = await (await person()).newPage();
  await stranger.goto(link);
  await stranger.getByText('This link was used already, or has run out.').waitFor();
  await stranger.getByRole('dialog', { name: 'Sign in' }).waitFor();
  // The end of the session is one for good, also for a copy of the cookie.
  const withCookie = () => fetch(`${server.url}/api/v1/personas`, { headers: { cookie: `${cookie.name}=${cookie.value}` } });
  assert.equal((await withCookie()).status, 200);
  await other.getByRole('button', { name: 'Sign out' }).click();
  await other.getByRole('dialog', { name: 'Sign in' }).waitFor();
  assert.equal((await withCookie()).status, 401);
  assert.deepEqual((await context.cookies()).filter((one) => one.name.startsWith('persona_session')), []);
});

story('a session that is revoked asks for a sign-in, keeps what was typed, and goes on', async ({ server, person }) => {
  const { id, admin } = await closed(server);
  const context = await person();
  // The save is what is refused, and nothing before it: the question would have the keys.
  await deafen(context);
  const page = await context.newPage();
  await page.goto(linkOf(server));
  await page.getByRole('link', { name: 'Ada' }).click();
  await page.getByLabel('Description').waitFor();
  const name = await page.evaluate(() => fetch('api/v1/session').then((answer) => answer.json()).then((body) => body.name));
  server.token('revoke', name);
  await page.getByLabel('Description').fill('Typed behind the end of the session.');
  await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
  await page.goto(linkOf(server));
  await page.getByRole('link', { name: 'Ada' }).click();
  await until('what was typed is kept', async () => (await server.api('GET', `personas/${id}`, undefined, admin)).description === 'Typed behind the end of the session.');
});

story('a token that only reads is offered nothing that it may not do', async ({ server, person }) => {
  const { id } = await closed(server);
  const page = await (await person()).newPage();
  const writes = /^(New persona|Import|Delete|Duplicate|Tag|Label|Restore all of it|Restore)$/;
  const offered = async () => (await page.getByRole('button', { name: writes }).count()) + (await page.getByRole('link', { name: 'Import' }).count());
  for (const scope of ['write', 'read']) {
    await page.goto(`${linkOf(server, `--scope=${scope}`)}`);
    // The second link finds a browser that is signed in.
    if (scope === 'read') await page.getByRole('button', { name: 'Use the link' }).click();
    await page.locator(`html[data-scope=${scope}]`).waitFor();
    await page.getByRole('link', { name: 'Ada' }).waitFor();
    await page.locator('.pick input').first().click();
    await page.locator('.bulk').waitFor();
    const gallery = await offered();
    // A letter does nothing while a dialog is open, so the second one tells what the first one did.
    await page.keyboard.press('c');
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    const dialogs = await page.getByRole('dialog', { name: 'New persona' }).count();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.goto(`${server.url}/#/personas/${id}`);
    await page.getByLabel('Description').waitFor();
    await page.getByRole('button', { name: 'More' }).click();
    // What is not offered does not have the focus.
    await page.locator('#editor-menu button:focus').filter({ hasText: scope === 'write' ? 'Duplicate' : 'Export' }).waitFor();
    const menu = await offered();
    const isEditable = await page.getByLabel('Description').isEditable();
    // What is read only can be reached and copied.
    await page.getByLabel('Description').focus();
    assert.equal(await page.evaluate(() => document.activeElement.value), 'a');
    assert.equal(await page.getByLabel('Tags').isEditable(), scope === 'write');
    await page.goto(`${server.url}/#/personas/${id}/history`);
    await page.getByRole('button', { name: 'Download' }).waitFor();
    const history = (await offered()) + (await page.getByRole('button', { name: 'Label…' }).count());
    await page.goto(`${server.url}/#/personas/${id}/json`);
    const isJsonEditable = await page.getByLabel('The persona as JSON').isEditable();
    assert.deepEqual([gallery > 0, dialogs > 0, menu > 0, isEditable, history > 0, isJsonEditable], Array(6).fill(scope === 'write'), scope);
  }
});

story('an admin has the workers replaced from the health page, and other tokens are not offered it', async ({ server, person }) => {
  const { admin } = await closed(server);
  const pids = async () => (await server.api('GET', 'status', undefined, admin)).workers.map((worker) => worker.pid);
  const before = await pids();
  const button = (page) => page.getByRole('button', { name: 'Replace the workers' });
  for (const scope of ['write', 'admin']) {
    const page = await (await person()).newPage();
    await page.goto(linkOf(server, `--scope=${scope}`));
    await page.locator(`html[data-scope=${scope}]`).waitFor();
    await page.goto(`${server.url}/#/health`);
    await page.getByRole('heading', { name: 'Processes' }).waitFor();
    assert.equal(await button(page).count(), scope === 'admin' ? 1 : 0);
    if (scope === 'write') continue;
    await button(page).click();
    await page.getByText('The workers are being replaced').waitFor();
    await until('all workers are new', async () => (await pids()).every((pid) => !before.includes(pid)));
  }
});

story('a link in a browser that is signed in asks first, and is used up only where it is wanted', async ({ server, person }) => {
  await closed(server);
  const page = await (await person()).newPage();
  const nameOf = () => page.evaluate(() => fetch('api/v1/session').then((answer) => answer.json()).then((body) => body.name));
  await page.goto(linkOf(server));
  await page.getByRole('link', { name: 'Ada' }).waitFor();
  const before = await nameOf();
  const link = linkOf(server, '--scope=read');
  const question = page.getByRole('dialog', { name: 'Sign in with this link?' });
  for (const answer of ['Stay signed in', 'Escape']) {
    await page.goto(link);
    await question.getByText(before, { exact: false }).waitFor();
    if (answer === 'Escape') await page.keyboard.press('Escape');
    else await question.getByRole('button', { name: answer }).click();
    await question.waitFor({ state: 'detached' });
    assert.equal(await nameOf(), before);
  }
  await page.goto(link);
  await question.getByRole('button', { name: 'Use the link' }).click();
  await page.locator('html[data-scope=read]').waitFor();
  assert.notEqual(await nameOf(), before);
  // A window with a token of its own is asked too.
  const other = await (await person()).newPage();
  await other.goto(`${server.url}/`);
  await signIn(other, server.token('create', '--name=ann', '--scope=write').token);
  await other.locator('html[data-scope=write]').waitFor();
  await other.goto(linkOf(server, '--scope=read'));
  await other.getByRole('dialog', { name: 'Sign in with this link?' }).getByText('ann', { exact: false }).waitFor();
});
