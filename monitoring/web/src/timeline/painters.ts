// Where a chart is painted to: a canvas, or the text of an SVG file.
import type { Painter } from './paint';

const FONT = '11px system-ui, sans-serif';

/** Neighbouring rects of one colour go to the canvas as one path: fillRect costs a state change. */
export function canvasPainter(context: CanvasRenderingContext2D): Painter {
  let fill = '';
  let opacity = -1;
  return {
    rect(x, y, width, height, colour, alpha = 1) {
      if (colour !== fill) context.fillStyle = fill = colour;
      if (alpha !== opacity) context.globalAlpha = opacity = alpha;
      context.fillRect(x, y, width, height);
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
