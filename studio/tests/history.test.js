// The history: any two revisions compared, and the way back without a loss.

import assert from 'node:assert/strict';
import { story, until, withBrowser } from './harness.js';

withBrowser();

story('revisions are compared word by word, and one field or all of it comes back', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada', description: 'The quick brown fox.', personality: 'Calm.' });
  await server.api('PATCH', `personas/${id}`, { description: 'The quick red fox.' }, { 'x-persona-author': 'Bea', 'x-persona-note': 'Foxes are red' });
  await server.api('PATCH', `personas/${id}`, { description: 'A slow red fox.', personality: 'Wild.' }, { 'x-persona-author': 'Cem' });
  const page = await open(`#/personas/${id}/history`);
  await page.getByText('Foxes are red').click();
  const compared = page.getByRole('region', { name: 'What changed' });
  await compared.getByText('Foxes are red').waitFor();
  assert.match(await compared.locator('del').textContent(), /brown/);
  assert.match(await compared.locator('ins').textContent(), /red/);
  await page.getByLabel('Compared with').selectOption('3');
  await compared.locator('del', { hasText: 'Wild' }).waitFor();
  assert.match(page.url(), /to=2&from=3$/);
  await compared.getByRole('button', { name: 'Restore Description' }).click();
  await until('the field is back, and the other stays', async () => {
    const now = await server.read(id);
    return now.revision === 4 && now.description === 'The quick red fox.' && now.personality === 'Wild.';
  });
  await page.getByRole('button', { name: 'Restore all of it' }).click();
  await until('all of it is back', async () => (await server.read(id)).personality === 'Calm.');
  await page.goBack();
  await page.goForward();
  await page.getByRole('link', { name: 'Write' }).click();
  assert.equal(await page.getByLabel('Personality').inputValue(), 'Calm.');
});

story('a change is saved with a note in any script', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  const page = await open(`#/personas/${id}`);
  // The clocks of the page stand still, so that no autosave comes before the note is begun.
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.getByLabel('Description').fill('Noted.');
  await page.keyboard.press('Control+Shift+s');
  // A note takes longer to write than an autosave waits.
  await page.getByLabel('Note', { exact: true }).waitFor();
  await page.clock.fastForward(5000);
  await page.getByLabel('Note', { exact: true }).fill('Weil 世界 so ist ✓');
  await page.clock.resume();
  await page.keyboard.press('Enter');
  await page.getByText('Saved as r2', { exact: true }).waitFor();
  const { items } = await server.api('GET', `personas/${id}/revisions`);
  assert.deepEqual(items.map((one) => one.note ?? null), ['Weil 世界 so ist ✓', null]);
  await page.getByRole('link', { name: 'History' }).click();
  await page.getByText('Weil 世界 so ist ✓').first().waitFor();
});

story('the saves of one sitting are one line of the timeline', async ({ server, open }) => {
  const { id } = await server.create({ name: 'Ada' });
  for (const text of ['a', 'b', 'c']) await server.api('PATCH', `personas/${id}`, { description: text }, { 'x-persona-author': 'Bea' });
  const page = await open(`#/personas/${id}/history`);
  await page.getByText('r2–4').waitFor();
  await page.getByText('Bea · 3 saves').waitFor();
  assert.equal(await page.locator('.timeline li').count(), 2);
});

/** A window of a person with a name, or of one without. */
async function mara({ server, person, open }, author = 'Mara') {
  const { id } = await server.create({ name: 'Ada' });
  const context = await person();
  await context.addInitScript((name) => origin !== 'null' && localStorage.setItem('persona-studio:author', name), author);
  const page = await open(`#/personas/${id}`, { context });
  const write = async (text, revision) => {
    await page.getByLabel('Description').fill(text);
    await page.getByText(`Saved as r${revision}`).waitFor();
  };
  const kept = async () => (await server.api('GET', `personas/${id}/revisions`)).items.map((one) => one.revision);
  return { id, context, page, write, kept };
}

