// Where a chart is painted to: a canvas, or the text of an SVG file.
import type { Painter } from './paint';

/** The corners of columns on `bottom`; level stretches have two. */
function outline(x: number, bottom: number, heights: ArrayLike<number>,
                 corner: (x: number, y: number) => void): void {
  const size = heights.length;
  let height = 0;
  corner(x, bottom);
  for (let i = 0; i < size; i++) {
    if (heights[i] === height) continue;
    corner(x + i, bottom - height);
    height = heights[i]!;
    corner(x + i, bottom - height);
  }
  corner(x + size, bottom - height);
  corner(x + size, bottom);
}

const FONT = '11px system-ui, sans-serif';

export function canvasPainter(context: CanvasRenderingContext2D): Painter {
  let fill = '';
  let opacity = -1;
  return {
    rect(x, y, width, height, colour, alpha = 1) {
      if (colour !== fill) context.fillStyle = fill = colour;
      if (alpha !== opacity) context.globalAlpha = opacity = alpha;
      context.fillRect(x, y, width, height);
    },
    area(x, bottom, heights, colour, alpha = 1) {
      context.fillStyle = fill = colour;
      context.globalAlpha = opacity = alpha;
      context.beginPath();
      outline(x, bottom, heights, (px, py) => context.lineTo(px, py));
      context.fill();
    },
    text(x, y, text, colour, align = 'left', bold = false) {
      context.globalAlpha = opacity = 1;
      context.fillStyle = fill = colour;
      context.font = bold ? `600 ${FONT}` : FONT;
      context.textAlign = align;
      context.textBaseline = 'middle';
      context.fillText(text, x, y);
    },
  };
}

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
const short = (value: number): string => String(Math.round(value * 100) / 100);

export function svgPainter(width: number, height: number): Painter & { toString: () => string } {
  const parts: string[] = [];
  return {
    rect(x, y, w, h, fill, alpha = 1) {
      const opacity = alpha < 1 ? ` fill-opacity="${short(alpha)}"` : '';
      parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(w)}" height="${short(h)}"` +
                 ` fill="${fill}"${opacity}/>`);
    },
    area(x, bottom, heights, fill, alpha = 1) {
      const points: string[] = [];
      outline(x, bottom, heights, (px, py) => points.push(`${short(px)} ${short(py)}`));
      const opacity = alpha < 1 ? ` fill-opacity="${short(alpha)}"` : '';
      if (points.length > 0) parts.push(`<path d="M${points.join('L')}Z" fill="${fill}"${opacity}/>`);
    },
    text(x, y, text, fill, align = 'left', bold = false) {
      parts.push(`<text x="${short(x)}" y="${short(y)}" fill="${fill}" dominant-baseline="central"` +
                 `${align === 'center' ? ' text-anchor="middle"' : ''}` +
                 `${bold ? ' font-weight="600"' : ''}>${escape(text)}</text>`);
    },
    toString: () =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"` +
      ` viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11">\n` +
      `${parts.join('\n')}\n</svg>\n`,
  };
}
