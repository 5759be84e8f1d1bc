// What each view says of a node that is known: two GPUs, one managed, one in three MIG instances.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { axe, says, show, suite, until } from './browser.mjs';

const withPage = suite();
const choose = (page, gpu) => page.getByLabel('GPU', { exact: true }).selectOption({ index: gpu });
const texts = (page, selector) => page.$$eval(selector, (all) => all.map((one) => one.innerText.replace(/\s+/g, ' ').trim()));

test('overview: a card per GPU, and the card that is chosen is the one that is shown', () =>
  withPage({}, async (page, server) => {
    await show(page, server.url, 'overview');
    const [h200, a100] = await texts(page, '.card');
    assert.match(h200, /NVIDIA H200 managed \d+ % in use Memory [\d.]+ GiB of 141 GiB/);
    assert.match(h200, /serve [\d.]+ GiB \/ 48 GiB/, 'memory against its limit');
    assert.match(h200, /others and driver 2.4 GiB/);
    assert.match(h200, /Power \d+ W \/ 700 W Temperature \d+ °C SM clock 1.\d+ GHz/);
    assert.match(a100, /– not told under MIG 3g.40gb 2g.20gb 1g.10gb/);
    assert.match(await page.getByRole('img', { name: /^Memory by workload: serve/ }).getAttribute('aria-label'),
                 /train [\d.]+ GiB/);
    const sweep = page.getByRole('row', { name: /sweep/ });
    assert.match(await sweep.innerText(), /bob · GPU 1/, 'whose colour is that of another on GPU 0');
    await page.getByRole('button', { name: /A100/ }).click();
    await says(page, 'main', /Who has GPU 1/);
    await says(page, 'main', /No corund governs this GPU/);
    assert.equal(await page.getByRole('button', { name: /A100/ }).getAttribute('aria-pressed'), 'true');
    await page.getByRole('link', { name: 'All of it', exact: true }).click();
    await says(page, '.panel h2', /^GPU 1: who had it when/);
  }));

test('a GPU that nobody governs has no slices, which is told, and not as 0 %', () => withPage({}, async (page, server) => {
  await show(page, server.url, 'slices');
  await says(page, '.lane-names', /in use \d+ %/);
  await choose(page, 1);
  await says(page, '.chart-note', /no corund governs it/);
  assert.deepEqual(await texts(page, '.lane-names li'), ['GPU in use –', 'sweep E ran –']);
  assert.deepEqual(await axe(page), []);
}));

test('workloads: class, share, waits, latency against its target, memory, place, and why', () =>
  withPage({}, async (page, server) => {
    await show(page, server.url, 'workloads');
    assert.match(await page.textContent('.hint'), /corund 0.5.0 of root .* policy priority · by slices · slices proven: measured/);
    const row = async (name) => (await page.getByRole('row', { name: new RegExp(`^${name}`) }).innerText()).replace(/\s+/g, ' ');
    assert.match(await row('serve'), /alice latency-critical ×1 .* ms \/ 8 ms .* GiB \/ 48 GiB prod\/chat-7c9d5-x2x8k slice 20000 us latency-critical: longest/);
    assert.match(await row('train'), /bob best-effort ×3 .* – .* GiB \/ 64 GiB train-llm /);
    assert.match(await row('finetune'), /normal .* host /);
    server.mock.changes.push({ workload: '1000/serve', values: { latency_target_us: 1 } },
                             { workload: '1001/train', values: { min_share: 0.2, max_share: 0.5, state: 'parking' } });
    await until(async () => / \/ 1 µs/.test(await row('serve')), 'the new target of serve');  // it may have been late before
    await page.waitForSelector('td.late');
    await until(async () => /×3 20 %–50 % parking/.test(await row('train')), 'the shares and the state of train');
    await choose(page, 1);
    await says(page, '.hint', /No corund governs this GPU/);
    await page.getByRole('row', { name: /^sweep/ }).waitFor();
  }));

