import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** The face that ships with the laboratory, so that a figure looks and measures the same on every machine. */
export const fontFamily = "Source Sans 3";

/** CSS font-family list of every figure and table. */
export const fontStack = `"${fontFamily}", "Source Sans Pro", "Helvetica Neue", Arial, sans-serif`;

/** Weights that figures use: text and titles. */
export const fontWeights = [400, 600] as const;

/** The WOFF2 file of one weight (Latin: letters, digits, punctuation, the minus and multiplication signs). */
export function fontFile(weight: (typeof fontWeights)[number]): Buffer {
  const require = createRequire(import.meta.url);
  return readFileSync(
    require.resolve(`@fontsource/source-sans-3/files/source-sans-3-latin-${weight}-normal.woff2`),
  );
}

/** `@font-face` rules with the font inside (42 KiB): makes an SVG or a page independent of installed fonts. */
export function fontFaceCss(): string {
  return fontWeights
    .map((weight) => {
      const source = `url(data:font/woff2;base64,${fontFile(weight).toString("base64")}) format("woff2")`;
      return `@font-face{font-family:"${fontFamily}";font-weight:${weight};font-style:normal;src:${source}}`;
    })
    .join("");
}

/** Whether the shipped face has a glyph for every character of `text`. */
export function fontCovers(text: string): boolean {
  return /^[\s\u0020-\u00ff\u0131\u0152\u0153\u02bb-\u02bc\u02c6\u02da\u02dc\u2000-\u206f\u20ac\u2122\u2191\u2193\u2212\u2215]*$/.test(
    text,
  );
}
