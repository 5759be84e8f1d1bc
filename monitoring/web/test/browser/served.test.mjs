// The page as `corun serve` gives it, on a simulated GPU: page and server agree on the live API, and
// the server's Content-Security-Policy lets the page work. Needs a build of corun.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { VIEWS, axe, launch, openPage, says, show } from './browser.mjs';

const CORUN = process.env.CORUN ??
  fileURLToPath(new URL('../../../../build/bin/corun', import.meta.url));

/** Starts the server; resolves to {url, stop} once it has said where it listens. */
function serve() {
  const server = spawn(CORUN, ['serve', '--gpu', 'simulated', '--listen', '127.0.0.1:0'],
                       { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => server.on('exit', done));
  return new Promise((started, failed) => {
    ended.then((code) => failed(new Error(`corun serve ended with ${code}`)));
    let said = '';
    server.stdout.on('data', (text) => {
      said += text;
      const url = /http:\/\/\S+\/(?=\s)/.exec(said)?.[0];
      if (url) started({ url, stop: () => { server.kill('SIGTERM'); return ended; } });
    });
  });
}

test('the page works as corun serve gives it', async (t) => {
  if (!existsSync(CORUN)) return t.skip(`${CORUN} is not built`);
  const server = await serve();
  t.after(async () => assert.equal(await server.stop(), 0));
  const browser = await launch();
  t.after(() => browser.close());
  const page = await openPage(browser, { viewport: { width: 1280, height: 900 } });
  for (const view of VIEWS) {
    await show(page, server.url, view);
    await page.waitForFunction(() => !/Waiting for the first/.test(document.body.textContent));
    const text = await page.evaluate(() => document.body.innerText);
    assert.doesNotMatch(text, /\b(NaN|undefined|Infinity|null|\[object)\b/, view);
    assert.match(text, /simulated/);
  }
  await show(page, server.url, 'graphs');
  await page.waitForSelector('.u-legend tr:nth-child(2) .u-value');
  await show(page, server.url, 'overview');
  await page.waitForSelector('.card .spark polyline', { state: 'attached' });
  await says(page, '.card', /\d+ W/);
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(page.troubles, []);
});
