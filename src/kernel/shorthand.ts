/**
 * tslab turns a name that an earlier cell declared into a property of `exports`, but leaves it alone in `{ name }`: there
 * it asks the checker for the symbol at the name, which is that of the new property. Cells would end with "name is not
 * defined". This transformer, run before tslab's, writes `{ name: exports.name }` for such a property.
 */

/** The parts of the TypeScript compiler that are touched. */
export interface ShorthandCompiler {
  createWatchProgram(host: WatchHost): unknown;
  isShorthandPropertyAssignment(node: Node): boolean;
  visitEachChild(node: Node, visit: (node: Node) => Node, context: unknown): Node;
  getParseTreeNode(node: Node): Node | undefined;
  factory: {
    createIdentifier(text: string): Node;
    createPropertyAssignment(name: Node, value: Node): Node;
    createPropertyAccessExpression(of: Node, name: Node): Node;
  };
}
interface Node {
  readonly name: Node;
  readonly text: string;
  readonly parent?: Node;
  getSourceFile(): Node;
}
interface Checker {
  getShorthandAssignmentValueSymbol(node: Node): { readonly declarations?: readonly Node[] } | undefined;
}
type Transformer = (context: unknown) => (node: Node) => Node;
interface Builder {
  getProgram(): { getTypeChecker(): Checker };
  emit(file: Node, write: unknown, token: unknown, only: unknown, custom: { after: Transformer[] }): unknown;
}
interface WatchHost {
  afterProgramCreate(builder: Builder): void;
}

/** The compiler's `createWatchProgram`, whose programs emit with the transformer. */
export function withShorthand(compiler: ShorthandCompiler): ShorthandCompiler["createWatchProgram"] {
  return (host) => {
    const after = host.afterProgramCreate.bind(host);
    host.afterProgramCreate = (builder) => {
      const emit = builder.emit.bind(builder);
      builder.emit = (file, write, token, only, custom) => {
        const own = transformer(compiler, builder.getProgram().getTypeChecker());
        return emit(file, write, token, only, { ...custom, after: [own, ...custom.after] });
      };
      after(builder);
    };
    return compiler.createWatchProgram(host);
  };
}

function transformer(compiler: ShorthandCompiler, checker: Checker): Transformer {
  return (context) => (file) => {
    // tslab makes the file of earlier declarations the parent of the cell's
    const earlier = compiler.getParseTreeNode(file)?.parent;
    const isEarlier = (property: Node): boolean => {
      const original = compiler.getParseTreeNode(property);
      const symbol = original && checker.getShorthandAssignmentValueSymbol(original);
      return symbol?.declarations?.some((declaration) => declaration.getSourceFile() === earlier) ?? false;
    };
    const { createIdentifier, createPropertyAccessExpression, createPropertyAssignment } = compiler.factory;
    const visit = (node: Node): Node => {
      if (!compiler.isShorthandPropertyAssignment(node) || !isEarlier(node))
        return compiler.visitEachChild(node, visit, context);
      const name = (): Node => createIdentifier(node.name.text);
      return createPropertyAssignment(
        name(),
        createPropertyAccessExpression(createIdentifier("exports"), name()),
      );
    };
    return earlier ? visit(file) : file;
  };
}
