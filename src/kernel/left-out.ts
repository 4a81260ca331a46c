import type { Limits } from "./allowance.js";

/** The note on output of a cell that was not kept. */
export class LeftOut {
  readonly kind = "note";
  characters = 0;
  displays = 0;
  messages = 0;
  /** Whether no more text is taken. */
  closed = false;
  #displaySize = 0;

  constructor(private readonly limits: Limits) {}

  /** @param size characters of an output that is not kept */
  display(size: number): void {
    this.displays++;
    this.#displaySize += size;
  }

  toString(): string {
    const parts = [
      this.characters > 0 && `${some(this.characters, "character")} of text`,
      this.displays > 0 && `${some(this.displays, "output")} (${some(this.#displaySize, "character")})`,
      this.messages > 0 && `${some(this.messages, "message")} that could not be read`,
    ];
    const { cellText, cellDisplays, notebook, cellOutputs } = this.limits;
    return (
      `[left out here: ${parts.filter(Boolean).join(", ")}. Kept are at most ${mebi(cellText)} of text, ` +
      `${mebi(cellDisplays)} of displays and ${count(cellOutputs)} outputs per cell, ${mebi(notebook)} per notebook]\n`
    );
  }
}

function some(value: number, thing: string): string {
  return `${count(value)} ${thing}${value === 1 ? "" : "s"}`;
}

function count(value: number): string {
  return value === Infinity ? "too many" : value.toLocaleString("en-US");
}

function mebi(characters: number): string {
  return `${characters / 2 ** 20} Mi characters`;
}
