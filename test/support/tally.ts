/** What came of the attacks of one kind. */
interface Counts {
  tried: number;
  survived: number;
  lost: number;
}

/** Counts what attacks did, for a table at the end of a suite. */
export class Tally {
  readonly #counts = new Map<string, Counts>();

  /** Notes one attack. @param survived nothing that was written before is missing or wrong */
  note(kind: string, survived: boolean): void {
    const counts = this.#counts.get(kind) ?? { tried: 0, survived: 0, lost: 0 };
    counts.tried++;
    counts[survived ? "survived" : "lost"]++;
    this.#counts.set(kind, counts);
  }

  /** Attacks that something did not survive. */
  get lost(): number {
    return [...this.#counts.values()].reduce((sum, { lost }) => sum + lost, 0);
  }

  /** A Markdown table. */
  toString(): string {
    const rows = [...this.#counts].map(([kind, { tried, survived, lost }]) => [kind, tried, survived, lost]);
    const lines = [["attack", "tried", "survived", "lost"], ["---", "---:", "---:", "---:"], ...rows];
    return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  }
}
