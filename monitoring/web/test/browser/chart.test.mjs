// The time-slice chart: follows, stops, zooms, pans, explains, exports, and holds a million blocks.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { says, show, suite, until } from './browser.mjs';

const withPage = suite();
const BOX = '.canvas-box';
const FRAMES = 80;
const MOST_MS = 15;
const viewOf = (page) => page.$eval(BOX, (box) => [Number(box.dataset.from), Number(box.dataset.to)]);
const spanOf = ([from, to]) => to - from;
const hasBlocks = (page, least = 1) =>
  page.waitForFunction((n) => Number(document.querySelector('.canvas-box').dataset.blocks) >= n, least);
/** A page that shows the chart with blocks in it. */
const withChart = (body, pageOptions = {}, options = {}) => withPage(options, async (page, server) => {
  await show(page, server.url, 'slices');
  await hasBlocks(page);
  await body(page, server);
  assert.deepEqual(page.troubles, []);
}, { viewport: { width: 1280, height: 800 }, ...pageOptions });
const pause = async (page) => {
  await page.getByRole('button', { name: 'Live' }).click();
  await page.getByRole('button', { name: 'Paused' }).waitFor();
};
/** Until the view differs from `before` and has not moved for 300 ms; what it is then. */
async function settled(page, before) {
  await page.waitForFunction(([from, to]) => {
    const { dataset } = document.querySelector('.canvas-box');
    const seen = `${dataset.from} ${dataset.to}`;
    if (globalThis.seen !== seen) Object.assign(globalThis, { seen, since: performance.now() });
    const changed = Number(dataset.from) !== from || Number(dataset.to) !== to;
    return changed && performance.now() - globalThis.since > 300;
  }, before);
  return viewOf(page);
}
/** The views before and after `act`. */
async function moves(page, act) {
  const before = await viewOf(page);
  await act();
  return [before, await settled(page, before)];
}
const near = (value, expected, part = 0.03) => assert.ok(Math.abs(value / expected - 1) < part, `${value}, not ${expected}`);
/** How many colours the canvas shows. */
const painted = (page) => page.$eval(`${BOX} canvas`, (canvas) => {
  // A copy: the chart's own canvas is not to become one that is read.
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext('2d', { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 60, canvas.width, canvas.height - 60);
  const counts = {};
  for (let i = 0; i < data.length; i += 4) {
    const key = `${data[i]},${data[i + 1]},${data[i + 2]}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return Object.values(counts).filter((count) => count > 100).length;
});

test('it follows the present, and stands still when paused', () => withChart(async (page) => {
  const [, first] = await viewOf(page);
  await page.waitForFunction((to) => Number(document.querySelector('.canvas-box').dataset.to) > to + 0.8, first);
  await pause(page);
  const still = await viewOf(page);
  await page.waitForTimeout(1200); // two snapshots, with which a chart that follows moves
  assert.deepEqual(await viewOf(page), still);
  await page.focus(BOX);
  await page.keyboard.press('End');
  await page.getByRole('button', { name: 'Live' }).waitFor();
  await page.keyboard.press(' ');
  await page.getByRole('button', { name: 'Paused' }).waitFor();
}, { reducedMotion: 'no-preference' }));

test('wheel, drag, double click and pinch move it as they say', () => withChart(async (page) => {
  await pause(page);
  const box = await page.locator(BOX).boundingBox();
  const middle = [box.x + box.width / 2, box.y + 100];
  await page.mouse.move(...middle);
  let [before, after] = await moves(page, () => page.mouse.wheel(0, -120));
  assert.ok(spanOf(after) < spanOf(before), 'the wheel zooms in');
  near((after[0] + after[1]) / 2 - before[0], spanOf(before) / 2, 0.05);
  [before, after] = await moves(page, async () => {
    await page.keyboard.down('Shift');
    await page.mouse.wheel(0, -100);
    await page.keyboard.up('Shift');
  });
  near(spanOf(after), spanOf(before), 1e-3);
  assert.ok(after[0] < before[0], 'with Shift it goes to what was earlier');
  [before, after] = await moves(page, async () => {
    await page.mouse.down();
    await page.mouse.move(middle[0] + 200, middle[1], { steps: 4 });
    await page.mouse.up();
  });
  near(before[0] - after[0], (200 / box.width) * spanOf(before), 0.05);
  [before, after] = await moves(page, () => page.mouse.dblclick(...middle));
  near(spanOf(after), 0.4 * spanOf(before));

  const pointer = (type, id, x) => page.$eval(BOX, (one, [kind, pointerId, at]) => {
    one.setPointerCapture = () => {};
    one.dispatchEvent(new PointerEvent(kind, { pointerId, clientX: one.getBoundingClientRect().left + at,
                                               clientY: one.getBoundingClientRect().top + 80, bubbles: true }));
  }, [type, id, x]);
  [before, after] = await moves(page, async () => {
    await pointer('pointerdown', 11, 300);
    await pointer('pointerdown', 12, 400);
    await pointer('pointermove', 12, 500);
    await pointer('pointerup', 12, 500);
    await pointer('pointerup', 11, 300);
  });
  near(spanOf(after), 0.5 * spanOf(before)); // fingers twice as far apart: half the time
}));

test('keys move it as they say', () => withChart(async (page) => {
  await page.focus(BOX);
  const press = (key) => moves(page, () => page.keyboard.press(key));
  await page.keyboard.press(' ');
  await page.getByRole('button', { name: 'Paused' }).waitFor();
  for (const [key, share] of [['ArrowLeft', -0.1], ['ArrowRight', 0.1], ['PageUp', -0.9], ['PageDown', 0.9]]) {
    const [before, after] = await press(key);
    near((after[0] - before[0]) / spanOf(before), share, 0.01);
  }
  for (const [key, factor] of [['+', 0.6], ['-', 1 / 0.6]]) {
    const [before, after] = await press(key);
    near(spanOf(after), factor * spanOf(before), 0.001);
  }
  for (let i = 0; i < 30; i++) await page.keyboard.press('+');
  await until(async () => Math.abs(spanOf(await viewOf(page)) - 0.05) < 1e-4, 'it ends at 50 ms');
}));

test('buttons move it as they say, and a day shows merged lanes', () => withChart(async (page) => {
  await pause(page);
  const click = (name) => moves(page, () => page.getByRole('button', { name, exact: true }).click());
  for (const [name, factor] of [['Zoom in', 0.5], ['Zoom out', 2]]) {
    const [before, after] = await click(name);
    near(spanOf(after), factor * spanOf(before), 0.001);
  }
  for (const [name, share] of [['Earlier', -0.5], ['Later', 0.5]]) {
    const [before, after] = await click(name);
    near((after[0] - before[0]) / spanOf(before), share, 0.01);
  }
  await page.getByLabel('Time in view', { exact: true }).selectOption('86400');
  await until(async () => Math.abs(spanOf(await viewOf(page)) - 86400) < 1, 'a day is in view');
  await until(async () => await painted(page) > 5, 'the lanes of a day');
}));

test('on the overview the wheel scrolls the page, and zooms with Ctrl', () => withPage({}, async (page, server) => {
  await show(page, server.url, 'overview');
  await hasBlocks(page);
  await page.locator(BOX).scrollIntoViewIfNeeded();
  await pause(page);
  await page.locator(BOX).hover();
  const [before, at] = [await viewOf(page), await page.evaluate(() => scrollY)];
  await page.mouse.wheel(0, 60);
  await page.waitForFunction((y) => scrollY > y, at);
  assert.deepEqual(await viewOf(page), before);
  await page.locator(BOX).hover();
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -60);
  await page.keyboard.up('Control');
  assert.ok(spanOf(await settled(page, before)) < spanOf(before));
}, { viewport: { width: 1280, height: 700 } }));

test('what is under the pointer, or at the keyboard\'s cursor, is explained', () => withChart(async (page) => {
  await pause(page);
  const box = await page.locator(BOX).boundingBox();
  await page.mouse.move(box.x + 300, box.y + 30);
  await page.waitForSelector('.tip');
  assert.match(await page.textContent('.tip'), /^GPU \d\d:\d\d:\d\d\.\d{4}/);
  for (const y of [60, 120, 180, 240, 300, 340]) {
    await page.mouse.move(box.x + 300, box.y + y);
    await says(page, '.tip', /^(GPU|serve|embed|train|finetune|notebook) /);
    const tip = await page.locator('.tip').boundingBox();
    assert.ok(tip.y >= box.y - 1 && tip.y + tip.height <= box.y + box.height + 1, 'all of it can be read');
  }
  await page.focus(BOX);
  await page.mouse.move(5, 5);
  for (const name of ['serve', 'embed']) {
    await page.keyboard.press('ArrowDown');
    await says(page, '.tip', new RegExp(`^${name} `));
    await says(page, '.lane-names .chosen', new RegExp(`^${name}`));
  }
  await page.keyboard.press('ArrowUp');
  await says(page, '.tip', /^serve /);
  await page.keyboard.press('.');
  await says(page, '.tip', /ran .*(ms|µs)/);
  const first = await page.textContent('.tip');
  await page.keyboard.press('.');
  await page.waitForFunction((text) => document.querySelector('.tip').textContent !== text, first);
  await page.keyboard.press(',');
  await page.waitForFunction((text) => document.querySelector('.tip').textContent === text, first);
  assert.match(first, /slice 20000 us: latency-critical: longest slice/, 'with the decision');
  assert.equal(await page.getAttribute('.tip', 'role'), 'status', 'a screen reader hears it');
  await page.keyboard.press('Escape');
  await page.waitForSelector('.tip', { state: 'detached' });
}));

test('a tap explains what is under the finger, and one on the axis ends that', () => withChart(async (page) => {
  const box = await page.locator(BOX).boundingBox();
  await page.touchscreen.tap(box.x + 150, box.y + 100);
  await page.waitForSelector('.tip');
  const { x, y, width, height } = await page.locator('.tip').boundingBox();
  assert.ok(x >= 0 && x + width <= 375 && y >= 0 && y + height <= 740, 'it is on the screen');
  await page.touchscreen.tap(box.x + 150, box.y + 8);
  await page.waitForSelector('.tip', { state: 'detached' });
}, { hasTouch: true, viewport: { width: 375, height: 740 } }));

for (const colorScheme of ['light', 'dark']) {
  test(`it is saved as SVG and as PNG, in the colours of the page (${colorScheme})`, () => withChart(async (page) => {
    await pause(page);
    const save = async (name) => {
      const [download] = await Promise.all([page.waitForEvent('download'),
                                            page.getByRole('button', { name, exact: true }).click()]);
      return { name: download.suggestedFilename(), data: readFileSync(await download.path()) };
    };
    const svg = await save('SVG');
    const text = svg.data.toString();
    assert.match(svg.name, /^corun-slices-\d{6}\.svg$/);
    assert.match(text, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    assert.match(text, /finetune \(granted\)/);
    assert.ok(text.match(/<rect /g).length > 50);
    assert.doesNotMatch(text, /NaN|undefined|var\(/);
    assert.ok(text.includes(colorScheme === 'dark' ? '#151c24' : '#ffffff'), 'the ground of the page');
    const parsed = await page.evaluate((source) =>
      new DOMParser().parseFromString(source, 'image/svg+xml').querySelector('parsererror')?.textContent, text);
    assert.equal(parsed, undefined);
    const png = await save('PNG');
    assert.match(png.name, /\.png$/);
    assert.equal(png.data.subarray(1, 4).toString(), 'PNG');
    assert.ok(png.data.length > 5000);
    const width = await page.$eval(BOX, (box) => box.clientWidth);
    assert.equal(png.data.readUInt32BE(16), 2 * width, 'twice as fine as on the screen');
  }, { colorScheme }));
}

test('for those who want less motion it moves with the figures only', () => withChart(async (page) => {
  /** How often it is drawn while four snapshots come. */
  const draws = () => page.evaluate(async () => {
    const set = CanvasRenderingContext2D.prototype.setTransform;
    const box = document.querySelector('.canvas-box');
    let n = 0;
    CanvasRenderingContext2D.prototype.setTransform = function one(...all) { n++; return set.apply(this, all); };
    for (let told = 0; told < 4; told++) {
      const { to } = box.dataset;
      while (box.dataset.to === to) await new Promise((done) => setTimeout(done, 10));
    }
    CanvasRenderingContext2D.prototype.setTransform = set;
    return n;
  });
  const full = await draws();
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.waitForTimeout(500);
  const less = await draws();
  assert.ok(less <= 12, `${less} frames`);
  assert.ok(full > 1.5 * less, `${full} and ${less} frames`);
}, { reducedMotion: 'no-preference' }));

test('a frame of a million blocks that are panned costs less than the display\'s frame takes', () => withPage({ mode: 'million' }, async (page, server) => {
  await show(page, server.url, 'slices');
  await page.getByLabel('Time in view', { exact: true }).selectOption('300');
  await pause(page);
  await hasBlocks(page, 990000);
  /** Milliseconds between frames, each of which pans the chart. */
  const gaps = () => page.evaluate((count) => new Promise((done) => {
    const box = document.querySelector('.canvas-box');
    const all = [];
    let last = 0;
    const step = (at) => {
      if (last) all.push(at - last);
      last = at;
      const deltaX = all.length % 40 < 20 ? -12 : 12;
      box.dispatchEvent(new WheelEvent('wheel', { deltaX, cancelable: true }));
      if (all.length < count) requestAnimationFrame(step);
      else done(all);
    };
    requestAnimationFrame(step);
  }), FRAMES);
  const middle = (all) => [...all].sort((a, b) => a - b)[all.length >> 1];
  // Counted in processor time of the page's thread: frames come late where other programs run, which
  // says nothing of the page. Less than a frame's 16.7 ms is what holds the display's rate.
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const script = async () => (await session.send('Performance.getMetrics')).metrics
    .find(({ name }) => name === 'ScriptDuration').value * 1000;
  let cost = Infinity;
  for (let i = 0; i < 3 && !(cost < MOST_MS); i++) {
    const before = await script();
    const gap = middle(await gaps());
    cost = (await script() - before) / FRAMES;
    console.log(`# a million blocks: a frame costs ${cost.toFixed(1)} ms, frames are ${gap.toFixed(1)} ms apart`);
  }
  assert.ok(cost < MOST_MS, `a frame costs ${cost} ms of script`);
  assert.deepEqual(page.troubles, []);
}, { viewport: { width: 1280, height: 800 }, reducedMotion: 'no-preference' }));
