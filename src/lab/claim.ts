import type { Claim, Verdict } from "../paper/claim.js";
import { printable } from "../core/printable.js";
import { html, type Html } from "./html.js";
import { currentNotebook } from "./notebook.js";

const marks: Readonly<Record<Verdict, { readonly sign: string; readonly color: string }>> = {
  agrees: { sign: "✓", color: "#1a7f37" },
  disagrees: { sign: "✗", color: "#cf222e" },
  undecided: { sign: "?", color: "#9a6700" },
};

/** Shows claims with what was measured and the verdict, as output of the running cell; prints them outside a notebook. */
export function showClaims(claims: readonly Claim[]): void {
  const text = claimsText(claims);
  const notebook = currentNotebook();
  if (notebook) notebook.display({ "text/html": claimsTable(claims), "text/plain": text });
  else console.log(text);
}

/** Claims as plain text, four lines each. */
export function claimsText(claims: readonly Claim[]): string {
  return claims
    .map((claim) =>
      [
        `${marks[claim.verdict].sign} ${claim.verdict}: ${printable(claim.statement)}`,
        `    measured: ${printable(claim.effect)}`,
        `    against: ${printable(claim.null)}`,
        `    rule: ${printable(claim.threshold)}`,
      ].join("\n"),
    )
    .join("\n");
}

/** The columns of the table and the shares of its width. */
const COLUMNS = [
  ["figure", 7],
  ["the paper says", 17],
  ["these runs", 10],
  ["measured (± standard deviation over seeds)", 27],
  ["against", 16],
  ["rule of the verdict", 23],
] as const;

/** Claims as an HTML table as wide as the page, at most 1,400 pixels. */
export function claimsHtml(claims: readonly Claim[]): string {
  return claimsTable(claims).source;
}

function claimsTable(claims: readonly Claim[]): Html {
  const style = "text-align:left;vertical-align:top;white-space:normal;overflow-wrap:break-word";
  const cell = (content: string | Html): Html => html`<td style="${style}">${content}</td>`;
  const rows = claims.map((claim) => {
    const { sign, color } = marks[claim.verdict];
    const verdict = html`<b style="color:${color}">${sign}&nbsp;${claim.verdict}</b>`;
    const texts = [claim.effect, claim.null, claim.threshold].map(cell);
    return html`<tr>${cell(String(claim.figure))}${cell(claim.statement)}${cell(verdict)}${texts}</tr>`;
  });
  const widths = COLUMNS.map(([, width]) => html`<col style="width:${width}%">`);
  const head = COLUMNS.map(([name]) => html`<th style="${style}">${name}</th>`);
  return html`<table class="dataframe" style="table-layout:fixed;width:100%;max-width:1400px"><colgroup>${widths}</colgroup><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table>`;
}
