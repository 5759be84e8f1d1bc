// The chart as a file, with its names.
import { clock } from '../format';
import { ROWS, chartHeight, paint, type Palette, type Scene } from './paint';
import { canvasPainter, svgPainter } from './painters';

function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
const nameOf = (scene: Scene, kind: string): string =>
  `corun-slices-${clock(scene.base + scene.view.from).replaceAll(':', '')}.${kind}`;

export function exportSvg(scene: Scene, palette: Palette): void {
  const painter = svgPainter(scene.width, chartHeight(scene.lanes.length, ROWS.named));
  paint(painter, palette, { ...scene, rows: ROWS.named });
  save(new Blob([painter.toString()], { type: 'image/svg+xml' }), nameOf(scene, 'svg'));
}

export function exportPng(scene: Scene, palette: Palette): void {
  const canvas = document.createElement('canvas');
  canvas.width = scene.width * 2;
  canvas.height = chartHeight(scene.lanes.length, ROWS.named) * 2;
  const context = canvas.getContext('2d')!;
  context.scale(2, 2);
  paint(canvasPainter(context), palette, { ...scene, rows: ROWS.named });
  canvas.toBlob((blob) => { if (blob) save(blob, nameOf(scene, 'png')); });
}