story('autosaves of one sitting are one revision, and what was saved on purpose stays', async (tools) => {
  const { server } = tools;
  const { id, page, write, kept } = await mara(tools);
  await write('One.', 2);
  await write('Two.', 3);
  await write('Three.', 4);
  assert.deepEqual(await kept(), [4, 1]);
  // All of it is saved already; what is saved next leaves it where it is.
  await page.keyboard.press('Control+s');
  await write('Four.', 5);
  assert.deepEqual(await kept(), [5, 4, 1]);
  await page.getByLabel('Description').fill('Five.');
  await page.keyboard.press('Control+s');
  await page.getByText('Saved as r6').waitFor();
  await write('Six.', 7);
  await write('Seven.', 8);
  assert.deepEqual(await kept(), [8, 6, 5, 4, 1]);
  // A revision is compared with the one before it that is there.
  await page.goto(`${server.url}/#/personas/${id}/history?to=8`);
  await page.locator('.compared del', { hasText: 'Five' }).waitFor();
  assert.equal(await page.getByLabel('Compared with').inputValue(), '6');
  await page.getByLabel(/^Revision/).selectOption('4');
  await page.locator('.compared ins', { hasText: 'Three' }).waitFor();
  await page.locator('.timeline a', { hasText: 'r1' }).first().waitFor();
});

story('autosaves without a name are one revision too, and drop none of another window', async (tools) => {
  const { server, person, open } = tools;
  const { id, context, page, write, kept } = await mara(tools, '');
  await write('One.', 2);
  await write('Two.', 3);
  await write('Three.', 4);
  assert.deepEqual(await kept(), [4, 1]);
  const { items } = await server.api('GET', `personas/${id}/revisions`);
  assert.deepEqual(items.map((one) => one.by), [null, null]);
  // No event tells the first window of the other one, which has another key for each save.
  await context.route('**/api/v1/events**', () => {});
  await page.reload();
  await write('Four.', 5);
  await write('Five.', 6);
  assert.deepEqual(await kept(), [6, 4, 1]);
  const other = await open(`#/personas/${id}`, { context: await person() });
  await other.getByLabel('Personality').fill('Theirs.');
  await other.getByText('Saved as r7').waitFor();
  assert.deepEqual(await kept(), [7, 6, 4, 1]);
  await write('Six.', 8);
  assert.deepEqual(await kept(), [8, 7, 6, 4, 1]);
  const now = await server.read(id);
  assert.deepEqual([now.description, now.personality], ['Six.', 'Theirs.']);
});

story('of a persona that others write too, all revisions stay: their editors merge with them', async (tools) => {
  const { server } = tools;
  const { id, page, write, kept } = await mara(tools);
  await write('One.', 2);
  await server.api('PATCH', `personas/${id}`, { personality: 'theirs' }, { 'x-persona-author': 'Ben' });
  await page.getByText('Ben changed Personality.').waitFor();
  await write('Two.', 4);
  await write('Three.', 5);
  assert.deepEqual(await kept(), [5, 4, 3, 2, 1]);
});

story('an answer that is lost, and a base that is dropped by it, are in no conflict', async (tools) => {
  const { server, open } = tools;
  const { id, context, page, write, kept } = await mara(tools);
  // The window is closed, or the rule ends, while an answer is on its way.
  const lose = (route) => (route.request().method() === 'PATCH' ? route.fetch().then(() => route.abort()).catch(() => {}) : route.continue());
  await write('One.', 2);
  await page.route('**/api/v1/personas/**', lose);
  await page.getByLabel('Description').fill('Two.');
  await page.getByText('Offline · kept here, retrying').waitFor();
  await page.getByLabel('Description').fill('Two and a half.');
  await until('the base is dropped', async () => (await kept()).join() === '3,1');
  await page.close();
  const next = await open(`#/personas/${id}`, { context });
  await next.getByText('Saved as r4').waitFor();
  assert.equal(await next.getByLabel('Description').inputValue(), 'Two and a half.');
  assert.equal(await next.getByRole('dialog').count(), 0);
  // A repeated request, the revision of which a later save has replaced meanwhile.
  await next.route('**/api/v1/personas/**', lose);
  await next.getByLabel('Description').fill('Three.');
  await next.getByText('Offline · kept here, retrying').waitFor();
  await until('it was applied', async () => (await server.read(id)).description === 'Three.');
  await server.api('PATCH', `personas/${id}?squash=900`, { personality: 'elsewhere' }, { 'x-persona-author': 'Mara' });
  assert.ok(!(await kept()).includes(5));
  await next.getByLabel('Description').fill('Three and more.');
  await next.unroute('**/api/v1/personas/**');
  await until('what was typed since is saved', async () => (await server.read(id)).description === 'Three and more.');
  await next.getByText('Saved as r7').waitFor();
  assert.equal(await next.getByLabel('Personality').inputValue(), 'elsewhere');
  assert.equal(await next.getByRole('dialog').count(), 0);
});
