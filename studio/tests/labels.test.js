// Labels: where they point is seen in the history and moved there; a label of many personas is
// moved from the gallery, all or nothing.

import assert from 'node:assert/strict';
import { story, until, withBrowser } from './harness.js';

withBrowser();

const labelsOf = async (server, id, headers) => {
  const { items } = await server.api('GET', `personas/${id}/labels`, undefined, headers);
  return Object.fromEntries(items.map((one) => [one.label, one.revision]));
};
const set = (server, id, label, revision, headers) => server.api('PUT', `personas/${id}/labels/${label}`, { revision }, headers);

/** A persona with three revisions. */
async function written(server, name = 'Ada') {
  const { id } = await server.create({ name, description: 'One.' });
  for (const description of ['Two.', 'Three.']) await server.api('PATCH', `personas/${id}`, { description }, { 'x-persona-author': 'Bea' });
  return id;
}

/** Fills the dialog of a label and sends it. */
async function move(page, label, target, other) {
  const dialog = page.getByRole('dialog');
  if (label) await dialog.getByLabel('Label', { exact: true }).fill(label);
  await dialog.getByLabel(target).check();
  if (other) await dialog.getByLabel('The other label').fill(other);
  await dialog.getByRole('button', { name: 'Move', exact: true }).click();
}

story('labels stand in the timeline, and are set, moved, removed and moved back there', async ({ server, open }) => {
  const id = await written(server);
  await set(server, id, 'staging', 2);
  const page = await open(`#/personas/${id}/history`);
  const line = (text) => page.locator('.timeline li', { hasText: text });
  await line('r2').locator('.badge', { hasText: 'staging' }).waitFor();
  // A label that is moved elsewhere moves here.
  await set(server, id, 'staging', 1);
  await line('r1').locator('.badge', { hasText: 'staging' }).waitFor();
  await page.getByRole('button', { name: 'Label…' }).click();
  await move(page, 'production', 'To r3');
  await line('r2–3').locator('.badge', { hasText: 'production' }).waitFor();
  assert.deepEqual(await labelsOf(server, id), { production: 3, staging: 1 });
  await page.getByLabel(/^Revision/).selectOption('2');
  await page.getByRole('button', { name: 'Label…' }).click();
  await move(page, 'production', 'To r2');
  await page.getByText('production moved').waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await until('it is where it was', async () => (await labelsOf(server, id)).production === 3);
  await page.getByLabel(/^Revision/).selectOption('3');
  await page.getByRole('button', { name: 'Move the label production' }).click();
  await move(page, '', 'Nowhere: remove it');
  await until('it is gone', async () => !('production' in (await labelsOf(server, id))));
  await page.getByRole('button', { name: 'Undo' }).click();
  await until('it is back', async () => (await labelsOf(server, id)).production === 3);
});

story('a label that was moved meanwhile is not overwritten unseen, and no word is no label', async ({ server, open }) => {
  const id = await written(server);
  const page = await open(`#/personas/${id}/history`);
  await page.locator('.compared .diff').first().waitFor();
  await page.route('**/labels', (route) => route.abort());
  await page.getByRole('button', { name: 'Label…' }).click();
  await set(server, id, 'production', 1);
  await move(page, 'production', 'To r3');
  await page.getByRole('dialog').getByText('no label was moved', { exact: false }).waitFor();
  assert.deepEqual(await labelsOf(server, id), { production: 1 });
  await move(page, 'Not a label', 'To r3');
  await page.getByRole('dialog').locator('#dialog-why:not(:empty)').waitFor();
});

story('a protected label asks before it moves, and only an admin moves it', async ({ server, person }) => {
  const id = await written(server);
  const headers = { authorization: `Bearer ${server.token('create', '--name=admin', '--scope=admin').token}` };
  for (const scope of ['write', 'admin']) {
    const page = await (await person()).newPage();
    await page.goto(server.token('link', `--url=${server.url}`, `--scope=${scope}`).url);
    await page.locator(`html[data-scope=${scope}]`).waitFor();
    await page.goto(`${server.url}/#/personas/${id}/history`);
    await page.getByRole('button', { name: 'Label…' }).click();
    await move(page, 'production', 'To r3');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('production is protected.', { exact: false }).waitFor();
    assert.deepEqual(await labelsOf(server, id, headers), {});
    await dialog.getByRole('button', { name: 'Yes, move it' }).click();
    if (scope === 'admin') await until('it is moved', async () => (await labelsOf(server, id, headers)).production === 3);
    else await dialog.getByText('the token has the scope write', { exact: false }).waitFor();
  }
}, { env: { PERSONA_PROTECTED_LABELS: 'production' } });

story('a label of many personas is moved at once, all or nothing, and back', async ({ server, open }) => {
  const ids = [];
  for (const name of ['Ada', 'Bea', 'Cem']) ids.push(await written(server, name));
  for (const id of ids.slice(0, 2)) await set(server, id, 'staging', 2);
  await set(server, ids[0], 'production', 1);
  const all = () => Promise.all(ids.map((id) => labelsOf(server, id)));
  const page = await open('#/?sort=name');
  const choose = async (...names) => {
    for (const name of names) await page.getByLabel(`Select ${name}`).click();
    await page.locator('.bulk').getByRole('button', { name: 'Label', exact: true }).click();
  };
  // One has no such label, so none is moved, and it is named.
  await choose('Ada', 'Bea', 'Cem');
  await move(page, 'production', 'Where another label points', 'staging');
  await page.getByRole('dialog').getByText(/^Cem: .*no label was moved/).waitFor();
  assert.deepEqual(await all(), [{ production: 1, staging: 2 }, { staging: 2 }, {}]);
  await move(page, 'production', 'To the current revision');
  await page.getByText('production moved for 3 personas').waitFor();
  assert.deepEqual((await all()).map((one) => one.production), [3, 3, 3]);
  await page.getByRole('button', { name: 'Undo' }).click();
  await until('all are where they were', async () => JSON.stringify(await all()) === JSON.stringify([{ production: 1, staging: 2 }, { staging: 2 }, {}]));
  await choose('Ada', 'Bea');
  await move(page, 'production', 'Where another label points', 'staging');
  await page.getByText('production moved for 2 personas').waitFor();
  assert.deepEqual((await all()).map((one) => one.production), [2, 2, undefined]);
});
