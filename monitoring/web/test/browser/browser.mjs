// Debian's chromium, driven by playwright-core; nothing is downloaded.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before } from 'node:test';
import { chromium } from 'playwright-core';
import { startMock } from '../../mock/server.mjs';

/** Long, because a machine may be busy: nothing here takes seconds by itself. */
const WAIT_MS = 45000;
const FILE_MS = 220000;

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  // One process for all origins: starting one costs more than most tests.
  args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--disable-background-networking',
         '--disable-site-isolation-trials', '--renderer-process-limit=1'],
});

/** One browser for the tests of a file, which may not hang. */
export function suite() {
  let browser;
  let shared;
  before(async () => {
    setTimeout(() => {
      console.error(`the tests of this file took more than ${FILE_MS / 1000} s`);
      process.exit(1); // playwright ends its browser then
    }, FILE_MS).unref();
    browser = await launch();
  });
  after(() => browser?.close());

  /** The page of most tests: a new one costs two seconds of processor time. Each server has an origin
   * of its own, and with it a storage of its own. */
  async function sharedPage({ viewport, colorScheme = 'light', reducedMotion = 'reduce' }) {
    shared ??= await openPage(browser);
    await shared.setViewportSize(viewport);
    await shared.emulateMedia({ colorScheme, reducedMotion });
    return shared;
  }
  async function leave(page) {
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.goto('about:blank');
    page.troubles.length = 0;
  }
  /** A page on a server of its own; options as of startMock, `pageOptions` as of newPage. */
  return async function withPage(options, body, { hasTouch, ...pageOptions } = {}) {
    const server = await startMock(options);
    const wanted = { viewport: { width: 1280, height: 900 }, ...pageOptions };
    let page;
    try {
      page = hasTouch ? await openPage(browser, { hasTouch, ...wanted }) : await sharedPage(wanted);
      await body(page, server);
    } finally {
      if (hasTouch) await page?.context().close();
      else if (page) await leave(page);
      await server.close();
    }
  };
}

/** Until `check` gives something true, which is returned; `what` is said when it never does. */
export async function until(check, what) {
  const end = Date.now() + WAIT_MS;
  while (Date.now() < end) {
    const found = await check();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`never: ${what}`);
}

/** Until the text of the first `selector` matches. */
export const says = (page, selector, pattern) =>
  page.waitForFunction(([where, source, flags]) =>
    new RegExp(source, flags).test(document.querySelector(where)?.textContent ?? ''),
  [selector, pattern.source, pattern.flags]);

export const VIEWS =
  ['overview', 'slices', 'workloads', 'graphs', 'processes', 'mig', 'events', 'reports'];

/** A page that notes what goes wrong in it: console errors, requests to elsewhere, CSP violations.
 * It is one for less motion unless the options say otherwise: a chart that moves with each frame takes
 * half a processor where there is no GPU to draw with. */
export async function openPage(browser, options = {}) {
  const page = await browser.newPage({ reducedMotion: 'reduce', ...options });
  page.setDefaultTimeout(WAIT_MS);
  page.troubles = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') page.troubles.push(message.text());
  });
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol !== 'blob:' && hostname !== '127.0.0.1') page.troubles.push(`asks ${request.url()}`);
  });
  return page;
}

/** Opens a view and waits until it shows figures. */
export async function show(page, url, view) {
  await page.goto(`${url}#/${view}`);
  await page.waitForSelector('main > :not(h1)');
  await page.waitForFunction(() => document.querySelector('.link.live'));
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** What axe finds, a line each. The script comes in past the CSP, as a debugger's does. */
export async function axe(page) {
  if (!await page.evaluate(() => 'axe' in globalThis)) await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((n) =>
      `${n.target.join(' ')} (${n.any[0]?.message ?? n.failureSummary})`).join('; ')}`);
  });
}

export const overflow = (page) => page.evaluate(() =>
  document.documentElement.scrollWidth - document.documentElement.clientWidth);