test('a workload tells its figures, what is not known of it, and its sessions; three ways close it', () =>
  withPage({}, async (page, server) => {
    await show(page, server.url, 'workloads');
    const dialog = page.getByRole('dialog');
    const open = async () => {
      await page.getByRole('button', { name: 'train', exact: true }).click();
      await dialog.waitFor();  // before it is there a click goes to what it will cover
    };
    await open();
    const text = (await dialog.innerText()).replace(/\s+/g, ' ');
    assert.match(text, /slice 1000 us beside latency-critical serve: gives way within 1 ms/);
    assert.match(text, /GPU ratio \d+ % M wait ratio \d+ % E/, 'each figure says where it is from');
    assert.match(text, /slice 1 ms G/);
    assert.match(text, /Not known here: burst p50, burst p99, bursts/);
    assert.match(text, /pid 50112 python3 slice 1 ms pid 50113/);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await dialog.waitFor({ state: 'detached' });
    await open();
    await page.mouse.click(100, 400);
    await dialog.waitFor({ state: 'detached' });
    await open();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  }));

test('graphs: lines as their marks say, the figure under the pointer, another span, another GPU', () =>
  withPage({}, async (page, server) => {
    const asked = [];
    await page.route('**/api/v1/series*', (route) => {
      const { searchParams: of } = new URL(route.request().url());
      asked.push(Number(of.get('to')) - Number(of.get('from')));
      return route.continue();
    });
    await show(page, server.url, 'graphs');
    await page.waitForSelector('.u-legend tr:nth-child(2) .u-value');
    const titles = ['Memory by workload', 'Burst latency and its target', 'GPU time by workload', 'Time spent waiting',
                    'Throughput (launches)', 'Activity', 'Power', 'Temperature', 'Clock', 'PCIe'];
    assert.deepEqual(await texts(page, 'figcaption'), titles);
    const latency = page.getByRole('figure', { name: /^Burst latency/ });
    assert.match(await latency.getAttribute('aria-label'), /last: .*serve p99 [\d.]+ ms.*serve target 8 ms/);
    const marks = await latency.locator('.u-marker').evaluateAll((all) => all.map((one) => one.style.border));
    assert.match(marks.find((mark) => mark.includes('dashed')), /dashed/, 'a target is dashed in the legend too');
    assert.ok(new Set(marks.map((mark) => mark.split(' ')[0])).size > 1, 'p50 is thinner than p99');

    const over = latency.locator('.u-over');
    const before = await latency.locator('.u-legend').innerText();
    await over.hover({ position: { x: 30, y: 60 } });
    await until(async () => await latency.locator('.u-legend').innerText() !== before, 'the legend follows the pointer');

    await page.getByLabel('Span').selectOption('3600');
    await until(() => asked.some((span) => Math.abs(span - 3600) < 1), 'an hour is asked for');
    assert.ok(asked.some((span) => Math.abs(span - 300) < 1), 'after the five minutes');
    await choose(page, 1);
    await until(async () => (await texts(page, '.u-legend')).some((text) => /sweep/.test(text)), 'the workload of GPU 1');
    assert.deepEqual(page.troubles, []);
  }));

test('processes: the greatest first, with user, workload, container, MPS and MIG instance', () =>
  withPage({}, async (page, server) => {
    await show(page, server.url, 'processes');
    const rows = await texts(page, 'tbody tr');
    assert.match(rows[0], /^41210 python3 -m serve --model chat-70b --port 8000 alice serve prod\/chat-7c9d5-x2x8k [\d.]+ GiB \d+ % – 20/);
    assert.match(rows.at(-1), /nvidia-persistenced root – host – – –/, 'what is not known is a dash');
    const boxes = await texts(page, '.box');
    assert.match(boxes[0], /^prod\/chat-7c9d5-x2x8k containerd pod Id \w{12} Image registry.local\/chat\/serve:4.2 Memory [\d.]+ GiB Processes 41210$/);
    assert.match(boxes.join(' '), /train-llm podman .* Processes 50112, 50113/);
    await choose(page, 1);
    await says(page, 'main', /No process of this GPU is in a container/);
    const other = await texts(page, 'tbody tr');
    assert.ok(other.some((row) => /60301 python3 dave – host 6 GiB 1 % MPS MIG 5/.test(row)), other.join('\n'));
  }));

