import type * as TypeScript from "@tslab/typescript-for-tslab";
import type { RawSourceMap } from "./traces.js";

type Compiler = typeof TypeScript;
type Node = TypeScript.Node;

/**
 * From a cell's JavaScript module to the function body that runs. Every variable at the top level of a cell becomes a
 * property that all cells share (`variables.ts`), so that an assignment in one is seen by the functions, loops and
 * callbacks of every other. `let n = 1; n++; earlier(n)` becomes
 *
 *     const n$ = __tslab__.variables.of("n"), earlier$ = __tslab__.variables.of("earlier");
 *     let n = 1; n$.n = n;
 *     n$.n++;
 *     __tslab__.variables.result = (0, earlier$.earlier)(n$.n);
 *
 * A declaration stays beside its property, because functions and classes get their names from it. Declared again in a later
 * cell, a name is the same variable with a new value: functions of earlier cells see it too, as in IPython and Deno.
 */
export interface CellCode {
  text: string;
  map: RawSourceMap;
  /** The variables that the cell declares. */
  declared: string[];
  /** Those declared by "var" in a block or loop, which the compiler's declarations leave out. */
  nested: string[];
}

const FILE = "cell.js";

/**
 * @param module JavaScript that exports every variable of the cell by name, as tslab's first step leaves it
 * @param known names that earlier cells declared
 */
