// Every view, in both themes, on a desk and on a phone: reads well, is accessible, loads nothing from
// elsewhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VIEWS, axe, overflow, says, show, suite } from './browser.mjs';

const withPage = suite();
const DESK = { width: 1280, height: 900 };
const PHONE = { width: 375, height: 740 };
/** What a view shows once its figures are there. */
const READY = { slices: '.lane-names li:nth-child(3)', graphs: '.u-legend tr:nth-child(2) .u-value',
                overview: '.card .spark polyline', reports: '.box a' };

test('views, light and dark, wide and narrow', (t) => withPage({}, async (page, server) => {
  for (const view of VIEWS) {
    await t.test(view, async () => {
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize(DESK);
      await show(page, server.url, view);
      if (READY[view]) await page.waitForSelector(READY[view], { state: 'attached' });
      for (const [colorScheme, size] of [['light', DESK], ['dark', DESK], ['light', PHONE], ['dark', PHONE]]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(size);
        const where = `${colorScheme}, ${size.width} pixels`;
        const text = await page.evaluate(() => document.body.innerText);
        assert.doesNotMatch(text, /\b(NaN|undefined|Infinity|null|\[object)\b/, where);
        assert.equal(await overflow(page), 0, `no sideways scrolling: ${where}`);
        if (colorScheme === 'light' ? size === DESK : size === PHONE) assert.deepEqual(await axe(page), [], where);
      }
      assert.match(await page.title(), / · corun$/);
      await page.waitForFunction(() => {
        const { left, right } = document.querySelector('nav [aria-current]').getBoundingClientRect();
        return left >= 0 && right <= innerWidth;
      });
      assert.deepEqual(page.troubles, []);
    });
  }
}));

test('the switch of colours holds against the system, and over a reload', () => withPage({}, async (page, server) => {
  await show(page, server.url, 'overview');
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await page.getByLabel('Colours', { exact: true }).selectOption('dark');
  await page.waitForFunction((before) => getComputedStyle(document.body).backgroundColor !== before, light);
  const dark = await ground();
  await page.reload();
  await page.waitForSelector('.card');
  assert.equal(await ground(), dark);
  await page.getByLabel('Colours', { exact: true }).selectOption('auto');
  await page.waitForFunction((before) => getComputedStyle(document.body).backgroundColor === before, light);
}, { colorScheme: 'light' }));

test('the tab key reaches all that can be used, and the first stop skips to the content', () =>
  withPage({}, async (page, server) => {
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
    await page.focus('.skip');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  }));

test('the links lead to the views, and an unknown address to the overview', () => withPage({}, async (page, server) => {
  await show(page, server.url, 'no-such-view');
  await page.waitForSelector('.card');
  await page.getByRole('navigation').getByRole('link', { name: 'Processes' }).click();
  await says(page, 'main h1', /^Processes$/);
  await page.getByRole('link', { name: 'corun', exact: true }).click();
  await says(page, 'main h1', /^Overview$/);
}));
