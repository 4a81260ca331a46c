import type * as TypeScript from "@tslab/typescript-for-tslab";
import type { Diagnostic } from "tslab/dist/converter.js";

/** Names that the function around a cell's code has already. */
const TAKEN: ReadonlySet<string> = new Set(["exports", "require", "__tslab__"]);

/**
 * What TypeScript accepts in a cell and the kernel cannot run, as diagnostics in the cell's own lines.
 * @param declared the names of variables that the cell declares
 */
export function findProblems(
  ts: typeof TypeScript,
  source: string,
  declared: readonly string[],
): Diagnostic[] {
  const taken = declared.filter((name) => TAKEN.has(name));
  if (taken.length === 0 && !source.includes("import")) return [];
  const file = ts.createSourceFile("cell.ts", source, ts.ScriptTarget.ES2022, true);
  const problems: Diagnostic[] = [];
  const report = (node: TypeScript.Node, messageText: string): void => {
    const place = (offset: number) => ({ offset, ...file.getLineAndCharacterOfPosition(offset) });
    const [start, end] = [place(node.getStart()), place(node.getEnd())];
    problems.push({ start, end, messageText, category: ts.DiagnosticCategory.Error, code: 0 });
  };
  const visit = (node: TypeScript.Node): void => {
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword)
      report(
        node,
        "'import.meta' exists in files of modules only. The folder of a cell is that of its notebook: process.cwd().",
      );
    if (ts.isIdentifier(node) && taken.includes(node.text) && isDeclarationName(node)) {
      taken.splice(taken.indexOf(node.text), 1);
      report(node, `A cell cannot declare '${node.text}': the kernel itself uses this name. Choose another.`);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return problems;
}

function isDeclarationName(node: TypeScript.Identifier): boolean {
  const { parent } = node as { parent: { name?: TypeScript.Node; expression?: TypeScript.Node } };
  return parent.name === node && !parent.expression; // not ".exports"
}