export function compileCell(compiler: Compiler, module: string, known: ReadonlySet<string>): CellCode {
  const options: TypeScript.CompilerOptions = {
    allowJs: true,
    noLib: true,
    noResolve: true,
    types: [],
    target: compiler.ScriptTarget.ES2022,
    module: compiler.ModuleKind.CommonJS,
    esModuleInterop: true,
    noImplicitUseStrict: true,
    newLine: compiler.NewLineKind.LineFeed,
    sourceMap: true,
    outDir: "out",
  };
  const file = compiler.createSourceFile(FILE, module, options.target!, true, compiler.ScriptKind.JS);
  const written = { text: "", map: "" };
  const host: TypeScript.CompilerHost = {
    getSourceFile: (name) => (name === FILE ? file : undefined),
    writeFile: (name, text) => {
      written[name.endsWith(".map") ? "map" : "text"] = text;
    },
    getDefaultLibFileName: () => "lib.d.ts",
    useCaseSensitiveFileNames: () => true,
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => "",
    getNewLine: () => "\n",
    fileExists: (name) => name === FILE,
    readFile: () => undefined,
    directoryExists: () => true,
    getDirectories: () => [],
  };
  const program = compiler.createProgram([FILE], options, host);
  const rewriting = new Rewriting(compiler, program.getTypeChecker(), file, known);
  program.emit(file, undefined, undefined, false, {
    before: [(context) => () => rewriting.run(context)],
  });
  return {
    text: written.text.replace(/\/\/# sourceMappingURL=.*\s*$/, ""),
    map: JSON.parse(written.map) as RawSourceMap,
    declared: [...rewriting.declared],
    nested: [...rewriting.nested],
  };
}

class Rewriting {
  /** The variables of this cell, by name. */
  readonly declared = new Set<string>();
  readonly nested = new Set<string>();
  /** Where variables are declared. */
  readonly #declarations = new Set<Node>();
  /** Declarations whose name means the declaration itself in what is being visited: a class in its own body. */
  readonly #own = new Set<Node>();
  /** Names of a destructuring pattern, while its own defaults are visited. */
  #pattern: ReadonlySet<Node> = new Set();
  /** Variables of any cell that this one speaks of. */
  readonly #used = new Set<string>();
  #suffix = "$";
  #context!: TypeScript.TransformationContext;

  constructor(
    private readonly ts: Compiler,
    private readonly checker: TypeScript.TypeChecker,
    private readonly file: TypeScript.SourceFile,
    private readonly known: ReadonlySet<string>,
  ) {
    for (const statement of file.statements) {
      if (!this.#isNameList(statement)) continue;
      for (const { propertyName, name } of statement.exportClause.elements)
        this.declared.add((propertyName ?? name).text);
    }
    this.#collect(file);
    const names = [...this.declared, ...known];
    while (names.some((name) => file.text.includes(name + this.#suffix))) this.#suffix += "$";
  }

  run(context: TypeScript.TransformationContext): TypeScript.SourceFile {
    const { ts, file } = this;
    const { factory } = ts;
    this.#context = context;
    const last = file.statements.findLast((statement) => !this.#isNameList(statement));
    const body = file.statements.flatMap((one) => (one === last ? this.#last(one) : this.#statement(one)));
    // As the language says: functions exist from the start of their cell, and a "var" is undefined until it is reached.
    const start: TypeScript.Statement[] = [];
    for (const node of this.#declarations) {
      if (ts.isFunctionDeclaration(node)) start.push(this.#publish(node.name!.text));
      if (isVar(ts, node)) start.push(this.#set(nameOf(node), factory.createVoidZero()));
    }
    const objects = [...this.#used].map((name) => {
      const object = this.#call("of", factory.createStringLiteral(name));
      return factory.createVariableDeclaration(this.#object(name), undefined, undefined, object);
    });
    const list = factory.createVariableDeclarationList(objects, ts.NodeFlags.Const);
    const head = objects.length > 0 ? [factory.createVariableStatement(undefined, list)] : [];
    return factory.updateSourceFile(file, [...head, ...start, ...body]);
  }

  /** Notes the declarations of variables: what stands at the top level, and every "var" outside of functions. */
  #collect(node: Node): void {
    const { ts } = this;
    if (isDeclaration(ts, node) && this.declared.has(nameOf(node))) {
      const top = this.#isTopLevel(node);
      if (top || isVar(ts, node)) this.#declarations.add(node);
      if (!top && isVar(ts, node)) this.nested.add(nameOf(node));
    }
    if (ts.isFunctionLike(node) || ts.isClassLike(node)) return;
    ts.forEachChild(node, (child) => this.#collect(child));
  }

  #isTopLevel(node: Declaration): boolean {
    const { ts } = this;
    let at: Node = node;
    while (!ts.isStatement(at)) at = at.parent;
    return at.parent === this.file && !ts.isIterationStatement(at, false);
  }

  #statement(node: TypeScript.Statement): TypeScript.Statement[] {
    const { ts } = this;
    const { factory } = ts;
    if (this.#isNameList(node)) return [];
    if (ts.isImportDeclaration(node)) return [node, ...this.#imported(node)];
    if (ts.isExportAssignment(node))
      return [factory.createExpressionStatement(this.#expression(node.expression))];
    if (ts.isVariableStatement(node))
      return node.declarationList.declarations.flatMap((one) => this.#variable(node, one));
    if (ts.isFunctionDeclaration(node) && node.name) {
      const { asteriskToken, name, parameters, body } = this.#children(node);
      const modifiers = this.#modifiers(node);
      return [
        factory.updateFunctionDeclaration(
          node,
          modifiers,
          asteriskToken,
          name,
          undefined,
          parameters,
          undefined,
          body,
        ),
      ];
    }
    if (ts.isClassDeclaration(node) && node.name) {
      this.#own.add(node);
      const { name, heritageClauses, members } = this.#children(node);
      this.#own.delete(node);
      const modifiers = this.#modifiers(node);
      const statement = factory.updateClassDeclaration(
        node,
        modifiers,
        name,
        undefined,
        heritageClauses,
        members,
      );
      return this.declared.has(node.name.text) ? [statement, this.#publish(node.name.text)] : [statement];
    }
    return [this.#visit(node) as TypeScript.Statement];
  }

  /** The last statement: where it is an expression, its value is the cell's result. */
  #last(node: TypeScript.Statement): TypeScript.Statement[] {
    const { ts } = this;
    if (!ts.isExpressionStatement(node)) return this.#statement(node);
    const target = ts.factory.createPropertyAccessExpression(this.#variables(), "result");
    const assignment = ts.factory.createAssignment(target, this.#expression(node.expression));
    return [ts.factory.updateExpressionStatement(node, assignment)];
  }

  /** One declaration of a statement at the top level, and its value made known. */
  #variable(
    statement: TypeScript.VariableStatement,
    node: TypeScript.VariableDeclaration,
  ): TypeScript.Statement[] {
    const { ts } = this;
    const { factory } = ts;
    const bound = boundBy(ts, node.name);
    if (!node.initializer && isVar(ts, node)) return [];
    this.#pattern = new Set(bound);
    const name = ts.isIdentifier(node.name)
      ? node.name
      : (this.#visit(node.name) as TypeScript.BindingPattern);
    this.#pattern = new Set();
    const value = node.initializer && this.#expression(node.initializer);
    const declaration = factory.updateVariableDeclaration(node, name, undefined, undefined, value);
    const list = factory.createVariableDeclarationList(
      [declaration],
      statement.declarationList.flags & ts.NodeFlags.BlockScoped,
    );
    const local = ts.setTextRange(factory.createVariableStatement(undefined, list), statement);
    const names = bound.map(nameOf).filter((one) => this.declared.has(one));
    return [local, ...names.map((one) => this.#publish(one))];
  }

  #imported({ importClause }: TypeScript.ImportDeclaration): TypeScript.Statement[] {
    const { ts } = this;
    const { factory } = ts;
    const bindings = importClause?.namedBindings;
    const elements = bindings && ts.isNamedImports(bindings) ? bindings.elements : bindings ? [bindings] : [];
    const names = [importClause?.name, ...elements.map(({ name }) => name)];
    return names.flatMap((name) => {
      if (!name || !this.declared.has(name.text)) return [];
      const read = ts.setOriginalNode(factory.createIdentifier(name.text), name); // so that the compiler finds the module
      const arrow = factory.createToken(ts.SyntaxKind.EqualsGreaterThanToken);
      const reader = factory.createArrowFunction(undefined, undefined, [], undefined, arrow, read);
      const call = this.#call("bindImport", factory.createStringLiteral(name.text), reader);
      return [factory.createExpressionStatement(call)];
    });
  }

  readonly #visit = (node: Node): Node => {
    const { ts } = this;
    const { factory } = ts;
    if (ts.isIdentifier(node)) {
      const name = this.#variableAt(node);
      return name === undefined ? node : ts.setTextRange(this.#property(name), node);
    }
    if (ts.isShorthandPropertyAssignment(node)) {
      const name = this.#variableNamed(node.name.text, this.checker.getShorthandAssignmentValueSymbol(node));
      if (name === undefined) return this.#children(node);
      const value = node.objectAssignmentInitializer && this.#expression(node.objectAssignmentInitializer);
      const target = value ? factory.createAssignment(this.#property(name), value) : this.#property(name);
      return ts.setTextRange(factory.createPropertyAssignment(node.name.text, target), node);
    }
    // A function is called without the object that holds it as "this".
    if (ts.isCallExpression(node) && this.#isVariable(node.expression)) {
      const { expression, questionDotToken, arguments: values } = this.#children(node);
      const called = this.#bare(expression, node.expression);
      return ts.isCallChain(node)
        ? factory.updateCallChain(node, called, questionDotToken, undefined, values)
        : factory.updateCallExpression(node, called, undefined, values);
    }
    if (ts.isTaggedTemplateExpression(node) && this.#isVariable(node.tag)) {
      const { tag, template } = this.#children(node);
      return factory.updateTaggedTemplateExpression(node, this.#bare(tag, node.tag), undefined, template);
    }
    const list = this.#varsOf(node);
    if (list) return this.#assigned(node, list);
    if (!ts.isFunctionLike(node)) return this.#children(node);
    const pattern = this.#pattern;
    this.#pattern = new Set();
    const result = this.#children(node);
    this.#pattern = pattern;
    return result;
  };

  #children<T extends Node>(node: T): T {
    return this.ts.visitEachChild(node, this.#visit, this.#context);
  }

  #expression(node: TypeScript.Expression): TypeScript.Expression {
    return this.#visit(node) as TypeScript.Expression;
  }

  /** The list of a "var" in a block or loop that declares variables of the cell. */
  #varsOf(node: Node): TypeScript.VariableDeclarationList | undefined {
    const { ts } = this;
    let list: Node | undefined;
    if (ts.isVariableStatement(node)) list = node.declarationList;
    else if (ts.isForStatement(node) || ts.isForInStatement(node) || ts.isForOfStatement(node))
      list = node.initializer;
    if (!list || !ts.isVariableDeclarationList(list) || !isVarList(ts, list)) return undefined;
    const bound = list.declarations.flatMap(({ name }) => boundBy(ts, name));
    return bound.some((one) => this.#declarations.has(one)) ? list : undefined;
  }

  /** A statement in which "var x = 1" has become an assignment to the cell's variable. */
  #assigned(node: Node, { declarations }: TypeScript.VariableDeclarationList): Node {
    const { ts } = this;
    const { factory } = ts;
    const target = (name: TypeScript.BindingName): TypeScript.Expression => this.#target(name);
    const values = declarations.flatMap<TypeScript.Expression>(({ name, initializer }) =>
      initializer ? [factory.createAssignment(target(name), this.#expression(initializer))] : [],
    );
    const all =
      values.length > 0 ? values.reduce((left, right) => factory.createComma(left, right)) : undefined;
    if (ts.isForStatement(node)) {
      const condition = node.condition && this.#expression(node.condition);
      const incrementor = node.incrementor && this.#expression(node.incrementor);
      return factory.updateForStatement(node, all, condition, incrementor, this.#body(node));
    }
    if (ts.isForInStatement(node)) {
      const of = this.#expression(node.expression);
      return factory.updateForInStatement(node, target(declarations[0]!.name), of, this.#body(node));
    }
    if (ts.isForOfStatement(node)) {
      const of = this.#expression(node.expression);
      return factory.updateForOfStatement(
        node,
        node.awaitModifier,
        target(declarations[0]!.name),
        of,
        this.#body(node),
      );
    }
    return ts.setTextRange(
      all ? factory.createExpressionStatement(all) : factory.createEmptyStatement(),
      node,
    );
  }

  #body(node: TypeScript.IterationStatement): TypeScript.Statement {
    return this.#visit(node.statement) as TypeScript.Statement;
  }

  /** What a declaration binds, as the left side of an assignment. */
  #target(name: TypeScript.BindingName): TypeScript.Expression {
    const { ts } = this;
    const { factory } = ts;
    if (ts.isIdentifier(name)) return this.#property(name.text);
    const withDefault = ({ name: inner, initializer }: TypeScript.BindingElement): TypeScript.Expression =>
      initializer
        ? factory.createAssignment(this.#target(inner), this.#expression(initializer))
        : this.#target(inner);
    if (ts.isArrayBindingPattern(name)) {
      const elements = name.elements.map((one) => {
        if (ts.isOmittedExpression(one)) return one;
        return one.dotDotDotToken ? factory.createSpreadElement(this.#target(one.name)) : withDefault(one);
      });
      return factory.createArrayLiteralExpression(elements);
    }
    const properties = name.elements.map((one) => {
      if (one.dotDotDotToken) return factory.createSpreadAssignment(this.#target(one.name));
      const key = one.propertyName
        ? (this.#visit(one.propertyName) as TypeScript.PropertyName)
        : factory.createIdentifier((one.name as TypeScript.Identifier).text);
      return factory.createPropertyAssignment(key, withDefault(one));
    });
    return factory.createObjectLiteralExpression(properties);
  }

  #isVariable(node: Node): boolean {
    return this.ts.isIdentifier(node) && this.#variableAt(node) !== undefined;
  }

  /** The variable that a name in the text means; undefined where it is another's, or no reference. */
  #variableAt(node: TypeScript.Identifier): string | undefined {
    if (!this.declared.has(node.text) && !this.known.has(node.text)) return undefined;
    const parent = node.parent as { name?: Node; propertyName?: Node; label?: Node };
    if (parent.name === node || parent.propertyName === node || parent.label === node) return undefined;
    return this.#variableNamed(node.text, this.checker.getSymbolAtLocation(node));
  }

  #variableNamed(name: string, symbol: TypeScript.Symbol | undefined): string | undefined {
    const declarations = symbol?.declarations ?? [];
    if (declarations.some((one) => this.#own.has(one) || this.#pattern.has(one))) return undefined;
    if (declarations.length === 0) return this.known.has(name) ? name : undefined;
    return declarations.some((one) => this.#declarations.has(one)) ? name : undefined;
  }

  /** `(0, f$.f)`, which a stack places where the name begins. */
  #bare(value: TypeScript.Expression, place: Node): TypeScript.Expression {
    const { factory, setEmitFlags, EmitFlags } = this.ts;
    const comma = factory.createComma(
      factory.createNumericLiteral(0),
      setEmitFlags(value, EmitFlags.NoTrailingSourceMap),
    );
    const callee = this.ts.setTextRange(factory.createParenthesizedExpression(comma), place);
    return setEmitFlags(callee, EmitFlags.NoTrailingSourceMap);
  }

  /** `n$.n` */
  #property(name: string): TypeScript.PropertyAccessExpression {
    this.#used.add(name);
    return this.ts.factory.createPropertyAccessExpression(this.#object(name), name);
  }

  #object(name: string): TypeScript.Identifier {
    return this.ts.factory.createIdentifier(name + this.#suffix);
  }

  /** `n$.n = n;` */
  #publish(name: string): TypeScript.Statement {
    return this.#set(name, this.ts.factory.createIdentifier(name));
  }

  #set(name: string, value: TypeScript.Expression): TypeScript.Statement {
    const { factory } = this.ts;
    return factory.createExpressionStatement(factory.createAssignment(this.#property(name), value));
  }

  #variables(): TypeScript.Expression {
    const { factory } = this.ts;
    return factory.createPropertyAccessExpression(factory.createIdentifier("__tslab__"), "variables");
  }

  #call(method: string, ...values: TypeScript.Expression[]): TypeScript.Expression {
    const { factory } = this.ts;
    const callee = factory.createPropertyAccessExpression(this.#variables(), method);
    return factory.createCallExpression(callee, undefined, values);
  }

  /** Without "export" and "default". */
  #modifiers(node: TypeScript.FunctionDeclaration | TypeScript.ClassDeclaration): TypeScript.Modifier[] {
    const { ExportKeyword, DefaultKeyword } = this.ts.SyntaxKind;
    const modifiers = this.ts.getModifiers(node) ?? [];
    return modifiers.filter(({ kind }) => kind !== ExportKeyword && kind !== DefaultKeyword);
  }

  /** `export { a, b };` */
  #isNameList(node: Node): node is TypeScript.ExportDeclaration & { exportClause: TypeScript.NamedExports } {
    const { ts } = this;
    if (!ts.isExportDeclaration(node) || node.moduleSpecifier || !node.exportClause) return false;
    return ts.isNamedExports(node.exportClause);
  }
}

type Declaration =
  | TypeScript.VariableDeclaration
  | TypeScript.BindingElement
  | TypeScript.FunctionDeclaration
  | TypeScript.ClassDeclaration
  | TypeScript.ImportClause
  | TypeScript.NamespaceImport
  | TypeScript.ImportSpecifier;

/** Whether a node declares one name. */
function isDeclaration(ts: Compiler, node: Node): node is Declaration {
  if (ts.isVariableDeclaration(node) || ts.isBindingElement(node)) return ts.isIdentifier(node.name);
  if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isImportClause(node))
    return Boolean(node.name);
  return ts.isNamespaceImport(node) || ts.isImportSpecifier(node);
}

function nameOf(node: Declaration): string {
  return (node.name as TypeScript.Identifier).text;
}

function isVarList(ts: Compiler, node: TypeScript.VariableDeclarationList): boolean {
  return (node.flags & ts.NodeFlags.BlockScoped) === 0;
}

/** Whether a declaration is a "var", or part of one. */
function isVar(ts: Compiler, node: Node): node is TypeScript.VariableDeclaration | TypeScript.BindingElement {
  if (!ts.isVariableDeclaration(node) && !ts.isBindingElement(node)) return false;
  let at: Node = node;
  while (!ts.isVariableDeclarationList(at)) at = at.parent;
  return isVarList(ts, at);
}

/** The declarations of the names that a declaration binds. */
function boundBy(ts: Compiler, name: TypeScript.BindingName): Declaration[] {
  if (ts.isIdentifier(name)) return [name.parent as Declaration];
  return name.elements.flatMap((one) => (ts.isOmittedExpression(one) ? [] : boundBy(ts, one.name)));
}
