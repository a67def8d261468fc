// The settings: which labels and owners there are, as far as the own token reaches.

import assert from 'node:assert/strict';
import { story, until, withBrowser } from './harness.js';

withBrowser();

const bearer = (secret) => ({ authorization: `Bearer ${secret}` });
const section = (page, name) => page.locator('section', { has: page.getByRole('heading', { name, exact: true }) });
const rows = (page, name) => section(page, name).locator('.rows li').evaluateAll((all) => all.map((row) => [...row.querySelectorAll('strong, .badge, a, .hint')].map((part) => part.textContent.trim()).join(' · ')));

async function filled(server, headers) {
  for (const [name, owner, label] of [['Ada', 'team:7', 'production'], ['Bea', 'team:7', 'staging'], ['Cid', null, 'production'], ['Dan', 'team:8', 'secret'], ['Eve', null, null]]) {
    const { id } = await server.api('POST', 'personas', { name, owner }, headers);
    if (label) await server.api('PUT', `personas/${id}/labels/${label}`, { revision: 1 }, headers);
  }
}

story('labels and owners are listed with their personas, each a link to these', async ({ server, open }) => {
  const page = await open('#/settings');
  await page.getByText('No persona has a label yet.', { exact: false }).waitFor();
  assert.equal(await page.getByRole('heading', { name: 'Owners' }).count(), 0);
  await filled(server, {});
  await page.reload();
  await section(page, 'Labels').locator('.rows li').first().waitFor();
  assert.deepEqual(await rows(page, 'Labels'), ['production · 2 personas production', 'secret · 1 persona secret', 'staging · 1 persona staging']);
  await section(page, 'Owners').locator('.rows li').first().waitFor();
  assert.deepEqual(await rows(page, 'Owners'), ['Without an owner · 2 personas Without an owner', 'team:7 · 2 personas team:7', 'team:8 · 1 persona team:8']);
  await section(page, 'Labels').getByRole('link', { name: '2 personas production' }).click();
  await page.getByText('2 personas').waitFor();
  assert.deepEqual((await page.locator('.card-link').allTextContents()).toSorted(), ['Ada', 'Cid']);
  await page.goBack();
  await section(page, 'Owners').getByRole('link', { name: '2 personas Without an owner' }).click();
  await until('those without an owner', async () => (await page.locator('.card-link').allTextContents()).toSorted().join() === 'Cid,Eve');
});

story('a token sees the labels and owners that it reaches, and which labels are protected', async ({ server, person }) => {
  const admin = bearer(server.token('create', '--name=admin', '--scope=admin').token);
  await filled(server, admin);
  const signedIn = async (...flags) => {
    const page = await (await person()).newPage();
    await page.goto(server.token('link', `--url=${server.url}`, ...flags).url);
    await page.locator('html[data-scope]:not([data-scope=""])').waitFor();
    await page.goto(`${server.url}/#/settings`);
    await section(page, 'Labels').locator('.rows li').first().waitFor();
    return page;
  };
  const bound = await signedIn('--scope=read', '--owner=team:7');
  await bound.getByText('You are bound to team:7.').waitFor();
  // A protected one is told also where no persona that is reached has it.
  assert.deepEqual(await rows(bound, 'Labels'), ['production · Protected · 1 persona production', 'staging · 1 persona staging', 'release · Protected · No persona']);
  assert.deepEqual(await rows(bound, 'Owners'), ['team:7 · 2 personas team:7']);
  const shared = await signedIn('--scope=read+shared', '--owner=team:7');
  await shared.getByText('You are bound to team:7, and read what has no owner.').waitFor();
  assert.deepEqual(await rows(shared, 'Owners'), ['Without an owner · 2 personas Without an owner', 'team:7 · 2 personas team:7']);
}, { env: { PERSONA_PROTECTED_LABELS: 'production,release' } });
