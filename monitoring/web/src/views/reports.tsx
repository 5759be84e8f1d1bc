// Reports of `corun bench` that the server was given.
import { useState } from 'preact/hooks';
import { getReports } from '../api/client';
import type { Report } from '../api/contract';
import { usePoll } from '../ui/context';
import { Badge, Panel } from '../ui/parts';
import { dateTime } from '../format';

export function Reports() {
  const [reports, setReports] = useState<Report[] | null>(null);
  const [error, setError] = useState('');
  usePoll(() => {
    getReports().then((found) => { setReports(found); setError(''); },
                      (failed: Error) => setError(failed.message));
  }, 30, []);
  return <Panel title="Benchmark reports" wide>
    {error && <p class="say bad" role="status">{error}</p>}
    {reports?.length === 0 && <p class="hint">No report is known. <code>corun bench --mix MIX --out
      FOLDER</code> makes one; <code>corun serve --results FOLDER</code> shows it here.</p>}
    <ul class="boxes">
      {[...reports ?? []].sort((a, b) => b.created - a.created).map((report) =>
        <li class="box" key={report.name}><a href={report.href}><b>{report.name}</b></a>
          <p class="muted">{dateTime(report.created)} · {report.mix}</p>
          <p class="modes">{report.modes.map((mode) => <Badge key={mode}>{mode}</Badge>)}</p></li>)}
    </ul>
  </Panel>;
}
