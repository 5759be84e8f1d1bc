// Every view, in both themes and on a phone: reads well, is accessible, loads nothing from elsewhere.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMock } from '../../mock/server.mjs';
import { VIEWS, axe, launch, openPage, overflow, show } from './browser.mjs';

let browser;
let server;
before(async () => { [browser, server] = await Promise.all([launch(), startMock()]); });
after(async () => { await browser.close(); await server.close(); });

const WINDOWS = [['light', 1280, 900], ['dark', 1280, 900], ['light', 375, 740]];

for (const [scheme, width, height] of WINDOWS) {
  test(`views in ${scheme} at ${width} pixels`, async (t) => {
    const page = await openPage(browser, { viewport: { width, height }, colorScheme: scheme });
    for (const view of VIEWS) {
      await t.test(view, async () => {
        await show(page, server.url, view);
        if (view === 'graphs') await page.waitForSelector('.u-legend tr:nth-child(2) .u-value');
        if (view === 'slices') await page.waitForSelector('.lane-names li:nth-child(3)', { state: 'attached' });
        const text = await page.evaluate(() => document.body.innerText);
        assert.doesNotMatch(text, /\b(NaN|undefined|Infinity|null|\[object)\b/);
        assert.equal(await overflow(page), 0, 'no sideways scrolling');
        assert.deepEqual(await axe(page), []);
        assert.deepEqual(page.troubles, []);
      });
    }
    await page.close();
  });
}

test('the switch of colours holds against the system, and over a reload', async () => {
  const page = await openPage(browser, { colorScheme: 'light' });
  await show(page, server.url, 'overview');
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByLabel('Colours', { exact: true }).selectOption('dark');
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await page.waitForSelector('.card');
  assert.equal(await ground(), dark);
  await page.close();
});

test('the tab key reaches all that can be used, and the first stop skips to the content', async () => {
  const page = await openPage(browser, { viewport: { width: 1280, height: 900 } });
  await show(page, server.url, 'workloads');
  await page.waitForSelector('table');
  const wanted = await page.evaluate(() => [...document.querySelectorAll('a[href],button,select,input,[tabindex="0"]')]
    .filter((one) => one.checkVisibility()).length);
  const reached = new Set();
  for (let i = 0; i < wanted + 5; i++) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => {
      const one = document.activeElement;
      one.dataset.stop ??= String(Math.random());
      return one === document.body ? '' : one.dataset.stop;
    }));
    if (i === 0) assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  }
  reached.delete('');
  assert.ok(reached.size >= wanted, `${reached.size} of ${wanted} reached`);
  await page.close();
});
