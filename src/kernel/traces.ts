import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";

export type RawSourceMap = SourceMapPayload;

/** A cell as tslab runs it: its text, and its source maps in the order TypeScript -> module -> script. */
export interface Script {
  text: string;
  maps: RawSourceMap[];
}

/** A line that tslab puts in front of every cell. */
const PREFIX_LINES = 1;
const ROOT_URL = new URL("../../", import.meta.url).href;
const ROOT = fileURLToPath(ROOT_URL);
const FRAME = /^\s+at .*(:\d+:\d+|native|<anonymous>)\)?$/;
const INTERNAL = /\(node:|at node:|[\\/]tslab[\\/]dist[\\/]|[\\/](dist|src)[\\/]kernel[\\/]/;
const POSITION = /cell\[(\d+)\]\.ts:(\d+):(\d+)/;

/** Makes printed stack traces say what a reader wrote: the lines of cells, and files of the project. */
export class Traces {
  readonly #cells = new Map<number, { lines: number; maps: SourceMap[] }>();

  /** The name under which cell number `count` appears in a stack. */
  static fileName(count: number): string {
    return `cell[${count}].ts`;
  }

  add(count: number, { text, maps }: Script): void {
    const outermostFirst = maps.map((map) => new SourceMap(map)).reverse();
    this.#cells.set(count, { lines: text.split("\n").length, maps: outermostFirst });
  }

  /**
   * Text in which the frames of Node, tslab and the kernel are left out, those in cells have the cell's own lines, and
   * files of the project are relative to its folder. Lines that are not frames stay as they are.
   */
  clean(text: string): string {
    if (!text.includes(" at ")) return text;
    return text
      .split("\n")
      .flatMap((line) => (FRAME.test(line) ? this.#frame(line) : [line]))
      .join("\n");
  }

  #frame(line: string): string[] {
    if (INTERNAL.test(line)) return [];
    const position = POSITION.exec(line);
    if (!position) return [line.replace(ROOT_URL, "").replace(ROOT, "")];
    const [count, row, column] = position.slice(1).map(Number) as [number, number, number];
    const cell = this.#cells.get(count);
    if (!cell) return [line];
    if (row > cell.lines) return []; // the call of the function around the cell
    let place = { line: row - 1, column: column - 1 };
    for (const map of cell.maps) {
      const entry = map.findEntry(place.line, place.column);
      if (!("originalLine" in entry)) return [line.replace(POSITION, Traces.fileName(count))];
      place = { line: entry.originalLine, column: entry.originalColumn };
    }
    const name = `${Traces.fileName(count)}:${place.line + 1 - PREFIX_LINES}:${place.column + 1}`;
    return [line.replace("at Proxy.", "at ").replace(POSITION, name)]; // tslab keeps a cell's functions in a Proxy
  }
}
