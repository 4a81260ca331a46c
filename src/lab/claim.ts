import type { Claim, Verdict } from "../paper/claim.js";
import { escapeHtml } from "./html.js";
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
  if (notebook) notebook.display({ "text/html": claimsHtml(claims), "text/plain": text });
  else console.log(text);
}

/** Claims as plain text, two lines each. */
export function claimsText(claims: readonly Claim[]): string {
  return claims
    .map(({ statement, verdict, detail }) => `${marks[verdict].sign} ${verdict}: ${statement}\n    ${detail}`)
    .join("\n");
}

/** Claims as an HTML table. */
export function claimsHtml(claims: readonly Claim[]): string {
  const cell = 'style="text-align:left;vertical-align:top"';
  const rows = claims.map(({ figure, statement, verdict, detail }) => {
    const { sign, color } = marks[verdict];
    const mark = `<td ${cell}><b style="color:${color}">${sign}&nbsp;${verdict}</b></td>`;
    return `<tr><td ${cell}>${figure}</td><td ${cell}>${escapeHtml(statement)}</td>${mark}<td ${cell}>${escapeHtml(detail)}</td></tr>`;
  });
  const head = ["figure", "the paper says", "this run", "measured"]
    .map((name) => `<th ${cell}>${name}</th>`)
    .join("");
  return `<table class="dataframe"><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}