test('MIG and MPS: instances on their slots with their processes, what is free, servers and clients', () =>
  withPage({}, async (page, server) => {
    await show(page, server.url, 'mig');
    const [h200, a100] = await texts(page, '.panel');
    assert.match(h200, /This GPU is not divided by MIG/);
    assert.match(h200, /No MPS server runs/);
    const map = page.getByRole('img', { name: /slots/ });
    assert.equal(await map.getAttribute('aria-label'),
                 '8 slots; 3g.40gb on 0 to 3, 2g.20gb on 4 to 5, 1g.10gb on 6 to 6; 1 free');
    const places = () => map.locator('.instance').evaluateAll((all) => all.map((one) => {
      const { left, right } = one.getBoundingClientRect();
      return { text: one.textContent, left, right, cut: one.scrollWidth > one.clientWidth };
    }));
    const [three, two, one, free] = await places();
    assert.ok(three.right <= two.left && two.right <= one.left && one.right <= free.left, 'side by side');
    assert.ok(Math.abs((three.right - three.left) / (two.right - two.left) - 2) < 0.1, 'as wide as they are large');
    assert.equal(free.text, 'free');
    assert.match(a100, /1\.0 3g\.40gb 0–3 40 GiB MIG-1b6f python3 \(60244\)/);
    assert.match(a100, /13\.0 1g\.10gb 6 10 GiB MIG-e41d ffmpeg \(60410\)/);
    assert.match(a100, /Server 60100 user 1001 Client 60244 python3 bob · [\d.]+ GiB Client 60301 python3 dave · 6 GiB/);
    await page.setViewportSize({ width: 375, height: 740 });
    assert.deepEqual((await places()).filter((place) => place.cut), [], 'all can be read on a phone');
  }));

test('events: filtered by severity and by word, older ones on demand, new ones by themselves', () =>
  withPage({}, async (page, server) => {
    await show(page, server.url, 'events');
    await page.waitForSelector('.events li.info');
    const shown = () => page.locator('.events li').count();
    assert.equal(await shown(), 100);
    const errors = Number(await page.textContent('nav .count'));
    await page.getByRole('button', { name: 'Show older ones' }).click();
    await until(async () => await shown() > 100, 'older ones');
    await page.getByLabel('Severity').selectOption('error');
    await page.waitForSelector('.events li.info', { state: 'detached' });
    assert.ok(errors > 0 && await shown() >= errors, 'as many as the number beside the name of the view');
    await page.getByLabel('Severity').selectOption('info');
    await page.getByLabel('with the word').fill('PARKED');
    await page.waitForFunction(() => [...document.querySelectorAll('.events .text')].every((one) => /parked/.test(one.textContent)));
    assert.match(await page.textContent('.panel [role=status]'), /^\d+ of \d+ events$/);
    await page.getByLabel('with the word').fill('no such thing');
    await page.waitForSelector('.events li', { state: 'detached' });
    const { mock } = server;
    for (const stream of mock.streams) {
      stream.write(`event: events\ndata: ${JSON.stringify([{ seq: 1e9, at: Date.now() / 1000, gpu: null, workload: null,
        severity: 'error', kind: 'xid', text: 'no such thing happened before' }])}\n\n`);
    }
    await says(page, '.events li', /happened before/);
    await says(page, 'nav .count', new RegExp(`^${errors + 1}$|^${errors + 2}$`));
  }));

test('reports: the newest first, each with its mix, its modes and a link', () => withPage({}, async (page, server) => {
  await show(page, server.url, 'reports');
  await page.waitForSelector('.box');
  const [first, second] = await texts(page, '.box');
  assert.match(first, /^serve-beside-training 20.* · serve-beside-training exclusive time-slicing mps managed$/);
  assert.match(second, /^two-trainings/);
  assert.equal(await page.getByRole('link', { name: 'two-trainings' }).getAttribute('href'), '/reports/two-trainings/report.html');
}));
